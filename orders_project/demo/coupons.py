"""Coupons of the demo shop: one of each kind, and one that covers everything."""

from __future__ import annotations

from kit.money import Money
from orders.coupons import making, printing
from orders.models import Coupon, CouponCode, CouponKind

# Code, kind, what it takes off in millionths or minor units, and whether the delivery is free as well.
_COUPONS: tuple[tuple[str, CouponKind, int, bool], ...] = (
    ("DEMO10", CouponKind.PERCENT, 100_000, False),
    ("DEMO15USD", CouponKind.AMOUNT, 1_500, False),
    ("DEMOSHIP", CouponKind.FREE_DELIVERY, 0, False),
    ("DEMOFREE", CouponKind.PERCENT, 1_000_000, True),
)
_CURRENCY = "USD"


def ensure_coupons() -> list[dict[str, str]]:
    """The demo's coupons can be used, as often as anybody likes; how scripts read them."""
    for coupon in _COUPONS:
        _ensure(*coupon)
    return [{"code": code, "kind": kind.value, "value": _value(kind, worth)} for code, kind, worth, _ in _COUPONS]


def _ensure(code: str, kind: CouponKind, worth: int, frees_delivery: bool) -> None:
    known = CouponCode.objects.filter(code=code).select_related("coupon").first()
    if known is None:
        coupon = Coupon.objects.create(
            name=f"Demo {code}",
            kind=kind,
            percent_ppm=worth if kind == CouponKind.PERCENT else None,
            amount_minor=worth if kind == CouponKind.AMOUNT else None,
            currency=_CURRENCY if kind == CouponKind.AMOUNT else "",
            frees_delivery=frees_delivery,
        )
        making.add_codes(coupon, [code])
        return
    # Whoever tried the back office may have switched it off, limited it, or let it end.
    CouponCode.objects.filter(pk=known.pk).update(max_uses=None)
    known.coupon.products.clear()
    Coupon.objects.filter(pk=known.coupon_id).update(
        active=True,
        kinds=[],
        minimum_minor=0,
        starts_at=None,
        ends_at=None,
        max_uses=None,
        max_uses_per_customer=None,
        budget_minor=None,
    )


def _value(kind: CouponKind, worth: int) -> str:
    match kind:
        case CouponKind.PERCENT:
            return printing.percent(worth)
        case CouponKind.AMOUNT:
            return str(Money(worth, _CURRENCY).major)
    return ""
