"""The catalogue's pages of the back office."""

from catalog.admin import delivery, events, packages, products, stock, taxes

__all__ = ["delivery", "events", "packages", "products", "stock", "taxes"]
