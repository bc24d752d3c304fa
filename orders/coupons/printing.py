"""The codes of a batch for paper and for spreadsheets. Read by where the last piece ended, never all at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from kit.money import Money
from kit.spreadsheets import csv_rows
from orders.coupons.codes import printed
from orders.models import Coupon, CouponBatch, CouponCode, CouponKind

_PIECE = 5_000


def worth(coupon: Coupon) -> str:
    """What a coupon takes off, for reading: 12.5 %, 20.00 USD, free delivery."""
    if coupon.kind == CouponKind.PERCENT:
        text = percent(coupon.percent_ppm or 0) + " %"
    elif coupon.kind == CouponKind.AMOUNT:
        text = str(Money(coupon.amount_minor or 0, coupon.currency))
    else:
        return "free delivery"
    return f"{text} and free delivery" if coupon.frees_delivery else text


def percent(ppm: int) -> str:
    """Millionths as a percentage without needless digits: 125,000 is 12.5."""
    return f"{ppm // 10_000}.{ppm % 10_000:04}".rstrip("0").rstrip(".")


def codes_of(batch_id: uuid.UUID, *, after: int = 0, limit: int) -> list[CouponCode]:
    """A page of a batch's codes, from behind one of them. One statement."""
    return list(CouponCode.objects.filter(batch=batch_id, pk__gt=after).order_by("pk")[:limit])


def as_csv(batch: CouponBatch) -> Iterator[str]:
    """The lines of a file with every code of a batch: the code as it is printed, what it is for, until when it is good,
    and whether it was used."""
    return csv_rows(_rows(batch))


def _rows(batch: CouponBatch) -> Iterator[tuple[str, ...]]:
    coupon = batch.coupon
    ends = coupon.ends_at.isoformat() if coupon.ends_at else ""
    yield "code", "coupon", "value", "good_until", "used"
    last = 0
    while found := codes_of(batch.pk, after=last, limit=_PIECE):
        for one in found:
            yield printed(one.code), coupon.name, worth(coupon), ends, "yes" if one.used else "no"
        last = found[-1].pk
