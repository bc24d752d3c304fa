"""Numbers of invoices: dense in each series and fiscal year, from a counter row that is locked until the commit.

Whoever takes a number must not lock anything afterwards: all issues of a series wait for it. A sequence would be
faster and leave gaps wherever a transaction rolls back, which tax law forbids (Directive 2006/112/EC, article 226(2);
CGST Rules 2017, rule 46(b): a consecutive serial number, unique for a financial year, of at most sixteen characters).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from string import Formatter
from typing import Any

from django.conf import settings
from django.db import connection

from kit import clock
from orders.models import InvoiceKind

LONGEST_IN_INDIA = 16
_FIELDS = {"series", "fy", "number"}


@dataclass(frozen=True, slots=True)
class TakenNumber:
    """A number that belongs to the caller's transaction. `day` is the shop's."""

    series: str
    fiscal_year: date
    serial: int
    text: str
    issued_at: datetime
    day: date


_TAKE = """
INSERT INTO orders_invoicecounter AS counter (series, fiscal_year, last, issued_at)
VALUES (%(series)s, %(fiscal_year)s, 1, %(now)s)
ON CONFLICT (series, fiscal_year) DO UPDATE
    SET last = counter.last + 1, issued_at = greatest(counter.issued_at, excluded.issued_at)
RETURNING last, issued_at
"""


def take_number(kind: InvoiceKind) -> TakenNumber:
    """The next number of the kind's series in today's fiscal year; it is given back if the transaction rolls back.

    Locks the counter's row until the end of the transaction. The time of issue is never before that of the number
    before.
    """
    now = clock.now()
    first = fiscal_year(now.astimezone(settings.SHOP_TIME_ZONE).date(), settings.FISCAL_YEAR_FIRST_MONTH)
    series = settings.INVOICE_SERIES[kind.value]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"series": series, "fiscal_year": first, "now": now})
        serial, issued_at = cursor.fetchone()
    text = numbered(settings.INVOICE_NUMBER_FORMAT, series=series, first=first, serial=serial)
    return TakenNumber(series, first, serial, text, issued_at, issued_at.astimezone(settings.SHOP_TIME_ZONE).date())


def fiscal_year(day: date, first_month: int) -> date:
    """The first day of the fiscal year that a day is in."""
    return date(day.year if day.month >= first_month else day.year - 1, first_month, 1)


def fiscal_label(first: date) -> str:
    """A fiscal year as numbers show it: 2026, or 26-27 where it is none of the calendar's."""
    return str(first.year) if first.month == 1 else f"{first.year % 100:02}-{(first.year + 1) % 100:02}"


def numbered(form: str, *, series: str, first: date, serial: int) -> str:
    """A number in the shop's format."""
    return form.format(series=series, fy=fiscal_label(first), number=serial)


def format_faults(form: str, series: Mapping[str, str], first_month: int, country: str) -> list[str]:
    """What is wrong with the settings, in words; nothing if every number they make is unique and lawful."""
    if not 1 <= first_month <= 12:
        return ["FISCAL_YEAR_FIRST_MONTH is a month, 1 to 12."]
    try:
        named = {name for _, name, _, _ in Formatter().parse(form) if name is not None}
        examples = [_example(form, one, first_month) for one in series.values()]
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        return [f"INVOICE_NUMBER_FORMAT={form} cannot be filled in: {error}."]
    faults = [] if named == _FIELDS else ["INVOICE_NUMBER_FORMAT needs {series}, {fy} and {number}, and nothing else."]
    if len(set(series.values())) < len(series) or not all(series.values()):
        faults.append("INVOICE_SERIES, CREDIT_NOTE_SERIES and DEBIT_NOTE_SERIES must differ, and none be empty.")
    for example in examples:
        if not example.isascii() or not example.replace("-", "").replace("/", "").isalnum():
            faults.append(f"Numbers such as {example} may have letters, digits, hyphens and slashes only.")
        elif country == "IN" and len(example) > LONGEST_IN_INDIA:
            faults.append(f"Numbers such as {example} have more than {LONGEST_IN_INDIA} characters (CGST rule 46).")
        elif max(len(example), *map(len, series.values())) > 30:
            faults.append(f"Numbers such as {example} are too long.")
    return faults


def _example(form: str, series: str, first_month: int) -> str:
    fields: dict[str, Any] = {"series": series, "first": date(2026, first_month, 1), "serial": 1}
    return numbered(form, **fields)
