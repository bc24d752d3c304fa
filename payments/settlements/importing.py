"""A settlement file: what its rows say is booked, and compared with what the gateway itself says of the same
settlements. Where the gateway answers, its word is booked and the file is a witness: rows that are missing, made up,
doubled or altered are put before a person. Where it does not, the file's rows are booked, and unconfirmed as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from kit import clock
from payments import gateways
from payments.gateways.base import Gateway, GatewayError
from payments.reconciliation.windows import Window
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
    """What there is to be done: the settlements that the file names, as it has them, and all that it speaks of; those
    that the gateway has told of and are not booked yet, and those that it has not paid out."""

    in_file: list[Header] = field(default_factory=list)
    spoken_of: set[str] = field(default_factory=set)
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
            heard.in_file = staging.named_in_file(file.gateway)
            heard.spoken_of = {header.settlement_id for header in heard.in_file}
        waiting = claims.waiting_for_gateway(file.gateway)
        try:
            if heard.in_file or waiting:
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
    """Tell what the gateway says of the settlements that the file speaks of, and of those that earlier files have named
    and it was not asked about. The oldest first. Raises GatewayError."""
    name = gateway.name
    listed = _list(gateway, [header.arrives_at for header in heard.in_file], None)
    asked_for = {*heard.spoken_of, *waiting}
    for unknown in asking.not_paid_out(gateway, sorted(asked_for)):
        heard.unknown.append(unknown)
    heard.spoken_of |= _left_out(gateway, heard, listed)
    wanted = asked_for | heard.spoken_of
    concerned = [header for header in staging.headers(name) if header.settlement_id in wanted]
    for header in watch(concerned, f"{name}: settlements"):
        if not tell_settlement(gateway, header, counts):
            continue
        if book_at_once:
            counts.new_lines += book(name, header, source=Source.API)
            staging.forget_lines_of(name, header.settlement_id)
        else:
            heard.told.append(header)


def _list(gateway: Gateway, days: list[datetime], listed: Window | None) -> Window | None:
    """Tell the settlements of these days, unless they are among those that are told; the window."""
    if not days:
        return None
    window = Window(min(days) - _MARGIN, max(days) + _MARGIN, asked=True)
    if listed is None or window.since < listed.since or window.until > listed.until:
        staging.tell_settlements(gateway.name, gateway.list_settlements(window.since, window.until))
    return window


def _left_out(gateway: Gateway, heard: _Heard, listed: Window | None) -> set[str]:
    """The settlements that arrived between the first and the last of several that the file names. By the gateway's own
    time: the file's may be wrong."""
    days = [each.arrives_at for each in staging.headers(gateway.name) if each.settlement_id in heard.spoken_of]
    if len(days) < 2:
        return set()
    _list(gateway, days, listed)
    between = (each for each in staging.headers(gateway.name) if min(days) <= each.arrives_at <= max(days))
    return {each.settlement_id for each in between}


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
    claims.keep(imported, sorted(heard.spoken_of))
    return imported


def _book_rows(gateway: str, heard: _Heard, counts: Counts) -> None:
    """Where a file alone can be believed for now, its rows are booked, the oldest settlement first."""
    said = {header.settlement_id: header for header in staging.headers(gateway)}
    bookable = claims.bookable(gateway, heard.spoken_of) - set(heard.unknown)
    for header in heard.in_file:
        if header.settlement_id in bookable:
            counts.new_lines += book(gateway, said.get(header.settlement_id, header), source=Source.FILE)
