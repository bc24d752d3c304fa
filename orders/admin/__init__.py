"""The order's pages of the back office: what happened to it, and the acts that staff may do."""

from orders.admin import entries, invoices, orders, refunds, sent_refunds

__all__ = ["entries", "invoices", "orders", "refunds", "sent_refunds"]
