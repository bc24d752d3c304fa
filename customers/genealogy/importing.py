"""A whole genealogy out of a file, in whatever order its rows come.

Nothing is written unless every row can be placed. Then they are placed a batch at a time, sponsors first, each batch in
a transaction of its own: whoever is cut off has a tree all the same, and importing the file again goes on from there.
Two imports at once, or an import beside staff, wait for each other at the counter of moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from customers.genealogy import staging
from customers.genealogy.placing import one_at_a_time
from customers.genealogy.staging import LineFault, Told
from customers.models import normalised_email
from kit.csv_rows import FileRow, read_rows
from kit.ids import parse_id

COLUMNS = ("customer", "sponsor")
MOST_FAULTS = 20
BATCH = 5_000

# The order matters: the database wants a sponsor to be there first.
_PLACE = """
INSERT INTO customers_placement (customer_id, sponsor_id)
SELECT customer_id, sponsor_id FROM next_place WHERE place > %(after)s AND place <= %(until)s ORDER BY place
ON CONFLICT DO NOTHING
"""
_PLACED_MEANWHILE = """
SELECT n.line FROM next_place n JOIN customers_placement p USING (customer_id)
WHERE n.place > %(after)s AND n.place <= %(until)s AND p.sponsor_id IS DISTINCT FROM n.sponsor_id
ORDER BY n.line LIMIT 20
"""

type Watch = Callable[[Iterable[Any], str, int | None], Iterable[Any]]
"""Shows how far something is: the items, what they are, and how many there are if that is known."""


class BadGenealogy(Exception):
    """Rows that cannot be: the first of them. `placed` is how many were placed before that came to light."""

    def __init__(self, faults: Sequence[LineFault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults, self.placed = tuple(faults), 0


@dataclass(slots=True)
class Counts:
    """What came of a file. `placed` is what would be placed, in a dry run."""

    rows: int = 0
    placed: int = 0

    @property
    def unchanged(self) -> int:
        """Rows whose customer stood there before."""
        return self.rows - self.placed


def import_file(path: Path, *, dry_run: bool = False, watch: Watch = lambda items, _what, _total: items) -> Counts:
    """Every customer of the file stands below the sponsor that it names.

    Raises BadFile and BadGenealogy with nothing written, or OSError. Somebody who is placed elsewhere while this runs
    raises BadGenealogy, too: then the batches before stay. Opens transactions of its own.
    """
    with staging.tables():
        counts = Counts(staging.tell(watch(_told(path), "Reading", None)))
        faults = staging.look_up(MOST_FAULTS)
        if faults:
            raise BadGenealogy(faults)
        circle = staging.put_in_order()
        if circle:
            raise BadGenealogy([circle])
        total = staging.still_to_place()
        if dry_run:
            counts.placed = total
        else:
            _place_all(total, counts, watch)
    return counts


def _told(path: Path) -> Iterator[Told]:
    for row in read_rows(path, COLUMNS):
        customer, sponsor = (row.fields[column] for column in COLUMNS)
        yield _meant(row, customer, sponsor)


def _meant(row: FileRow, customer: str, sponsor: str) -> Told:
    customer_id, sponsor_id = parse_id(customer), parse_id(sponsor)
    return Told(
        line=row.file_line,
        customer=customer,
        customer_id=customer_id,
        customer_email=None if customer_id else normalised_email(customer),
        sponsor=sponsor,
        sponsor_id=sponsor_id,
        sponsor_email=None if sponsor_id or not sponsor else normalised_email(sponsor),
    )


def _place_all(total: int, counts: Counts, watch: Watch) -> None:
    """Batch by batch; what was placed is counted as it is committed."""
    analyze_at = 1
    batches = range(0, total, BATCH)
    for number, after in enumerate(watch(batches, f"Placing, {BATCH} at a time", len(batches)), start=1):
        try:
            counts.placed += _place_batch(after, after + BATCH)
        except BadGenealogy as refusal:
            refusal.placed = counts.placed
            raise
        # Plans that were right for an empty table are not for a full one.
        if number == analyze_at:
            _execute("ANALYZE customers_placement")
            analyze_at *= 2


def _place_batch(after: int, until: int) -> int:
    values = {"after": after, "until": until}
    with transaction.atomic(durable=True):
        one_at_a_time()
        with connection.cursor() as cursor:
            cursor.execute(_PLACE, values)
            placed = int(cursor.rowcount)
            cursor.execute(_PLACED_MEANWHILE, values)
            elsewhere = [line for (line,) in cursor.fetchall()]
        if elsewhere:
            raise BadGenealogy([LineFault(line, "the customer was placed elsewhere meanwhile") for line in elsewhere])
    return placed


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
