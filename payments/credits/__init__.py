"""Customers' credit beyond its ledger: until when it is good, what is left of it, and how it ends."""
