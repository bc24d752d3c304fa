"""Invoices as e-invoices: UBL 2.1 as EN 16931 binds it."""

from orders.invoices.ubl.document import NotExpressible, export

__all__ = ["NotExpressible", "export"]
