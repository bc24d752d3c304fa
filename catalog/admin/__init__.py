"""The catalogue's pages of the back office."""

from catalog.admin import delivery, products, stock, taxes

__all__ = ["delivery", "products", "stock", "taxes"]
