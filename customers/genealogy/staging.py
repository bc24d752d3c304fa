"""A genealogy as a file tells it, before anything is made of it: temporary tables of this session.

Rows stream in and are compared with who there is and where they stand by statements over sets; what is in memory for
each row is eight bytes, to find circles and to put sponsors before those below them.
"""

from __future__ import annotations

import uuid
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from typing import Any

from django.db import connection

_BATCH = 10_000
_LONGEST_NAME = 254

_CREATE = """
CREATE TEMPORARY TABLE told_place (
    line integer,
    customer text, customer_id uuid, customer_email text,
    sponsor text, sponsor_id uuid, sponsor_email text
);
CREATE TEMPORARY TABLE told_level (row_number integer, level integer);
"""
_DROP = "DROP TABLE IF EXISTS told_place, known_place, wanted_place, told_level, next_place"
_COPY_PLACES = """
COPY told_place (line, customer, customer_id, customer_email, sponsor, sponsor_id, sponsor_email) FROM STDIN
"""
# Who is meant, and where they stand now.
_LOOK_UP = """
CREATE TEMPORARY TABLE known_place AS
SELECT t.line, t.customer, t.sponsor, coalesce(ci.id, cu.id) AS customer_id, coalesce(si.id, su.id) AS sponsor_id,
       p.customer_id IS NOT NULL AS is_placed, p.sponsor_id AS stands_below_id,
       row_number() OVER (PARTITION BY coalesce(ci.id, cu.id) ORDER BY t.line) AS mention,
       min(t.line) OVER (PARTITION BY coalesce(ci.id, cu.id)) AS first_line
FROM told_place t
LEFT JOIN customers_customer ci ON ci.id = t.customer_id
LEFT JOIN (customers_user cn JOIN customers_customer cu ON cu.user_id = cn.id) ON cn.email = t.customer_email
LEFT JOIN customers_customer si ON si.id = t.sponsor_id
LEFT JOIN (customers_user sn JOIN customers_customer su ON su.user_id = sn.id) ON sn.email = t.sponsor_email
LEFT JOIN customers_placement p ON p.customer_id = coalesce(ci.id, cu.id);
CREATE INDEX ON known_place (customer_id);
ANALYZE known_place
"""
# Every row that cannot be, with the fault that is the reason of the others.
_FAULTS = """
SELECT line, why FROM (
    SELECT k.line, CASE
        WHEN k.customer = '' THEN 'no customer'
        WHEN k.customer_id IS NULL THEN 'nobody is called ' || quote_literal(k.customer)
        WHEN k.sponsor <> '' AND k.sponsor_id IS NULL THEN 'nobody is called ' || quote_literal(k.sponsor)
        WHEN k.mention > 1 THEN quote_literal(k.customer) || ' is in line ' || k.first_line || ' already'
        WHEN k.customer_id = k.sponsor_id THEN 'a circle: ' || quote_literal(k.customer) || ' below themselves'
        WHEN k.is_placed AND k.stands_below_id IS DISTINCT FROM k.sponsor_id
            THEN quote_literal(k.customer) || ' is placed elsewhere already'
        WHEN k.sponsor_id IS NOT NULL AND NOT k.is_placed
            AND NOT EXISTS (SELECT FROM customers_placement p WHERE p.customer_id = k.sponsor_id)
            AND NOT EXISTS (SELECT FROM known_place s WHERE s.customer_id = k.sponsor_id)
            THEN 'the sponsor ' || quote_literal(k.sponsor) || ' is not placed, nor is a line of this file about them'
    END AS why FROM known_place k
) judged WHERE why IS NOT NULL ORDER BY line LIMIT %s
"""
_WANT = """
CREATE TEMPORARY TABLE wanted_place AS
SELECT (row_number() OVER (ORDER BY line) - 1)::integer AS row_number, line, customer_id, sponsor_id
FROM known_place WHERE NOT is_placed;
CREATE INDEX ON wanted_place (customer_id);
ANALYZE wanted_place
"""
# Of each row the row of its sponsor, -1 if that one is placed already.
_SPONSOR_ROWS = """
COPY (
    SELECT coalesce(s.row_number, -1) FROM wanted_place w LEFT JOIN wanted_place s ON s.customer_id = w.sponsor_id
    ORDER BY w.row_number
) TO STDOUT
"""
_COPY_LEVELS = "COPY told_level (row_number, level) FROM STDIN"
_PUT_IN_ORDER = """
CREATE TEMPORARY TABLE next_place AS
SELECT row_number() OVER (ORDER BY l.level, l.row_number) AS place, w.line, w.customer_id, w.sponsor_id
FROM wanted_place w JOIN told_level l USING (row_number);
CREATE INDEX ON next_place (place);
ANALYZE next_place
"""


@dataclass(frozen=True, slots=True)
class Told:
    """A line of a file: who, below whom. Each is named by an id or an e-mail; no sponsor means the top."""

    line: int
    customer: str
    customer_id: uuid.UUID | None
    customer_email: str | None
    sponsor: str
    sponsor_id: uuid.UUID | None
    sponsor_email: str | None


@dataclass(frozen=True, slots=True)
class LineFault:
    """Why a line cannot be."""

    line: int
    why: str


@contextmanager
def tables() -> Iterator[None]:
    """Within the block there are the tables, empty at its beginning and gone after its end; a statement may take its
    time there."""
    _execute("SET statement_timeout = 0")
    _execute(_DROP)
    _execute(_CREATE)
    try:
        yield
    finally:
        if connection.is_usable():
            _execute(_DROP)
            _execute("RESET statement_timeout")


def tell(rows: Iterable[Told]) -> int:
    """The rows are in the tables; how many there were."""
    told = 0
    for batch in batched(rows, _BATCH):
        with connection.cursor() as cursor, cursor.copy(_COPY_PLACES) as copy:
            for row in batch:
                copy.write_row(
                    (
                        row.line,
                        row.customer[:_LONGEST_NAME],
                        row.customer_id,
                        row.customer_email,
                        row.sponsor[:_LONGEST_NAME],
                        row.sponsor_id,
                        row.sponsor_email,
                    )
                )
        told += len(batch)
    _execute("ANALYZE told_place")
    return told


def look_up(most_faults: int) -> list[LineFault]:
    """Who is meant and where they stand; the first faults, at most so many, but for circles of several."""
    _execute(_LOOK_UP)
    with connection.cursor() as cursor:
        cursor.execute(_FAULTS, [most_faults])
        return [LineFault(line, why) for line, why in cursor.fetchall()]


def put_in_order() -> LineFault | None:
    """The rows that are still to be placed, each behind that of its sponsor; or a circle that some of them are in."""
    _execute(_WANT)
    sponsors = array("i")
    with connection.cursor() as cursor, cursor.copy(_SPONSOR_ROWS) as copy:
        for (sponsor,) in copy.rows():
            sponsors.append(int(sponsor))
    levels = array("i", bytes(sponsors.itemsize * len(sponsors)))
    for row in range(len(sponsors)):
        if not levels[row] and not _set_levels(sponsors, levels, row):
            return _circle(sponsors, row)
    with connection.cursor() as cursor, cursor.copy(_COPY_LEVELS) as copy:
        for row, level in enumerate(levels):
            copy.write_row((row, level))
    _execute("ANALYZE told_level")
    _execute(_PUT_IN_ORDER)
    return None


def still_to_place() -> int:
    """How many rows there are to be placed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM next_place")
        return int(cursor.fetchone()[0])


def _set_levels(sponsors: array[int], levels: array[int], row: int) -> bool:
    """The level of a row and of all above it: 1 right below somebody who is placed. False if the way up is a circle.

    Two walks up, which remember in the levels themselves where they have been: a chain of a million is no deeper.
    """
    here, steps = row, 0
    while here >= 0 and levels[here] == 0:
        levels[here] = -1
        steps += 1
        here = sponsors[here]
    if here >= 0 and levels[here] == -1:
        return False
    level = steps + (levels[here] if here >= 0 else 0)
    here = row
    for _ in range(steps):
        levels[here] = level
        level -= 1
        here = sponsors[here]
    return True


def _circle(sponsors: array[int], row: int) -> LineFault:
    """What is wrong, at the first line of the circle that the way up from a row leads into."""
    for _ in range(len(sponsors)):
        row = sponsors[row]
    rows, here = [row], sponsors[row]
    while here != row and len(rows) < _MOST_OF_A_CIRCLE:
        rows.append(here)
        here = sponsors[here]
    with connection.cursor() as cursor:
        cursor.execute("SELECT line, customer_id FROM wanted_place WHERE row_number = ANY(%s) ORDER BY line", [rows])
        lines = [line for line, _ in cursor.fetchall()]
    more = "" if here == row else " and more"
    return LineFault(lines[0], f"a circle: lines {', '.join(map(str, lines))}{more} put each other below themselves")


_MOST_OF_A_CIRCLE = 20


def _execute(statements: str, values: list[Any] | None = None) -> None:
    with connection.cursor() as cursor:
        # Without values several statements may come as one.
        for statement in statements.split(";"):
            if statement.strip():
                cursor.execute(statement, values)
