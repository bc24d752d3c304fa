"""The pages of the back office about people: accounts, customers, groups."""

from customers.admin import accounts, groups, people

__all__ = ["accounts", "groups", "people"]
