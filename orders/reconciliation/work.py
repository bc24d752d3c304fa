"""What the parts of a reconciliation share: whom they ask, what they count, and how a difference is dealt with."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched

import structlog
from django.db import InterfaceError, OperationalError

from orders.reconciliation.steps import Deed, Step, of_difference, of_finding
from payments.gateways.base import Gateway, OutcomeUnknown, Reason, Unavailable
from payments.reconciliation import discrepancies, sightings
from payments.reconciliation.comparing import Difference
from payments.reconciliation.discrepancies import Facts, Finding
from payments.reconciliation.models import DiscrepancyKind, ProposedAct

log = structlog.get_logger(__name__)

# How much of a list is compared at once.
BATCH = 500
# What a run remembers of itself: requests healed, payments that a dry run would have recorded, discrepancies met.
_HEALED, _PLANNED, _FOUND = "healed", "planned", "found"


@dataclass(slots=True)
class Work:
    """One run's tools. Nothing is written in a dry run but the run's own temporary table."""

    name: str
    gateway: Gateway
    dry_run: bool = False
    counts: Counter[str] = field(default_factory=Counter)
    # By the database's clock.
    started_at: datetime = field(default_factory=sightings.start)

    def batches[T](self, what: str, things: Iterable[T], id_of: Callable[[T], str]) -> Iterator[list[T]]:
        """A list in batches, each thing once: where a list shifts while it is read, things come twice."""
        for batch in batched(things, BATCH):
            by_id = {id_of(thing): thing for thing in batch}
            new = sightings.add(what, by_id)
            self.counts[f"{what}s"] += len(new)
            yield [thing for thing_id, thing in by_id.items() if thing_id in new]

    def heal(
        self, differences: Sequence[Difference], by: str, act: Callable[[], Sequence[Difference]]
    ) -> Iterator[Step]:
        """Heal differences that are healed by one deed; `by` names what it is done to. `act` records what the gateway
        says and returns what still differs after that, which is put before a person."""
        if self.dry_run:
            sightings.add(_PLANNED, [difference.finding.gateway_id for difference in differences])
            yield from self._healed(differences, by)
            return
        try:
            left = act()
        except Exception as error:
            if _is_everybodys(error):
                raise
            # One poison payment must not hold up the others: it is logged, and a person has to look.
            log.exception("healing_failed", gateway=self.name, thing=differences[0].finding.gateway_id)
            self.counts["failed"] += 1
            left = differences
        still = {difference.finding.gateway_id for difference in left}
        yield from self._healed([each for each in differences if each.finding.gateway_id not in still], by)
        yield from self.file([difference.finding for difference in left])

    def safely(self, steps: Iterator[Step], *, or_file: Finding) -> Iterator[Step]:
        """The steps about one thing. What goes wrong with it alone ends them, is logged and put before a person."""
        try:
            yield from steps
        except Exception as error:
            if _is_everybodys(error):
                raise
            log.exception("not_brought_in_line", gateway=self.name, thing=or_file.gateway_id)
            self.counts["failed"] += 1
            yield from self.file([or_file])

    def _healed(self, differences: Sequence[Difference], by: str) -> Iterator[Step]:
        """One step for a payment request, however much of it differed and wherever that was noticed."""
        if differences and sightings.add(_HEALED, [by]):
            yield of_difference(Deed.HEAL, differences[0])

    def would_have(self, payment_ids: Iterable[str]) -> set[str]:
        """Which of these payments a dry run would have recorded by now."""
        return sightings.among(_PLANNED, list(payment_ids)) if self.dry_run else set()

    def file(self, findings: Sequence[Finding]) -> Iterator[Step]:
        """Put findings before a person; a step for each that is new."""
        if not findings:
            return
        sightings.add(_FOUND, [_found(finding.kind, finding.gateway_id) for finding in findings])
        new = discrepancies.only_new(findings) if self.dry_run else discrepancies.file_all(findings)
        yield from map(of_finding, new)

    def not_taken(self, row_id: uuid.UUID, currency: str, ours: Facts) -> Finding:
        """The finding that a request or a refund of ours could not be brought in line; by its own id."""
        return Finding(
            kind=DiscrepancyKind.NOT_BROUGHT_IN_LINE,
            gateway=self.name,
            gateway_id=str(row_id),
            currency=currency,
            amount_minor=0,
            ours=ours,
            theirs={},
            proposed=ProposedAct.CHECK_GATEWAY,
        )

    def has_found(self, kind: str, gateway_id: str) -> bool:
        """Whether this run has come upon it."""
        return bool(sightings.among(_FOUND, [_found(kind, gateway_id)]))


def _is_everybodys(error: Exception) -> bool:
    """Whether what went wrong would go wrong with any other payment as well: a gateway or a database that is away."""
    if isinstance(error, OutcomeUnknown):
        return error.reason != Reason.UNREADABLE
    return isinstance(error, Unavailable | OperationalError | InterfaceError)


def _found(kind: str, gateway_id: str) -> str:
    return f"{kind} {gateway_id}"
