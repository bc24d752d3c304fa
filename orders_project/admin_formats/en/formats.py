"""To the second, on a clock of 24 hours, and no doubt about which number is the month. All times are UTC."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i:s"
DATETIME_FORMAT = "j M Y, H:i:s"
