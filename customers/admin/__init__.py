"""The pages of the back office about people: accounts, customers, groups, the genealogy, memberships."""

from customers.admin import accounts, genealogy, groups, memberships, people

__all__ = ["accounts", "genealogy", "groups", "memberships", "people"]
