"""The pages of the back office about merchants: who they are, their keys, their orders."""

from payments.merchants.admin import keys, merchants, orders

__all__ = ["keys", "merchants", "orders"]
