"""Credit whose term is over, ended one customer after the other: one that cannot be ended holds up no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import structlog

from payments.credits import expiring
from payments.credits.expiring import Overdue

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """What of a customer's credit has ended, minor units; nothing where somebody else was faster."""

    currency: str
    amount_minor: int
    failed: bool = False


def end(found: Iterable[Overdue], *, now: datetime) -> Iterator[Ended]:
    """End what is over of each."""
    for one in found:
        try:
            yield Ended(one.currency, expiring.expire(one.customer_id, one.currency, now=now))
        except Exception:
            log.exception("credit_not_ended", customer=str(one.customer_id), currency=one.currency)
            yield Ended(one.currency, 0, failed=True)
