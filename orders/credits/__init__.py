"""Credit in orders: bought by one, given back by refunds of others; granted and revoked by staff; and how it ends."""
