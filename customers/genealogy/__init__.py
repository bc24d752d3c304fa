"""Who stands below whom: asking (`tree`), placing and moving (`placing`), and whole genealogies from files (`importing`)."""
