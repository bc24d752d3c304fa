"""One reconciliation of a gateway's settlements: what is told streams into `staging`, and is booked settlement by
settlement, the oldest first, so that a run that was cut off has left no gap.

Gateways are asked outside of every transaction. A dry run books all of it in one transaction that is taken back: its
plan is what a run would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from kit import clock
from payments import gateways
from payments.gateways.base import Gateway, GatewayError
from payments.reconciliation import discrepancies, runs
from payments.reconciliation.models import Discrepancy, DiscrepancyState, RunKind
from payments.reconciliation.windows import Window
from payments.settlements import asking, claims, filing, judging, lacking, staging
from payments.settlements.booking import book, is_read
from payments.settlements.models import SettlementImport, Source
from payments.settlements.rematching import rematch
from payments.settlements.staging import Header

# A settlement is listed by when it was made, and may be paid out days later. What is ours already is not read again.
LATE = timedelta(days=14)
MOST_SHOWN = 1000
GATEWAYS = ("stripe", "razorpay")
# One run at a time, by whatever it is begun.
LOCK = "reconcile_settlements"

type Watch = Callable[[Sequence[Header], str], Iterator[Header]]


@dataclass(slots=True)
class Counts:
    """What a reconciliation of one gateway has come to. `open` is what waits for a person, of earlier runs too, and
    `shown` the first of it."""

    settlements: int = 0
    new_lines: int = 0
    rows: int = 0
    rows_not_settled: int = 0
    matched_later: int = 0
    unsettled: int = 0
    known_file: bool = False
    not_reached: str = ""
    open: int = 0
    shown: list[Discrepancy] = field(default_factory=list)


def unwatched(headers: Sequence[Header], _what: str) -> Iterator[Header]:
    """Nobody looks on."""
    return iter(headers)


def reconcile_gateway(name: str, window: Window, *, dry_run: bool = False, watch: Watch = unwatched) -> Counts:
    """Everything that the gateway has paid out in the window is ours, or is put before a person.

    So are the settlements that files have named before, wherever they are in time: the gateway is asked for each. One
    that does not answer is named in the counts; what came before is done.
    """
    counts, told, unknown = Counts(), [], list[str]()
    with session():
        try:
            gateway = gateways.online(name)
            staging.tell_settlements(name, gateway.list_settlements(window.since - LATE, window.until))
            for each in asking.not_paid_out(gateway, claims.waiting_for_gateway(name)):
                unknown.append(each)
            run = None if dry_run else runs.begin(RunKind.SETTLEMENTS, name, window)
            for header in watch(staging.headers(name), f"{name}: settlements"):
                if tell_settlement(gateway, header, counts):
                    told.append(header)
                    if run is not None:
                        counts.new_lines += book(name, header, source=Source.API)
                        staging.forget_lines()
            if run is not None:
                runs.finish(run, {"settlements": counts.settlements, "new_lines": counts.new_lines})
        except GatewayError as error:
            counts.not_reached = str(error.reason)
        with taken_back(dry_run):
            if dry_run:
                counts.new_lines = sum(book(name, header, source=Source.API) for header in told)
            close(name, counts, unknown=unknown, since=window.since if window.asked else None)
    return counts


def tell_settlement(gateway: Gateway, header: Header, counts: Counts) -> bool:
    """Tell the gateway's lines of a settlement to their end; False if they are ours already. Raises GatewayError."""
    if is_read(gateway.name, header):
        return False
    try:
        staging.tell_lines(gateway.name, gateway.list_settlement_lines(header.as_settlement()))
    except GatewayError:
        staging.forget_lines_of(gateway.name, header.settlement_id)
        raise
    counts.settlements += 1
    return True


def close(
    name: str,
    counts: Counts,
    *,
    since: datetime | None,
    unknown: Sequence[str] = (),
    imported: SettlementImport | None = None,
) -> None:
    """After everything that was told: compare what files claim with it, look at the rest again, and count what waits
    for a person. `unknown` are settlements of files that the gateway says it has not paid out."""
    judging.judge(name, imported)
    lacking.file_not_paid_out(name, unknown)
    counts.matched_later = rematch(name)
    counts.unsettled = filing.file_unsettled(name, before=clock.now() - settings.UNSETTLED_AFTER, since=since)
    counts.open = discrepancies.count_open(filing.KINDS, [name])
    waiting = Discrepancy.objects.filter(state=DiscrepancyState.OPEN, kind__in=filing.KINDS, gateway=name)
    counts.shown = list(waiting.order_by("pk")[:MOST_SHOWN])


@contextmanager
def session() -> Iterator[None]:
    """Within the block there are the tables of `staging`, and a statement may take its time: no shopper waits."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    try:
        with staging.tables():
            yield
    finally:
        if connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("RESET statement_timeout")


@contextmanager
def taken_back(dry_run: bool) -> Iterator[None]:
    """In a dry run, one transaction around the block of which nothing stays."""
    if not dry_run:
        yield
        return
    with transaction.atomic(durable=True):
        yield
        transaction.set_rollback(True)
