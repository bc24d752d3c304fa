"""A view in the words and columns that people read: what the page and the PDF both show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from orders.invoices.amounts import percent, plain, shown
from orders.invoices.places import country_name, gst_state_code
from orders.invoices.view import PRO_FORMA, InvoiceView, Line, Party
from orders.models import InvoiceKind


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. `share` is how wide it is among the others; text goes to the left, figures to the right."""

    label: str
    share: int
    is_figure: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a column, and what stands below it in small letters."""

    text: str
    small: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; `total` is a last row that sums up."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()

    @property
    def placed_rows(self) -> list[list[tuple[Column, Cell]]]:
        """The cells with their columns."""
        return [list(zip(self.columns, row, strict=True)) for row in self.rows]

    @property
    def placed_total(self) -> list[tuple[Column, Cell]]:
        """The last row with its columns."""
        return list(zip(self.columns, self.total, strict=True))


@dataclass(frozen=True, slots=True)
class Sum:
    """A line of the totals."""

    label: str
    amount: str
    is_strong: bool = False


@dataclass(frozen=True, slots=True)
class Presentation:
    """One document, ready to be set."""

    title: str
    number: str
    warning: str
    seller: str
    seller_lines: tuple[str, ...]
    buyer_label: str
    buyer: str
    buyer_lines: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    lines: Table
    sums: tuple[Sum, ...]
    tables: tuple[Table, ...]
    paid: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def present(view: InvoiceView) -> Presentation:
    """The document in words."""
    is_note = view.kind in (InvoiceKind.CREDIT_NOTE, InvoiceKind.DEBIT_NOTE)
    tables = [table for table in (_taxes(view), _hsn(view)) if table]
    return Presentation(
        title=view.title,
        number=view.number,
        warning=f"This is not an invoice. {view.reason}" if view.kind == PRO_FORMA else "",
        seller=view.seller.name,
        seller_lines=_party(view.seller, view),
        buyer_label="Billed and delivered to" if view.delivers else "Billed to",
        buyer=view.buyer.name,
        buyer_lines=_party(view.buyer, view),
        facts=_facts(view),
        lines=_lines(view, is_note=is_note),
        sums=_note_sums(view) if is_note else _sums(view),
        tables=tuple(tables),
        paid=tuple((f"{_day(one.on)}, {one.method}", shown(one.amount_minor, view.currency)) for one in view.paid),
        notes=(*view.notes, *([f"Reason: {view.reason}"] if view.reason and is_note else [])),
    )


def _party(party: Party, view: InvoiceView) -> tuple[str, ...]:
    place = " ".join(part for part in (party.city + ("," if party.city and party.state else ""), party.state) if part)
    code = gst_state_code(party.country, party.state_code) if view.is_gst else ""
    lines = [
        party.street,
        " ".join(part for part in (place, party.postal_code) if part),
        country_name(party.country),
        f"State code: {code}" if code else "",
        f"{_tax_number_label(party)}: {party.tax_number}" if party.tax_number else "",
        f"Registered as {party.registration}" if party.registration else "",
        party.email if party.email != party.name else "",
    ]
    return tuple(line for line in lines if line)


def _tax_number_label(party: Party) -> str:
    return "GSTIN" if party.tax_number[:2].isdigit() else "VAT number"


def _facts(view: InvoiceView) -> tuple[tuple[str, str], ...]:
    facts = [
        ("Number", view.number),
        ("Date", _day(view.issued_on)),
        ("Corrects invoice", view.corrects),
        ("of", _day(view.corrects_issued_on)),
        ("Order", str(view.order_number)),
        ("Ordered on", _day(view.ordered_on)),
        ("Supplied on", _day(view.supplied_on)),
        ("Place of supply", view.place_of_supply),
        ("Currency", view.currency),
    ]
    return tuple((label, value) for label, value in facts if value)


def _day(iso: str) -> str:
    if not iso:
        return ""
    day = date.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"


def _lines(view: InvoiceView, *, is_note: bool) -> Table:
    has_hsn = any(line.hsn_code for line in view.lines)
    has_discount = any(line.discount_minor for line in view.lines) and not is_note
    gst = _gst_names(view)
    columns = [Column("Description", 150, is_figure=False)]
    columns += [Column("HSN/SAC", 54, is_figure=False)] if has_hsn or view.is_gst else []
    columns.append(Column("Qty", 28))
    if not is_note:
        columns.append(Column("Unit price", 62))
    columns += [Column("Discount", 54)] if has_discount else []
    columns.append(Column("Taxable value" if view.is_gst else "Net", 62))
    columns += [Column(name, 52) for name in gst] if gst else [Column("Tax", 58)]
    columns.append(Column("Amount", 66))
    rows = []
    for line in view.lines:
        row = [Cell(line.title, line.detail)]
        row += [Cell(line.hsn_code)] if has_hsn or view.is_gst else []
        row.append(Cell(str(line.quantity)))
        if not is_note:
            row.append(Cell(plain(line.unit_price_minor, view.currency)))
        row += (
            [Cell(plain(-line.discount_minor, view.currency) if line.discount_minor else "-")] if has_discount else []
        )
        row.append(Cell(plain(line.net_minor, view.currency)))
        row += [_levy(line, name, view) for name in gst] if gst else [_tax(line, view)]
        row.append(Cell(plain(line.total_minor, view.currency)))
        rows.append(tuple(row))
    return Table("", tuple(columns), tuple(rows))


def _gst_names(view: InvoiceView) -> tuple[str, ...]:
    """The columns of a GST invoice: the two halves, or the one tax between states."""
    if not view.is_gst:
        return ()
    return tuple(dict.fromkeys(levy.name for line in view.lines for levy in line.levies))


def _levy(line: Line, name: str, view: InvoiceView) -> Cell:
    levies = [levy for levy in line.levies if levy.name == name]
    if not levies:
        return Cell("-")
    return Cell(plain(sum(levy.amount_minor for levy in levies), view.currency), percent(levies[0].ppm))


def _tax(line: Line, view: InvoiceView) -> Cell:
    if not line.levies:
        return Cell("-")
    rates = " + ".join(percent(levy.ppm) for levy in line.levies if levy.ppm)
    return Cell(plain(line.tax_minor, view.currency), rates or (percent(0) if not line.tax_minor else ""))


def _sums(view: InvoiceView) -> tuple[Sum, ...]:
    def amount(minor: int) -> str:
        return shown(minor, view.currency)

    sums = [Sum("Net", amount(view.net_minor))]
    sums += [Sum(_tax_label(row.name, row.ppm), amount(row.amount_minor)) for row in view.taxes if row.amount_minor]
    sums.append(Sum("Total", amount(view.total_minor), is_strong=True))
    if view.credits_minor:
        sums.append(Sum("Paid with credits", amount(-view.credits_minor)))
    paid = sum(one.amount_minor for one in view.paid)
    if paid:
        sums.append(Sum("Paid", amount(-paid)))
    label = "Amount due on delivery" if view.on_delivery and view.due_minor else "Amount due"
    sums.append(Sum(label, amount(view.due_minor), is_strong=True))
    return tuple(sums)


def _note_sums(view: InvoiceView) -> tuple[Sum, ...]:
    def amount(minor: int) -> str:
        return shown(minor, view.currency)

    label = "Credited" if view.kind == InvoiceKind.CREDIT_NOTE else "Charged again"
    return (
        Sum("Net", amount(view.net_minor)),
        *(Sum(_tax_label(row.name, row.ppm), amount(row.amount_minor)) for row in view.taxes if row.amount_minor),
        Sum(label, amount(view.total_minor), is_strong=True),
    )


def _tax_label(name: str, ppm: int) -> str:
    return f"{name} {percent(ppm)}" if ppm else name


def _taxes(view: InvoiceView) -> Table | None:
    """The taxes by rate, where there is more than one to tell apart; GST has its own summary."""
    if len(view.taxes) < 2 or view.is_gst:
        return None
    rows = tuple(
        (
            Cell(row.name),
            Cell(percent(row.ppm)),
            Cell(plain(row.base_minor, view.currency)),
            Cell(plain(row.amount_minor, view.currency)),
        )
        for row in view.taxes
    )
    columns = (Column("Tax", 120, is_figure=False), Column("Rate", 60), Column("Net", 90), Column("Amount", 90))
    return Table("Taxes by rate", columns, rows)


def _hsn(view: InvoiceView) -> Table | None:
    """GST by HSN code and rate (FORM GSTR-1, table 12)."""
    if not view.is_gst:
        return None
    names = _gst_names(view)
    sums: dict[tuple[str, int], list[int]] = {}
    for line in view.lines:
        row = sums.setdefault((line.hsn_code, line.ppm), [0] * (len(names) + 1))
        row[0] += line.net_minor
        for levy in line.levies:
            row[1 + names.index(levy.name)] += levy.amount_minor

    def cells(label: str, rate: str, row: Sequence[int]) -> tuple[Cell, ...]:
        figures = [Cell(plain(minor, view.currency)) for minor in (*row, sum(row[1:]))]
        return (Cell(label), Cell(rate), *figures)

    whole = [sum(column) for column in zip(*sums.values(), strict=True)]
    return Table(
        "Summary by HSN/SAC",
        (
            Column("HSN/SAC", 90, is_figure=False),
            Column("Rate", 50),
            Column("Taxable value", 80),
            *(Column(name, 70) for name in names),
            Column("Tax", 70),
        ),
        tuple(cells(code or "-", percent(ppm), row) for (code, ppm), row in sums.items()),
        total=cells("Total", "", whole),
    )
