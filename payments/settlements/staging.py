"""What we were told of settlements, before anything is made of it: temporary tables of this session.

Lines stream in, in batches and outside of any transaction, and are compared with what we have by statements over sets;
nothing here is ever in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any

from django.db import connection

from kit.money import MAX_MINOR
from payments.gateways.base import Settlement, SettlementLine
from payments.settlements.files.times import Told, exactly
from payments.settlements.models import Source

_BATCH = 1000

_CREATE = """
CREATE TEMPORARY TABLE told_settlement (
    gateway text, settlement_id text, amount_minor bigint, currency text, paid_out_at timestamptz, bank_reference text,
    arrives_at timestamptz,
    PRIMARY KEY (gateway, settlement_id)
);
CREATE TEMPORARY TABLE told_line (
    number bigserial PRIMARY KEY, source text, gateway text, settlement_id text, line_id text, kind text,
    wire_kind text, entity_id text, payment_id text, request_reference text, currency text, gross_minor bigint,
    fee_minor bigint, tax_minor bigint, net_minor bigint, settled_at timestamptz, settled_since timestamptz,
    settled_until timestamptz, bank_reference text, tax_is_known boolean, is_payout boolean, file_line integer,
    problem text
);
CREATE INDEX told_line_settlement ON told_line (settlement_id, source, number);
CREATE INDEX told_line_line ON told_line (line_id);
"""
_DROP = "DROP TABLE IF EXISTS told_settlement, told_line"
_COPY = """
COPY told_line (source, gateway, settlement_id, line_id, kind, wire_kind, entity_id, payment_id, request_reference,
    currency, gross_minor, fee_minor, tax_minor, net_minor, settled_at, settled_since, settled_until, bank_reference,
    tax_is_known, is_payout, file_line, problem) FROM STDIN
"""
_TELL_SETTLEMENT = """
INSERT INTO told_settlement (gateway, settlement_id, amount_minor, currency, paid_out_at, bank_reference, arrives_at)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
# What most of its rows say: one that is altered does not speak for the rest.
_NAMED = """
SELECT l.settlement_id, mode() WITHIN GROUP (ORDER BY l.currency), mode() WITHIN GROUP (ORDER BY l.settled_at),
    coalesce(mode() WITHIN GROUP (ORDER BY nullif(l.bank_reference, '')), ''),
    mode() WITHIN GROUP (ORDER BY l.settled_at)
FROM told_line l WHERE l.gateway = %s AND l.source = 'file' GROUP BY l.settlement_id
ORDER BY min(l.settled_at), l.settlement_id
"""
CHUNK = """l.gateway = %(gateway)s AND l.settlement_id = %(name)s AND l.source = %(source)s
    AND l.number BETWEEN %(first)s AND %(last)s"""
"""Picks a chunk of the told lines `l` of a settlement."""
_LINES_OF_CHUNK = 2000
_CHUNKS = """
SELECT min(number), max(number) FROM (
    SELECT number FROM told_line
    WHERE gateway = %s AND settlement_id = %s AND source = %s AND number > %s ORDER BY number LIMIT %s
) chunk
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A line as a file has it, and when it was settled as exactly as it says so. `problem` says why it contradicts
    itself, else is empty.

    A file that does not tell the tax on a fee has it in the fee. `request_reference` names the payment request, and
    `is_payout` says that the row is the payout itself, if the file has either.
    """

    line: SettlementLine
    file_line: int
    settled: Told
    bank_reference: str = ""
    request_reference: str = ""
    tax_is_known: bool = True
    is_payout: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """A settlement that is spoken of; `amount_minor` is None where the gateway has not said what it paid out."""

    settlement_id: str
    amount_minor: int | None
    currency: str
    paid_out_at: datetime
    bank_reference: str
    arrives_at: datetime

    def as_settlement(self) -> Settlement:
        """As the port has it; for what the gateway has said."""
        if self.amount_minor is None:
            raise ValueError(f"{self.settlement_id}: only a file names it")
        return Settlement(
            self.settlement_id,
            self.amount_minor,
            self.currency,
            self.paid_out_at,
            self.bank_reference,
            self.arrives_at,
        )


@contextmanager
def tables() -> Iterator[None]:
    """Within the block there are the tables, empty at its beginning and gone after its end."""
    _execute(_DROP)
    _execute(_CREATE)
    try:
        yield
    finally:
        if connection.is_usable():
            _execute(_DROP)


def tell_settlements(gateway: str, settlements: Iterable[Settlement]) -> None:
    """Note what the gateway says that it has paid out."""
    for each in settlements:
        told = (each.settlement_id, each.amount_minor, each.currency, each.created_at, each.bank_reference)
        _execute(_TELL_SETTLEMENT, (gateway, *told, each.arrives_at))


def tell_lines(gateway: str, lines: Iterable[SettlementLine]) -> int:
    """Note the lines that the gateway lists; how many there were."""
    return _tell(gateway, Source.API, (Row(line, 0, exactly(line.settled_at)) for line in lines))


def tell_rows(gateway: str, rows: Iterable[Row]) -> int:
    """Note the rows of a file; how many there were."""
    return _tell(gateway, Source.FILE, rows)


def _tell(gateway: str, source: Source, rows: Iterable[Row]) -> int:
    told = 0
    for batch in batched(rows, _BATCH):
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in batch:
                copy.write_row(_columns(gateway, source, row))
        told += len(batch)
    _execute("ANALYZE told_line")
    return told


def _columns(gateway: str, source: Source, row: Row) -> tuple[object, ...]:
    line = row.line
    return (
        source.value,
        gateway,
        line.settlement_id,
        line.line_id,
        line.kind.value,
        line.wire_kind[:60],
        line.entity_id,
        line.payment_id,
        row.request_reference,
        line.currency,
        line.gross_minor,
        line.fee_minor,
        line.tax_minor,
        line.net_minor,
        line.settled_at,
        row.settled.since,
        row.settled.until,
        row.bank_reference,
        row.tax_is_known,
        row.is_payout,
        row.file_line,
        row.problem,
    )


def forget_lines() -> None:
    """Make room for the gateway's lines of the next settlement."""
    _execute("TRUNCATE told_line")


def forget_lines_of(gateway: str, settlement_id: str) -> None:
    """The gateway's lines of a settlement are ours by now, or came to no end. The rows of a file stay."""
    _execute(
        "DELETE FROM told_line WHERE gateway = %s AND settlement_id = %s AND source = 'api'", (gateway, settlement_id)
    )


def headers(gateway: str) -> list[Header]:
    """What the gateway has said, the oldest first."""
    rows = _fetch(
        "SELECT settlement_id, amount_minor, currency, paid_out_at, bank_reference, arrives_at FROM told_settlement "
        "WHERE gateway = %s ORDER BY paid_out_at, settlement_id",
        (gateway,),
    )
    return [Header(*row) for row in rows]


def named_in_file(gateway: str) -> list[Header]:
    """The settlements that the rows of a file belong to, the oldest first, as the file has them."""
    rows = _fetch(_NAMED, (gateway,))
    return [Header(settlement_id, None, *rest) for settlement_id, *rest in rows]


def find_too_large(gateway: str) -> str | None:
    """A settlement of a file whose amounts add up to more than the ledger holds; None if there is none."""
    rows = _fetch(
        "SELECT settlement_id FROM told_line WHERE gateway = %s AND source = 'file' GROUP BY settlement_id "
        "HAVING sum(abs(gross_minor) + abs(net_minor)) > %s LIMIT 1",
        (gateway, MAX_MINOR // 2),
    )
    return rows[0][0] if rows else None


def chunks(gateway: str, settlement_id: str, source: Source) -> Iterator[tuple[int, int]]:
    """The told lines of a settlement in chunks: the first and last number of each."""
    last = 0
    while True:
        ((first, last),) = _fetch(_CHUNKS, (gateway, settlement_id, source.value, last, _LINES_OF_CHUNK))
        if first is None:
            return
        yield first, last


def _execute(statement: str, values: tuple[Any, ...] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _fetch(statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
