"""The catalogue's pages of the back office."""

from catalog.admin import delivery, events, products, stock, taxes

__all__ = ["delivery", "events", "products", "stock", "taxes"]
