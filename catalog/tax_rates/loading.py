"""Tax rates from a CSV file: all of it or nothing, every fault with its line, the same file again without effect."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import CheckConstraint

from catalog import countries
from catalog.models import STANDARD_TAX, TaxRate
from catalog.regions import region_code
from catalog.tax_rates.keeping import ppm_of, why_not

COLUMNS = ("name", "country", "state", "postcodes", "category", "rate", "zero_reason", "valid_from", "valid_until")
_NEEDED = ("name", "country", "rate", "valid_from")
_KEY = ("country", "state", "postcodes", "category", "name", "valid_from")
_MOST_BYTES = 50 * 1024**2
_SEPARATORS = ",;\t"


class BadRates(ValueError):
    """A file of which nothing was taken. `faults` are sentences that begin with a line's number."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(faults[0])
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file has changed, or would: rates by what became of them."""

    added: list[TaxRate] = field(default_factory=list)
    changed: list[TaxRate] = field(default_factory=list)
    unchanged: int = 0


def load_rates(path: Path, *, dry_run: bool = False) -> Loaded:
    """The rates of a file are in the table; with `dry_run` nothing is written.

    A rate is known by its place, category, name and first day. What is in the table and not in the file stays. Raises
    BadRates, and then nothing was written. Locks the table against other loads.
    """
    wanted, faults = _read(path)
    with transaction.atomic():
        known = {_key(rate): rate for rate in TaxRate.objects.select_for_update().order_by("pk")}
        loaded = Loaded()
        unchanged = 0
        for line, rate in wanted.items():
            before = known.get(_key(rate))
            if before is None:
                loaded.added.append(rate)
            elif _same(before, rate):
                unchanged += 1
            elif refusal := why_not(before, rate):
                faults.append((line, f"line {line}: {refusal[0]}: {refusal[1]}"))
            else:
                rate.pk = before.pk
                loaded.changed.append(rate)
        if faults:
            raise BadRates([fault for _, fault in sorted(faults)])
        if not dry_run:
            TaxRate.objects.bulk_create(loaded.added)
            TaxRate.objects.bulk_update(loaded.changed, ["rate_ppm", "zero_reason", "valid_until"])
    return Loaded(loaded.added, loaded.changed, unchanged)


def _key(rate: TaxRate) -> tuple[object, ...]:
    return tuple(getattr(rate, name) for name in _KEY)


def _same(one: TaxRate, other: TaxRate) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in ("rate_ppm", "zero_reason", "valid_until"))


def _read(path: Path) -> tuple[dict[int, TaxRate], list[tuple[int, str]]]:
    """The rates by their lines, and the faults of the others."""
    wanted: dict[int, TaxRate] = {}
    lines: dict[tuple[object, ...], int] = {}
    faults: list[tuple[int, str]] = []
    for line, fields in _rows(path):
        try:
            rate = _rate(fields)
        except ValidationError as error:
            faults += [
                (line, f"line {line}: {name}: {' '.join(messages)}") for name, messages in error.message_dict.items()
            ]
            continue
        earlier = lines.setdefault(_key(rate), line)
        if earlier != line:
            faults.append((line, f"line {line}: the same rate as in line {earlier}"))
        else:
            wanted[line] = rate
    return wanted, faults


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadRates([f"line 1: the file is larger than {_MOST_BYTES} bytes"])
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadRates(["line 1: the file is not UTF-8"]) from None
    except OSError as error:
        raise BadRates([f"line 1: {error.strerror}"]) from None
    if "\0" in text:
        raise BadRates([f"line {text[: text.index(chr(0))].count(chr(10)) + 1}: a NUL character"])
    lines = text.splitlines()
    separator = max(_SEPARATORS, key=lines[0].count) if lines else ","
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        header = [column.strip().lower() for column in next(reader, [])]
        _check_header(header)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise BadRates([f"line {reader.line_num}: {len(cells)} fields, not {len(header)}"])
            yield reader.line_num, dict(zip(header, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        raise BadRates([f"line {reader.line_num}: {error}"]) from None


def _check_header(header: list[str]) -> None:
    faults = [f"line 1: no column {name}" for name in _NEEDED if name not in header]
    faults += [f"line 1: no column is called {name!r}" for name in header if name not in COLUMNS]
    faults += [f"line 1: the column {name} is there twice" for name in sorted(set(header)) if header.count(name) > 1]
    if faults:
        raise BadRates(faults)


def _rate(fields: Mapping[str, str]) -> TaxRate:
    """A row as a rate. Raises ValidationError by column."""
    faults: dict[str, list[str]] = {}
    country = countries.alpha2(fields["country"]) or ""
    if not country:
        faults["country"] = ["Not a country."]
    state = fields.get("state", "")
    code = region_code(country, state) if state and country else ""
    if state and country and not code:
        faults["state"] = [f"No part of {country}."]
    ppm = ppm_of(fields["rate"])
    if ppm is None:
        faults["rate"] = ["Not a percentage from 0 to 100 with at most four digits after the point."]
    begins = _day("valid_from", fields["valid_from"], faults)
    ends = _day("valid_until", fields.get("valid_until", ""), faults) if fields.get("valid_until") else None
    if faults:
        raise ValidationError(faults)
    assert begins is not None
    assert ppm is not None
    rate = TaxRate(
        name=fields["name"],
        country=country,
        state=code,
        postcodes=fields.get("postcodes", "").upper(),
        category=fields.get("category") or STANDARD_TAX,
        rate_ppm=ppm,
        zero_reason=fields.get("zero_reason", ""),
        valid_from=begins,
        valid_until=ends,
    )
    # That there is none like it yet is looked at for all rows together.
    rate.full_clean(validate_unique=False, validate_constraints=False)
    for constraint in TaxRate._meta.constraints:
        if isinstance(constraint, CheckConstraint):
            _check(constraint, rate)
    return rate


def _check(constraint: CheckConstraint, rate: TaxRate) -> None:
    try:
        constraint.validate(TaxRate, rate)
    except ValidationError:
        raise ValidationError({"rate": [f"The database would refuse it: {constraint.name}."]}) from None


def _day(column: str, text: str, faults: dict[str, list[str]]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults[column] = ["Not a day such as 2026-01-31."]
        return None
