"""The only writer of coupon uses. The database counts each on its coupon, its code and its customer, and refuses one
too many; the rows that it counts on stay locked until the caller's transaction ends. Lock order: after a customer's
credit, before stock.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import IntegrityError

from kit import clock, strict_json
from orders.coupons.finding import CouponDiscount
from orders.models import CouponUse, Order

# What the database says when a coupon has been used as often as it may.
_LIMITS = frozenset(
    {
        "coupon_used_within_its_limit",
        "coupon_code_used_within_its_limit",
        "coupon_used_within_its_limit_per_customer",
        "coupon_spent_within_its_budget",
    }
)

USE = """
INSERT INTO orders_couponuse (order_id, coupon_id, code_id, customer_id, currency, discount_minor, terms, used_at)
VALUES (%(id)s, %(coupon)s, %(coupon_code_id)s, %(customer_id)s, %(currency)s, %(coupon_discount)s,
        %(coupon_terms)s::jsonb, %(now)s)
"""
"""Writes down that an order uses a coupon. A statement of the transaction that places it, with the values of
`use_values` and those of the order."""


def use_values(discount: CouponDiscount) -> dict[str, Any]:
    """The values of `USE`."""
    offer = discount.offer
    terms = {
        "kind": offer.kind.value,
        "percent_ppm": offer.percent_ppm,
        "amount_minor": offer.amount_minor,
        "lines": list(discount.lines),
        "delivery": discount.delivery,
    }
    return {
        "coupon": offer.coupon_id,
        "coupon_code_id": offer.code_id,
        "coupon_discount": discount.total,
        "coupon_terms": strict_json.dumps(terms).decode(),
    }


def is_used_up(error: IntegrityError) -> bool:
    """Whether the database refused a use because somebody was faster."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) in _LIMITS


def give_back(order_id: uuid.UUID) -> None:
    """The order uses no coupon any more: it may be used again. Harmless to repeat. The order is locked."""
    CouponUse.objects.filter(order_id=order_id, given_back_at__isnull=True).update(given_back_at=clock.now())


def use_again(order: Order) -> None:
    """The order lives again, and uses the coupon that it had. Raises IntegrityError (`is_used_up`) if others have used
    it up since.
    """
    before = CouponUse.objects.filter(order=order).order_by("-pk").first()
    if before is None or before.given_back_at is None:
        return
    CouponUse.objects.create(
        order=order,
        coupon_id=before.coupon_id,
        code_id=before.code_id,
        customer_id=before.customer_id,
        currency=before.currency,
        discount_minor=before.discount_minor,
        terms=before.terms,
        used_at=clock.now(),
    )
