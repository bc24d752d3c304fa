"""The only writer of stock.

Each act is one statement that first locks the stock rows it needs in the order of their ids, the one global order, so
that two acts can wait for each other but never in a circle. A row stays locked until the caller's transaction ends:
callers reserve as late in their transaction as they can. The movement is written by the statement that changes the
counter, so the two cannot disagree; the database refuses counters below zero and reserved beyond on hand.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from catalog.models import MovementKind

_RESERVE = """
WITH wanted (variant_id, quantity) AS (
    VALUES {wanted}
), held AS MATERIALIZED (
    SELECT s.variant_id, w.quantity FROM catalog_stock s JOIN wanted w USING (variant_id)
    ORDER BY s.variant_id FOR UPDATE OF s
), taken AS (
    UPDATE catalog_stock s SET reserved = s.reserved + held.quantity FROM held
    WHERE s.variant_id = held.variant_id AND s.on_hand - s.reserved >= held.quantity
    RETURNING s.variant_id, held.quantity
), moved AS (
    INSERT INTO catalog_stockmovement (variant_id, kind, on_hand_change, reserved_change, source_id, reason)
    SELECT variant_id, 'reserved', 0, quantity, %(source)s, '' FROM taken
)
SELECT variant_id FROM taken
"""

# What a source still holds: reserved and neither released nor sent. Both acts below end the hold, so only one can: of
# two at once the second does not see the first's movement, but runs into its unique constraint and changes nothing.
_END_RESERVATION = """
WITH reserved AS (
    SELECT m.variant_id, m.reserved_change AS quantity FROM catalog_stockmovement m
    WHERE m.source_id = %(source)s AND m.kind = 'reserved'
), held AS MATERIALIZED (
    SELECT s.variant_id, r.quantity FROM catalog_stock s JOIN reserved r USING (variant_id)
    ORDER BY s.variant_id FOR UPDATE OF s
), moved AS (
    INSERT INTO catalog_stockmovement (variant_id, kind, on_hand_change, reserved_change, source_id, reason)
    SELECT held.variant_id, %(kind)s, CASE WHEN %(leaves)s THEN -held.quantity ELSE 0 END, -held.quantity,
           %(source)s, ''
    FROM held
    WHERE NOT EXISTS (
        SELECT FROM catalog_stockmovement e
        WHERE e.source_id = %(source)s AND e.variant_id = held.variant_id AND e.kind IN ('released', 'sent')
    )
    ON CONFLICT DO NOTHING
    RETURNING variant_id, on_hand_change, reserved_change
)
UPDATE catalog_stock s
SET on_hand = s.on_hand + moved.on_hand_change, reserved = s.reserved + moved.reserved_change
FROM moved WHERE s.variant_id = moved.variant_id
"""

_COUNT = """
WITH held AS MATERIALIZED (
    SELECT s.variant_id FROM catalog_stock s WHERE s.variant_id = %(variant)s FOR UPDATE OF s
), moved AS (
    INSERT INTO catalog_stockmovement (variant_id, kind, on_hand_change, reserved_change, source_id, reason)
    SELECT variant_id, %(kind)s, %(change)s, 0, %(source)s, %(reason)s FROM held
    ON CONFLICT DO NOTHING RETURNING variant_id, on_hand_change
)
UPDATE catalog_stock s SET on_hand = s.on_hand + moved.on_hand_change
FROM moved WHERE s.variant_id = moved.variant_id
"""

_TAKE_BACK = """
WITH returned (source_id, variant_id, quantity) AS (
    VALUES {returned}
), held AS MATERIALIZED (
    SELECT s.variant_id FROM catalog_stock s WHERE s.variant_id IN (SELECT variant_id FROM returned)
    ORDER BY s.variant_id FOR UPDATE OF s
), moved AS (
    INSERT INTO catalog_stockmovement (variant_id, kind, on_hand_change, reserved_change, source_id, reason)
    SELECT r.variant_id, 'received', r.quantity, 0, r.source_id, %(reason)s FROM returned r JOIN held USING (variant_id)
    ON CONFLICT DO NOTHING RETURNING variant_id, on_hand_change
)
UPDATE catalog_stock s SET on_hand = s.on_hand + back.pieces
FROM (SELECT variant_id, sum(on_hand_change) AS pieces FROM moved GROUP BY variant_id) back
WHERE s.variant_id = back.variant_id
"""


@dataclass(frozen=True, slots=True)
class Returned:
    """So many pieces of a variant that came back; `source_id` names what brought them."""

    source_id: uuid.UUID
    variant_id: uuid.UUID
    quantity: int


def reserve(*, source_id: uuid.UUID, quantities: Mapping[uuid.UUID, int]) -> set[uuid.UUID]:
    """Promise stock to an order; returns the variants of which there was not enough.

    Runs in the caller's transaction and keeps the stock rows locked until its end. When anything is returned, the rest
    was reserved all the same: the caller rolls back.
    """
    # Row by row and not as arrays, whose length a prepared plan does not know: it would be planned anew every time.
    wanted = ", ".join(f"(%(variant{index})s::uuid, %(quantity{index})s::int)" for index in range(len(quantities)))
    values: dict[str, Any] = {"source": source_id}
    for index, (variant_id, quantity) in enumerate(quantities.items()):
        values |= {f"variant{index}": variant_id, f"quantity{index}": quantity}
    with connection.cursor() as cursor:
        cursor.execute(_RESERVE.format(wanted=wanted), values)
        taken = {row[0] for row in cursor.fetchall()}
    return set(quantities) - taken


def release(*, source_id: uuid.UUID) -> None:
    """Give back what the source has reserved and still holds. Repeating it changes nothing."""
    _end_reservation(source_id, MovementKind.RELEASED, leaves=False)


def send(*, source_id: uuid.UUID) -> None:
    """What the source has reserved has left the house: on hand and reserved both fall. Repeating it changes nothing."""
    _end_reservation(source_id, MovementKind.SENT, leaves=True)


def _end_reservation(source_id: uuid.UUID, kind: MovementKind, *, leaves: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_END_RESERVATION, {"source": source_id, "kind": kind.value, "leaves": leaves})


def count(*, variant_id: uuid.UUID, change: int, reason: str, source_id: uuid.UUID) -> None:
    """Goods came in (change above zero) or are gone (below zero), for a stated reason.

    Repeating it with the same source changes nothing. Raises IntegrityError when more would be gone than is free:
    what is promised to orders cannot be written off.
    """
    if change == 0:
        return
    kind = MovementKind.RECEIVED if change > 0 else MovementKind.WRITTEN_OFF
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {"variant": variant_id, "kind": kind.value, "change": change, "reason": reason, "source": source_id},
        )


def take_back(returned: Sequence[Returned], *, reason: str) -> None:
    """Goods came back: they are on hand again. What was taken back under a source before is not taken back again."""
    if not returned:
        return
    rows = ", ".join(
        f"(%(source{index})s::uuid, %(variant{index})s::uuid, %(quantity{index})s::int)"
        for index in range(len(returned))
    )
    values: dict[str, Any] = {"reason": reason}
    for index, one in enumerate(returned):
        values |= {f"source{index}": one.source_id, f"variant{index}": one.variant_id, f"quantity{index}": one.quantity}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_BACK.format(returned=rows), values)
