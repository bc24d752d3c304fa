"""The event sites' interface: one route that hands out the payment order of an entry."""
