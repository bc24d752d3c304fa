"""Orders whose time to pay is over: a last look at their gateway, then they are called off.

Who paid in time has paid, even if we never heard of it; money that comes to light later is late money. A gateway that
does not answer delays one order of a round, not all of them. Harmless to run twice, or twice at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import structlog

from orders import cancellation
from orders.confirmation import ask_gateway
from orders.models import Order
from payments.gateways.base import GatewayError

log = structlog.get_logger(__name__)

# How many orders a round takes on.
BATCH = 100


class Outcome(StrEnum):
    """What became of an order whose time to pay is over."""

    EXPIRED = "expired"
    KEPT = "kept"  # it is paid after all, its money is held, or somebody else works on it
    FAILED = "failed"  # something else went wrong; it comes again with the next round


@dataclass(frozen=True, slots=True)
class Expiry:
    """One order's outcome, and whether its gateway could be asked."""

    order_id: uuid.UUID
    outcome: Outcome
    was_asked: bool


def expire(order_ids: Iterable[uuid.UUID], *, now: datetime) -> Iterator[Expiry]:
    """Look at each order's gateway once more and call the order off if it is still not paid.

    The orders are one round: once a gateway does not answer, the rest of them are called off without a look.
    """
    gateway_answers = True
    for order_id in order_ids:
        try:
            gateway_answers = gateway_answers and _look_once_more(order_id)
            outcome = Outcome.EXPIRED if cancellation.expire_order(order_id, now=now) else Outcome.KEPT
        except Exception:
            # One poison order must not keep the others waiting.
            log.exception("expiry_failed", order=str(order_id))
            outcome = Outcome.FAILED
        yield Expiry(order_id, outcome, gateway_answers)


def rounds(now: datetime) -> Iterator[list[uuid.UUID]]:
    """All orders whose time is over, the oldest first, a round at a time; each of them once, whatever becomes of it."""
    last: tuple[datetime | None, uuid.UUID] | None = None
    while True:
        due = cancellation.due_to_expire(now)
        if last is not None:
            at, order_id = last
            due = due.filter(expires_at__gte=at).exclude(expires_at=at, pk__lte=order_id)
        rows = list(due.values_list("expires_at", "pk")[:BATCH])
        if not rows:
            return
        yield [order_id for _, order_id in rows]
        last = rows[-1]


def _look_once_more(order_id: uuid.UUID) -> bool:
    """Settle the order by what its gateway says; False if it says nothing."""
    try:
        ask_gateway(Order.objects.get(pk=order_id))
    except GatewayError as error:
        log.warning("expiry_without_answer", order=str(order_id), reason=error.reason)
        return False
    return True
