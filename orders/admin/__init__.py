"""The order's pages of the back office: what happened to it, and the acts that staff may do."""

from orders.admin import (
    campaigns,
    coupon_batches,
    coupons,
    entries,
    grants,
    invoices,
    mailing_keys,
    orders,
    refunds,
    sent_refunds,
    write_offs,
)

__all__ = [
    "campaigns",
    "coupon_batches",
    "coupons",
    "entries",
    "grants",
    "invoices",
    "mailing_keys",
    "orders",
    "refunds",
    "sent_refunds",
    "write_offs",
]
