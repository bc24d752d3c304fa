"""EN 16931 knows one tax, VAT, in categories with a rate each: how the taxes of a document fit into these."""

from __future__ import annotations

from dataclasses import dataclass

from orders.invoices.amounts import percent_text
from orders.invoices.view import InvoiceView, Line
from orders.invoices.wording import EXEMPT, EXPORT, INTRA_COMMUNITY, OUTSIDE, REVERSE, STANDARD

# Code list VATEX of the European Commission, and its words.
_REASONS = {
    REVERSE: ("VATEX-EU-AE", "Reverse charge"),
    INTRA_COMMUNITY: ("VATEX-EU-IC", "Intra-Community supply"),
    EXPORT: ("VATEX-EU-G", "Export outside the EU"),
    OUTSIDE: ("VATEX-EU-O", "Not subject to VAT"),
}


@dataclass(frozen=True, slots=True)
class VatCategory:
    """A category with its rate in millionths; None where it has none."""

    code: str
    ppm: int | None

    @property
    def percent(self) -> str | None:
        """The rate as the document writes it."""
        return None if self.ppm is None else percent_text(self.ppm)


@dataclass(frozen=True, slots=True)
class VatGroup:
    """One row of the breakdown: what is taxed in a category, and what that comes to. Minor units."""

    category: VatCategory
    net_minor: int
    tax_minor: int
    reason_code: str
    reason: str


def category_of(line: Line, view: InvoiceView) -> VatCategory:
    """The category of a line in its document. What is not subject to VAT stands in a document of its own only
    (BR-O-11); beside taxed lines it is exempt."""
    code = line.category
    if code == OUTSIDE and any(other.category != OUTSIDE for other in view.lines):
        code = EXEMPT
    if code == STANDARD:
        return VatCategory(code, line.ppm)
    return VatCategory(code, None if code == OUTSIDE else 0)


def breakdown(view: InvoiceView) -> list[VatGroup]:
    """The rows, in the order in which they first come."""
    sums: dict[VatCategory, tuple[int, int, list[str]]] = {}
    for line in view.lines:
        category = category_of(line, view)
        net, tax, reasons = sums.get(category, (0, 0, []))
        sums[category] = (net + line.net_minor, tax + line.tax_minor, [*reasons, line.zero_reason])
    return [_group(category, net, tax, reasons) for category, (net, tax, reasons) in sums.items()]


def _group(category: VatCategory, net: int, tax: int, reasons: list[str]) -> VatGroup:
    code, reason = _REASONS.get(category.code, ("", ""))
    if category.code == EXEMPT:
        said = dict.fromkeys(reason.replace("_", " ") for reason in reasons if reason)
        reason = ", ".join(said) or "Exempt"
    return VatGroup(category, net, tax, code, reason)
