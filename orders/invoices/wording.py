"""What the law wants a document to say: its title, the reasons why nothing is taxed, and their codes in EN 16931."""

from __future__ import annotations

from orders.invoices.view import PRO_FORMA, Line
from orders.models import InvoiceKind
from orders.taxes.rules import EU, ZeroReason

# EN 16931's categories of VAT (UNTDID 5305).
STANDARD, ZERO, EXEMPT, REVERSE, INTRA_COMMUNITY, EXPORT, OUTSIDE = "S", "Z", "E", "AE", "K", "G", "O"
_ZERO_RATED = frozenset({ZeroReason.ZERO_RATED, "zero-rated", "zero rated"})
# Selling a voucher for anything is no supply: what it is spent on is one.
_OUTSIDE = frozenset({"", ZeroReason.NOT_TAXED, ZeroReason.VOUCHER})

_TITLES = {
    InvoiceKind.INVOICE.value: "Invoice",
    InvoiceKind.CREDIT_NOTE.value: "Credit note",
    InvoiceKind.DEBIT_NOTE.value: "Debit note",
    PRO_FORMA: "Pro-forma invoice",
}
# Directive 2006/112/EC, article 226(11): a reference to the provision by which a supply is exempt; (11a): the words
# "Reverse charge" where the customer owes the tax. Articles 138 (goods between member states), 146 (exports), 44 and
# 196 (services to businesses elsewhere).
_IN_THE_EU = {
    REVERSE: "Reverse charge: VAT is owed by the customer (Articles 44 and 196 of Directive 2006/112/EC).",
    INTRA_COMMUNITY: "Exempt intra-Community supply of goods (Article 138 of Directive 2006/112/EC).",
    EXPORT: "Exempt export (Article 146 of Directive 2006/112/EC).",
}
# CGST Rules 2017, rule 46, third proviso: the endorsement of an invoice for exports without payment of tax.
_FROM_INDIA = {
    EXPORT: "Supply meant for export under bond or letter of undertaking without payment of integrated tax.",
}


def category_of(*, ppm: int, zero_reason: str, is_goods: bool) -> str:
    """The category of EN 16931 that something is taxed in."""
    if ppm:
        return STANDARD
    if zero_reason == ZeroReason.REVERSE_CHARGE:
        return INTRA_COMMUNITY if is_goods else REVERSE
    if zero_reason == ZeroReason.EXPORT:
        return EXPORT
    if zero_reason in _ZERO_RATED:
        return ZERO
    return OUTSIDE if zero_reason in _OUTSIDE else EXEMPT


def title_of(kind: str, *, seller_country: str, is_taxed: bool) -> str:
    """What the document is called. In India an invoice with tax is a tax invoice, one without a bill of supply (CGST
    Act 2017, section 31; Rules 2017, rules 46 and 49)."""
    if kind == InvoiceKind.INVOICE and seller_country == "IN":
        return "Tax invoice" if is_taxed else "Bill of supply"
    return _TITLES[kind]


def legal_notes(lines: tuple[Line, ...], *, seller_country: str, is_gst: bool) -> tuple[str, ...]:
    """The sentences that the document has to carry."""
    said = []
    for category in dict.fromkeys(line.category for line in lines):
        if seller_country in EU and category in _IN_THE_EU:
            said.append(_IN_THE_EU[category])
        elif seller_country == "IN" and category in _FROM_INDIA:
            said.append(_FROM_INDIA[category])
    reasons = dict.fromkeys(line.zero_reason for line in lines if line.category == EXEMPT)
    said += [f"Exempt from tax: {reason}." for reason in reasons]
    if is_gst:
        # Rule 46(p): whether the tax is payable on reverse charge.
        said.append("Tax payable on reverse charge: no.")
    return tuple(said)
