"""A coupon as it stands for one customer right now, and what of it an order may have. Reads only; the database has the
last word when the use is written.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import connection

from kit.money import Money, allocate
from orders.coupons.codes import normalised
from orders.models.coupons import CouponKind
from orders.taxes.arithmetic import WHOLE


class WhyNot(StrEnum):
    """Why a coupon cannot be used for an order."""

    UNKNOWN = "unknown"  # no such code, or it was switched off
    NOT_YET = "not_yet"
    OVER = "over"
    USED_UP = "used_up"  # as often as it may be, or as much as its budget has
    USED_BEFORE = "used_before"  # as often as this customer may
    CURRENCY = "currency"  # it is for orders in another one
    MINIMUM = "minimum"  # the products cost too little
    NOTHING_ELIGIBLE = "nothing_eligible"  # it is for other products


@dataclass(frozen=True, slots=True)
class CouponOffer:
    """A coupon under one of its codes, with how far it has been used, by all and by one customer."""

    coupon_id: uuid.UUID
    code_id: int
    code: str
    kind: CouponKind
    percent_ppm: int | None
    amount_minor: int | None
    currency: str
    minimum_minor: int
    kinds: frozenset[str]
    products: frozenset[uuid.UUID]
    starts_at: datetime | None
    ends_at: datetime | None
    active: bool
    left: int | None
    left_of_code: int | None
    left_for_customer: int | None
    budget_left_minor: int | None


@dataclass(frozen=True, slots=True)
class CouponLine:
    """A line as a coupon looks at it; minor units, after any other discount."""

    product_id: uuid.UUID
    kind: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class CouponDiscount:
    """What a coupon takes off an order: of each line, and of the delivery. Minor units."""

    offer: CouponOffer
    lines: tuple[int, ...]
    delivery: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.lines) + self.delivery


_FIND = """
SELECT c.id, k.id, k.code, c.kind, c.percent_ppm, c.amount_minor, c.currency, c.minimum_minor, c.kinds,
       (SELECT array_agg(p.product_id) FROM orders_coupon_products p WHERE p.coupon_id = c.id), c.starts_at, c.ends_at,
       c.active, c.max_uses - c.used, k.max_uses - k.used,
       c.max_uses_per_customer - coalesce(
           (SELECT m.used FROM orders_couponcustomer m WHERE m.coupon_id = c.id AND m.customer_id = %(customer)s), 0),
       c.budget_minor - c.spent_minor
FROM orders_couponcode k JOIN orders_coupon c ON c.id = k.coupon_id WHERE k.code = %(code)s
"""


def find_coupon(code: str, customer_id: uuid.UUID) -> CouponOffer | None:
    """The coupon that a code means, however it is typed. One statement."""
    wanted = normalised(code)
    if wanted is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_FIND, {"code": wanted, "customer": customer_id})
        row = cursor.fetchone()
    if row is None:
        return None
    coupon_id, code_id, code, kind, percent, amount, currency, minimum, kinds, products, *rest = row
    return CouponOffer(
        coupon_id,
        code_id,
        code,
        CouponKind(kind),
        percent,
        amount,
        currency,
        minimum,
        frozenset(kinds),
        frozenset(products or ()),
        *rest,
    )


def discount_of(
    offer: CouponOffer, lines: Sequence[CouponLine], *, delivery: Money, now: datetime
) -> CouponDiscount | WhyNot:
    """What the coupon takes off these lines and this delivery, or why it cannot be used for them. Pure.

    A percentage is rounded half up once, for all lines that it is for; an amount is at most what those cost. Both are
    shared out over them by what they cost, to the last unit.
    """
    if why_not := _usable(offer, now) or _fitting(offer, lines, delivery.currency):
        return why_not
    if offer.kind == CouponKind.FREE_DELIVERY:
        if not delivery.minor:
            return WhyNot.NOTHING_ELIGIBLE
        discount = CouponDiscount(offer, (0,) * len(lines), delivery.minor)
    else:
        eligible = [line.amount_minor if _is_for(offer, line) else 0 for line in lines]
        discount = CouponDiscount(offer, tuple(_spread(_worth(offer, sum(eligible)), eligible)), 0)
    if offer.budget_left_minor is not None and discount.total > offer.budget_left_minor:
        return WhyNot.USED_UP
    return discount


def _usable(offer: CouponOffer, now: datetime) -> WhyNot | None:
    if not offer.active:
        return WhyNot.UNKNOWN
    if offer.starts_at is not None and now < offer.starts_at:
        return WhyNot.NOT_YET
    if offer.ends_at is not None and now >= offer.ends_at:
        return WhyNot.OVER
    if any(left is not None and left <= 0 for left in (offer.left, offer.left_of_code)):
        return WhyNot.USED_UP
    if offer.left_for_customer is not None and offer.left_for_customer <= 0:
        return WhyNot.USED_BEFORE
    return None


def _fitting(offer: CouponOffer, lines: Sequence[CouponLine], currency: str) -> WhyNot | None:
    if offer.currency not in ("", currency):
        return WhyNot.CURRENCY
    if sum(line.amount_minor for line in lines) < offer.minimum_minor:
        return WhyNot.MINIMUM
    if not any(_is_for(offer, line) for line in lines):
        return WhyNot.NOTHING_ELIGIBLE
    return None


def _is_for(offer: CouponOffer, line: CouponLine) -> bool:
    fits_kind = not offer.kinds or line.kind in offer.kinds
    return fits_kind and (not offer.products or line.product_id in offer.products)


def _worth(offer: CouponOffer, amount: int) -> int:
    if offer.kind == CouponKind.PERCENT:
        assert offer.percent_ppm is not None
        return (2 * amount * offer.percent_ppm + WHOLE) // (2 * WHOLE)
    assert offer.amount_minor is not None
    return min(offer.amount_minor, amount)


def _spread(worth: int, eligible: Sequence[int]) -> list[int]:
    # Without anything to bear it nothing is taken off: free products stay free.
    return allocate(worth, eligible) if worth else [0] * len(eligible)
