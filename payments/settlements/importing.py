"""A settlement file: what its rows say is booked, and compared with what the gateway itself says of the same
settlements. Where the gateway answers, its word is booked and the file is a witness: rows that are missing, made up,
doubled or altered are put before a person. Where it does not, the file's rows are booked, and unconfirmed as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from kit import clock
from payments import gateways
from payments.gateways.base import GatewayError
from payments.settlements import staging
from payments.settlements.booking import book
from payments.settlements.files import formats
from payments.settlements.files.fields import Unit
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
    """What there is to be booked: by the gateway's lines, unless that is done, and then by the file's rows."""

    by_lines: list[Header] = field(default_factory=list)
    by_rows: list[Header] = field(default_factory=list)


def import_file(file: File, *, dry_run: bool = False, watch: Watch = unwatched) -> Counts:
    """Every row of the file is ours or before a person. The same bytes are imported once.

    Raises BadFile, with nothing written, for a file with a fault anywhere.
    """
    counts, digest = Counts(), formats.digest(file.path)
    known = SettlementImport.objects.filter(gateway=file.gateway, sha256=digest)
    counts.known_file = known.filter(finished_at__isnull=False).exists()
    with session():
        heard = _Heard() if counts.known_file else _hear(file, counts, book_at_once=not dry_run, watch=watch)
        with taken_back(dry_run):
            if not counts.known_file:
                _book(file, digest, heard, counts)
            close(file.gateway, counts, since=None)
    return counts


def _hear(file: File, counts: Counts, *, book_at_once: bool, watch: Watch) -> _Heard:
    """Tell the file's rows, and what the gateway says of the settlements that they are about: those that the file
    names, and those that were paid out between its first and its last row. The oldest first."""
    heard = _Heard()
    staging.tell_rows(file.gateway, _counted(formats.rows(file.gateway, file.path, file.unit), counts))
    days = staging.days_of_file(file.gateway)
    if days is None:
        return heard
    named = {header.settlement_id: header for header in staging.named_in_file(file.gateway)}
    try:
        gateway = gateways.online(file.gateway)
        listed = gateway.list_settlements(days[0] - _MARGIN, days[1] + _MARGIN)
        staging.tell_settlements(file.gateway, listed)
        concerned = [
            header
            for header in staging.headers(file.gateway)
            if header.settlement_id in named or days[0] <= header.paid_out_at <= days[1]
        ]
        for header in watch(concerned, f"{file.gateway}: settlements"):
            named[header.settlement_id] = header
            if not tell_settlement(gateway, header, counts):
                continue
            if book_at_once:
                counts.new_lines += book(file.gateway, header, source=Source.API)
                staging.forget_lines_of(file.gateway, header.settlement_id)
            else:
                heard.by_lines.append(header)
    except KeyError:
        counts.not_reached = "not_configured"
    except GatewayError as error:
        counts.not_reached = str(error.reason)
    heard.by_rows = sorted(named.values(), key=lambda header: (header.paid_out_at, header.settlement_id))
    return heard


def _counted(rows: Iterator[Row | None], counts: Counts) -> Iterator[Row]:
    for row in rows:
        if row is None:
            counts.rows_not_settled += 1
        else:
            counts.rows += 1
            yield row


def _book(file: File, digest: str, heard: _Heard, counts: Counts) -> None:
    imported, _ = SettlementImport.objects.get_or_create(
        gateway=file.gateway,
        sha256=digest,
        defaults={
            "file_name": file.path.name[:200],
            "rows": counts.rows + counts.rows_not_settled,
            "imported_by": file.imported_by[:120],
        },
    )
    for header in heard.by_lines:
        counts.new_lines += book(file.gateway, header, source=Source.API)
    for header in heard.by_rows:
        counts.new_lines += book(file.gateway, header, source=Source.FILE, imported=imported)
    imported.finished_at = clock.now()
    imported.save(update_fields=["finished_at"])
