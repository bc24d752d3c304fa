"""A gateway's settlement file as rows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from payments.settlements.files import razorpay, stripe
from payments.settlements.files.fields import BadField, Fields, Unit
from payments.settlements.files.reading import BadFile, read_rows, refused
from payments.settlements.staging import Row


@dataclass(frozen=True, slots=True)
class Format:
    """What a gateway's files are like: the columns they need, the unit of their amounts, and how a row is read."""

    needed: Sequence[str]
    unit: Unit
    row_of: Callable[[Fields, int, Unit], Row | None]


FORMATS: Mapping[str, Format] = {
    "razorpay": Format(razorpay.NEEDED, razorpay.UNIT, razorpay.row_of),
    "stripe": Format(stripe.NEEDED, stripe.UNIT, stripe.row_of),
}


def digest(path: Path) -> str:
    """What tells a file from every other. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def rows(gateway: str, path: Path, unit: Unit | None) -> Iterator[Row | None]:
    """The rows of a file, None for each that is not settled yet; its amounts in the gateway's own unit unless told
    otherwise. Raises BadFile wherever it comes to a fault, and for a file without a single row; or OSError."""
    kind, row = FORMATS[gateway], None
    for row in read_rows(path, kind.needed):
        try:
            yield kind.row_of(row.fields, row.file_line, unit or kind.unit)
        except BadField as error:
            raise refused(path.name, row, error) from None
    if row is None:
        # Cut off, or of a day on which nothing happened: it claims nothing.
        raise BadFile(f"{path.name}, line 1: no row after the header")
