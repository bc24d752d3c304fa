"""A settlement file: what its rows say is booked, and compared with what the gateway itself says of the same
settlements. Where the gateway answers, its word is booked and the file is a witness: rows that are missing, made up,
doubled or altered are put before a person. Where it does not, the file's rows are booked, and unconfirmed as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from kit import clock
from payments import gateways
from payments.gateways.base import Gateway, GatewayError
from payments.settlements import asking, claims, staging
from payments.settlements.booking import book
from payments.settlements.files import formats
from payments.settlements.files.fields import Unit
from payments.settlements.files.reading import BadFile
from payments.settlements.models import SettlementImport, Source
from payments.settlements.reconciling import Counts, Watch, close, session, taken_back, tell_settlement, unwatched
from payments.settlements.staging import Header, Row

# How far the day of a row may be from the day of its settlement.
_MARGIN = timedelta(days=10)


@dataclass(frozen=True, slots=True)
class File:
    """A file to be imported; its amounts are in `unit`, or in the gateway's own."""

    gateway: str
    path: Path
    unit: Unit | None = None
    imported_by: str = ""


@dataclass(slots=True)
class _Heard:
    """What there is to be done: the settlements that the file speaks of, those that the gateway has told of and are not
    booked yet, and those that it has not paid out."""

    named: dict[str, Header] = field(default_factory=dict)
    told: list[Header] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def import_file(file: File, *, dry_run: bool = False, watch: Watch = unwatched) -> Counts:
    """Every row of the file is ours or before a person. The same bytes are imported once.

    Raises BadFile, with nothing written, for a file with a fault anywhere.
    """
    counts, digest, heard = Counts(), formats.digest(file.path), _Heard()
    known = SettlementImport.objects.filter(gateway=file.gateway, sha256=digest, finished_at__isnull=False)
    counts.known_file = known.exists()
    with session():
        if not counts.known_file:
            staging.tell_rows(file.gateway, _counted(formats.rows(file.gateway, file.path, file.unit), counts))
            if large := staging.find_too_large(file.gateway):
                raise BadFile(f"{file.path.name}: the amounts of {large} are more than a settlement can be")
            heard.named = {header.settlement_id: header for header in staging.named_in_file(file.gateway)}
        waiting = claims.waiting_for_gateway(file.gateway)
        try:
            if heard.named or waiting:
                _hear(gateways.online(file.gateway), heard, waiting, counts, book_at_once=not dry_run, watch=watch)
        except KeyError:
            counts.not_reached = "not_configured"
        except GatewayError as error:
            counts.not_reached = str(error.reason)
        with taken_back(dry_run):
            imported = None if counts.known_file else _keep(file, digest, heard, counts)
            for header in heard.told:
                counts.new_lines += book(file.gateway, header, source=Source.API)
            if imported is not None:
                _book_rows(file.gateway, heard, counts)
            close(file.gateway, counts, unknown=heard.unknown, imported=imported, since=None)
            if imported is not None:
                imported.finished_at = clock.now()
                imported.save(update_fields=["finished_at"])
    return counts


def _hear(
    gateway: Gateway, heard: _Heard, waiting: Sequence[str], counts: Counts, *, book_at_once: bool, watch: Watch
) -> None:
    """Tell what the gateway says of the settlements that the file is about: those that it names, and those that arrived
    between the first and the last of several. So of what earlier files have named, and it was not asked about. The
    oldest first. Raises GatewayError.
    """
    name, days = gateway.name, staging.days_of_file(gateway.name)
    if days is not None:
        staging.tell_settlements(name, gateway.list_settlements(days[0] - _MARGIN, days[1] + _MARGIN))
    asked_for = dict.fromkeys([*heard.named, *waiting])
    for unknown in asking.not_paid_out(gateway, asked_for):
        heard.unknown.append(unknown)
    is_of_several = len(heard.named) > 1
    concerned = []
    for header in staging.headers(name):
        is_between = days is not None and is_of_several and days[0] <= header.arrives_at <= days[1]
        if header.settlement_id in heard.named or is_between:
            heard.named[header.settlement_id] = header
        if header.settlement_id in asked_for or is_between:
            concerned.append(header)
    for header in watch(concerned, f"{name}: settlements"):
        if not tell_settlement(gateway, header, counts):
            continue
        if book_at_once:
            counts.new_lines += book(name, header, source=Source.API)
            staging.forget_lines_of(name, header.settlement_id)
        else:
            heard.told.append(header)


def _counted(rows: Iterator[Row | None], counts: Counts) -> Iterator[Row]:
    for row in rows:
        if row is None:
            counts.rows_not_settled += 1
        else:
            counts.rows += 1
            yield row


def _keep(file: File, digest: str, heard: _Heard, counts: Counts) -> SettlementImport:
    imported, _ = SettlementImport.objects.get_or_create(
        gateway=file.gateway,
        sha256=digest,
        defaults={
            "file_name": file.path.name[:200],
            "rows": counts.rows + counts.rows_not_settled,
            "imported_by": file.imported_by[:120],
        },
    )
    claims.keep(imported, heard.named)
    return imported


def _book_rows(gateway: str, heard: _Heard, counts: Counts) -> None:
    """Where a file alone can be believed for now, its rows are booked, the oldest settlement first."""
    bookable = claims.bookable(gateway, heard.named) - set(heard.unknown)
    by_time = sorted(heard.named.values(), key=lambda header: (header.paid_out_at, header.settlement_id))
    for header in by_time:
        if header.settlement_id in bookable:
            counts.new_lines += book(gateway, header, source=Source.FILE)
