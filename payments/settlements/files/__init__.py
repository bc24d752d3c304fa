"""Settlement files, read strictly: a file is right from its first to its last row, or nothing of it is believed."""
