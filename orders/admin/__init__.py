"""The order's pages of the back office: what happened to it, and the acts that staff may do."""

from orders.admin import coupon_batches, coupons, entries, grants, invoices, orders, refunds, sent_refunds, write_offs

__all__ = [
    "coupon_batches",
    "coupons",
    "entries",
    "grants",
    "invoices",
    "orders",
    "refunds",
    "sent_refunds",
    "write_offs",
]
