"""Invoices as PDF: the same bytes for the same view, every time."""

from orders.invoices.pdf.document import RENDERING, render

__all__ = ["RENDERING", "render"]
