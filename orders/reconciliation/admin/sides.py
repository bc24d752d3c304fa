"""What both sides say of a discrepancy, side by side as people read it: amounts with their currency and by how much
they differ, and links to whatever of it there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime

from catalog.admin.money import shown
from kit.ids import parse_id
from kit.money import Money, MoneyError
from payments.admin.requests import request_link
from payments.admin.showing import subject_link
from payments.models import OwedTo, PaymentAttempt, PaymentRequest
from payments.reconciliation.models import Discrepancy
from payments.settlements.admin import link
from payments.settlements.models import Settlement, SettlementImport, SettlementLine

type Facts = Mapping[str, Any]

# In the order in which they are shown; others follow.
_NAMES: Mapping[str, str] = {
    "told_by": "Told by",
    "file": "File",
    "file_line": "Line of the file",
    "problem": "What is wrong with the row",
    "settlement": "Settlement",
    "line": "Settlement line",
    "kind": "Kind",
    "called": "Called",
    "entity": "About",
    "payment": "Payment",
    "reference": "Payment request at the gateway",
    "request": "Payment request",
    "lines": "Lines",
    "lacks": "Lines that are missing",
    "parts": "In so many files",
    "currency": "Currency",
    "gross_minor": "Gross",
    "fee_minor": "Fee",
    "tax_minor": "Tax on the fee",
    "net_minor": "Net",
    "paid_out_minor": "Paid out, as told before",
    "settled_at": "Settled at",
    "bank_reference": "Bank reference",
}
# Shown by links, or on their own.
_NO_ROWS = ("subject", "owed_to", "sha256", "lacking")


@dataclass(frozen=True, slots=True)
class _Row:
    """One fact."""

    name: str
    ours: str
    theirs: str
    difference: str
    is_other: bool


@dataclass(slots=True)
class _Things:
    """What the facts name, and there is: by its name, each with a link."""

    settlements: dict[str, str]
    lines: dict[str, str]
    payments: dict[str, str]
    orders: dict[str, str]
    files: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sides:
    """What the page of a discrepancy shows: the facts, the first lines that are missing, and how many more are."""

    rows: list[_Row]
    lacking: list[dict[str, str]]
    more: int


def both_sides(discrepancy: Discrepancy) -> Sides:
    """What each side says of each fact."""
    ours, theirs = discrepancy.ours, discrepancy.theirs
    lacking = [line for line in ours.get("lacking", ()) if isinstance(line, dict)]
    things = _find(discrepancy, [ours, theirs, *lacking])
    told = dict.fromkeys((*_NAMES, *ours, *theirs))
    names = [name for name in told if name not in _NO_ROWS and (name in ours or name in theirs)]
    return Sides(
        rows=[_row(name, discrepancy, things) for name in names],
        lacking=[_missing(line, things) for line in lacking],
        more=max(int(theirs.get("lacks", 0)) - len(lacking), 0),
    )


def link_subject(discrepancy: Discrepancy) -> str:
    """A link to the order, as far as either side tells of it or the payment does."""
    requests = PaymentRequest.objects.order_by("created_at").defer("client_secret")
    subject_id = parse_id(discrepancy.ours.get("subject"))
    if subject_id is None:
        named = {str(side[name]) for side in _sides(discrepancy) for name in ("payment", "entity") if side.get(name)}
        paid = requests.filter(attempts__gateway=discrepancy.gateway, attempts__gateway_payment_id__in=named)
        request = paid.first() if named else None
        return subject_link(request.subject_id, request.description, owed_to=request.owed_to) if request else "-"
    asked = requests.filter(subject_id=subject_id).first()
    owed_to = asked.owed_to if asked else discrepancy.ours.get("owed_to", OwedTo.RECEIVABLE)
    return subject_link(subject_id, asked.description if asked else "", owed_to=owed_to)


def _sides(discrepancy: Discrepancy) -> tuple[Facts, Facts]:
    return discrepancy.ours, discrepancy.theirs


def _row(name: str, discrepancy: Discrepancy, things: _Things) -> _Row:
    ours, theirs = discrepancy.ours, discrepancy.theirs
    is_told_twice = name in ours and name in theirs
    return _Row(
        _NAMES.get(name) or name.removesuffix("_minor").replace("_", " ").capitalize(),
        _value(name, ours, discrepancy, things),
        _value(name, theirs, discrepancy, things),
        _difference(name, discrepancy) if is_told_twice else "",
        is_told_twice and ours[name] != theirs[name] and name not in ("told_by", "file", "file_line"),
    )


def _missing(line: Facts, things: _Things) -> dict[str, str]:
    """A line that a file lacks."""
    payment = str(line.get("payment", ""))
    return {
        "line": things.lines.get(str(line.get("line")), str(line.get("line", ""))),
        "kind": str(line.get("kind", "")).replace("_", " "),
        "payment": things.payments.get(payment, payment),
        "order": things.orders.get(payment, ""),
        "net": _money(line.get("net_minor"), line.get("currency")),
        "told_by": f"{line['file']}, line {line.get('file_line')}" if "file" in line else "the gateway",
    }


def _value(name: str, facts: Facts, discrepancy: Discrepancy, things: _Things) -> str:
    value = facts.get(name)
    if value is None:
        return ""
    if name.endswith("_minor"):
        return _money(value, facts.get("asked_currency" if name == "asked_minor" else "currency", discrepancy.currency))
    links: Mapping[Any, str] = {}
    if name == "file":
        return things.files.get(str(facts.get("sha256")), str(value))
    if name == "settlement":
        links = things.settlements
    elif name == "line":
        links = things.lines
    elif name in ("payment", "entity"):
        links = things.payments
    elif name.endswith("_at") and isinstance(value, str):
        return _moment(value)
    if isinstance(value, str | int) and value in links:
        return links[value]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _difference(name: str, discrepancy: Discrepancy) -> str:
    ours, theirs = discrepancy.ours, discrepancy.theirs
    one, other = ours[name], theirs[name]
    if not name.endswith("_minor") or not isinstance(one, int) or not isinstance(other, int) or one == other:
        return ""
    currency = ours.get("currency", discrepancy.currency)
    # Never across currencies.
    return _money(other - one, currency) if theirs.get("currency", discrepancy.currency) == currency else ""


def _money(minor: Any, currency: Any) -> str:
    try:
        return shown(Money(minor, currency))
    except MoneyError:
        return f"{minor} {currency}"


def _moment(text: str) -> str:
    moment = parse_datetime(text)
    return date_format(localtime(moment), "DATETIME_FORMAT") if moment and moment.tzinfo else text


def _find(discrepancy: Discrepancy, sides: Sequence[Facts]) -> _Things:
    """What of the facts there is. Five statements, each by an index."""
    gateway = discrepancy.gateway

    def named(*names: str) -> set[str]:
        return {str(side[name]) for side in sides for name in names if side.get(name)}

    settlements = Settlement.objects.filter(gateway=gateway, gateway_settlement_id__in=named("settlement"))
    lines = SettlementLine.objects.filter(gateway=gateway, line_id__in=named("line"), superseded_at__isnull=True)
    attempts = PaymentAttempt.objects.filter(gateway=gateway, gateway_payment_id__in=named("payment", "entity"))
    files = SettlementImport.objects.filter(gateway=gateway, sha256__in=named("sha256"))
    things = _Things({}, {}, {}, {}, {})
    for settlement in settlements:
        address = reverse("admin:settlements_settlement_change", args=[settlement.pk])
        things.settlements[settlement.gateway_settlement_id] = link(address, settlement)
    for line in lines:
        things.lines[line.line_id] = link(reverse("admin:settlements_settlementline_change", args=[line.pk]), line)
    for attempt in attempts.select_related("request").defer("request__client_secret"):
        name = attempt.gateway_payment_id
        things.payments[name] = request_link(attempt.request_id, name)
        things.orders[name] = subject_link(
            attempt.request.subject_id, attempt.request.description, owed_to=attempt.request.owed_to
        )
    for file in files:
        things.files[file.sha256] = link(reverse("admin:settlements_settlementimport_change", args=[file.pk]), file)
    return things
