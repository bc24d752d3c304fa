"""Placing customers in the genealogy and moving them: the only writers of a sponsor.

Rows are locked in this order: the counter of moves, the placement. A new place needs no lock: nobody stands below it
yet, and its sponsor cannot leave the tree. What the checks below refuse with a reason, the database refuses in any case
(`0005_guards`).
"""

from __future__ import annotations

import uuid

from django.db import IntegrityError, connection, transaction

from customers.genealogy.tree import is_below
from customers.models import Customer, Placement, PlacementMove
from kit.errors import DomainError, Fault, NotFound

# What every move locks first. The row comes into being with the first move.
_ONE_AT_A_TIME = """
INSERT INTO customers_genealogy (id, moves) VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET id = 1
"""


class PlacementRefused(DomainError):
    """The customer cannot stand there; the fault's code says why: `already_placed`, `not_placed`, `sponsor_not_placed`,
    `below_itself`, `not_moved`, `reason_missing`."""

    def __init__(self, code: str, at: str = "customer") -> None:
        super().__init__([Fault(code, at=(at,))])


def place(customer_id: uuid.UUID, *, sponsor_id: uuid.UUID | None, by_id: uuid.UUID | None) -> Placement:
    """The customer stands right below the sponsor, or at the top if there is none, and waits no more.

    Placing somebody where they are changes nothing. Raises NotFound for a customer that does not exist, and
    PlacementRefused.
    """
    with transaction.atomic():
        if not Customer.objects.filter(pk=customer_id).exists():
            raise NotFound("customer")
        if sponsor_id == customer_id:
            raise PlacementRefused("below_itself", "sponsor")
        placed = Placement.objects.filter(pk=customer_id).first()
        if placed is None:
            if sponsor_id is not None and not Placement.objects.filter(pk=sponsor_id).exists():
                raise PlacementRefused("sponsor_not_placed", "sponsor")
            placed = _insert(customer_id, sponsor_id, by_id)
        if placed.sponsor_id != sponsor_id:
            raise PlacementRefused("already_placed")
    return placed


def move(customer_id: uuid.UUID, *, sponsor_id: uuid.UUID | None, reason: str, by_id: uuid.UUID) -> PlacementMove:
    """The customer, with all who stand below, comes right below another sponsor, or to the top if there is none.

    Written down with what was before, why and by whom. One move at a time: a second waits for the first. Raises
    PlacementRefused.
    """
    if not reason.strip():
        raise PlacementRefused("reason_missing", "reason")
    with transaction.atomic():
        one_at_a_time()
        placed = Placement.objects.select_for_update(no_key=True).filter(pk=customer_id).first()
        if placed is None:
            raise PlacementRefused("not_placed")
        if sponsor_id == placed.sponsor_id:
            raise PlacementRefused("not_moved", "sponsor")
        if sponsor_id is not None:
            if sponsor_id == customer_id or is_below(sponsor_id, customer_id):
                raise PlacementRefused("below_itself", "sponsor")
            if not Placement.objects.filter(pk=sponsor_id).exists():
                raise PlacementRefused("sponsor_not_placed", "sponsor")
        written = PlacementMove.objects.create(
            placement=placed,
            from_sponsor_id=placed.sponsor_id,
            to_sponsor_id=sponsor_id,
            reason=reason.strip(),
            moved_by_id=by_id,
        )
        Placement.objects.filter(pk=customer_id).update(sponsor=sponsor_id)
    return written


def one_at_a_time() -> None:
    """Whoever else moves, or imports, waits until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME)


def _insert(customer_id: uuid.UUID, sponsor_id: uuid.UUID | None, by_id: uuid.UUID | None) -> Placement:
    """The new place, or the one that somebody else has just given."""
    try:
        with transaction.atomic():
            return Placement.objects.create(customer_id=customer_id, sponsor_id=sponsor_id, placed_by_id=by_id)
    except IntegrityError:
        placed = Placement.objects.filter(pk=customer_id).first()
        if placed is None:
            raise
        return placed
