"""Coupons and their codes come into being here: codes that somebody chose, and batches of codes that nobody can guess.

Batches are written in pieces, so that a hundred thousand codes need no more memory than a few, in one transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db import connection, transaction

from kit.errors import DomainError, Fault
from orders.coupons import codes
from orders.models import Coupon, CouponBatch, CouponCode

MOST_CODES = 100_000
"""Codes of one batch."""
_PIECE = 5_000

_WRITE = """
INSERT INTO orders_couponcode (code, coupon_id, batch_id, max_uses)
SELECT code, %(coupon)s, %(batch)s, 1 FROM unnest(%(codes)s::text[]) code ON CONFLICT (code) DO NOTHING
"""


def read_codes(text: str) -> list[str]:
    """The codes that somebody typed, one a line or parted by commas, each in its one spelling and once.

    Raises DomainError (`code_invalid`) naming what is no code.
    """
    typed = [piece for piece in text.replace(",", "\n").splitlines() if piece.strip()]
    read = {piece.strip(): codes.normalised(piece) for piece in typed}
    for piece, code in read.items():
        if code is None:
            raise DomainError([Fault("code_invalid", {"code": piece[:60]}, at=("codes",))])
    return list(dict.fromkeys(code for code in read.values() if code))


def refuse_taken(wanted: Iterable[str]) -> None:
    """Raises DomainError (`code_taken`) naming a code that exists already."""
    taken = CouponCode.objects.filter(code__in=list(wanted)).values_list("code", flat=True).first()
    if taken is not None:
        raise DomainError([Fault("code_taken", {"code": taken}, at=("codes",))])


def add_codes(coupon: Coupon, wanted: Iterable[str], *, max_uses: int | None = None) -> list[CouponCode]:
    """The coupon may be used under these codes as well, each so often or as often as the coupon itself.

    Raises DomainError (`code_taken`); then nothing was written.
    """
    wanted = list(wanted)
    with transaction.atomic():
        refuse_taken(wanted)
        made = [CouponCode(coupon=coupon, code=code, max_uses=max_uses) for code in wanted]
        # Somebody may have been faster.
        CouponCode.objects.bulk_create(made, ignore_conflicts=True)
        found = list(CouponCode.objects.filter(coupon=coupon, code__in=wanted).order_by("pk"))
        if len(found) < len(wanted):
            missing = (set(wanted) - {one.code for one in found}).pop()
            raise DomainError([Fault("code_taken", {"code": missing}, at=("codes",))])
    return found


def make_batch(
    coupon_id: uuid.UUID, count: int, *, made_by: uuid.UUID | None, note: str = "", key: uuid.UUID | None = None
) -> CouponBatch:
    """So many new codes of a coupon, each good once. The same `key` again makes no more of them.

    Raises Coupon.DoesNotExist, and DomainError: `batch_size_invalid`, and `key_used` for a key of another batch.
    """
    if not 0 < count <= MOST_CODES:
        raise DomainError([Fault("batch_size_invalid", {"most": MOST_CODES}, at=("count",))])
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        coupon = Coupon.objects.select_for_update(no_key=True).get(pk=coupon_id)
        known = CouponBatch.objects.filter(pk=key).first() if key else None
        if known is not None:
            if (known.coupon_id, known.codes_made) != (coupon.pk, count):
                raise DomainError([Fault("key_used", at=("key",))])
            return known
        chosen = {"pk": key} if key else {}
        batch = CouponBatch.objects.create(coupon=coupon, codes_made=count, note=note, made_by_id=made_by, **chosen)
        left = count
        while left:
            piece = [codes.made_up() for _ in range(min(left, _PIECE))]
            cursor.execute(_WRITE, {"coupon": coupon.pk, "batch": batch.pk, "codes": piece})
            left -= cursor.rowcount
    return batch
