"""Who stands below whom: asking (`tree`), placing and moving (`placing`), whole ones out of files (`importing`)."""
