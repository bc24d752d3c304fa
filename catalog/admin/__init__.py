"""The catalogue's pages of the back office."""

from catalog.admin import delivery, packages, products, stock

__all__ = ["delivery", "packages", "products", "stock"]
