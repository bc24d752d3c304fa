"""A view as UBL 2.1: Invoice for invoices and debit notes, CreditNote for credit notes, in the order of the schema.

What EN 16931 needs and the view does not have is named by NotExpressible rather than made up.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from kit.money import Money, digits
from orders.invoices.ubl.taxes import VatCategory, breakdown, category_of
from orders.invoices.view import InvoiceView, Line, Party
from orders.invoices.wording import INTRA_COMMUNITY, OUTSIDE, STANDARD
from orders.models import InvoiceKind

SPECIFICATION = "urn:cen.eu:en16931:2017"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd"
_CAC, _CBC = f"{_UBL}:CommonAggregateComponents-2", f"{_UBL}:CommonBasicComponents-2"
# UNTDID 1001.
_TYPE_CODES = {
    InvoiceKind.INVOICE.value: "380",
    InvoiceKind.CREDIT_NOTE.value: "381",
    InvoiceKind.DEBIT_NOTE.value: "383",
}
_PIECE = "C62"  # UN/ECE Recommendation 20
_DISCOUNT = "95"  # UNTDID 5189
_HARMONISED_SYSTEM = "HS"  # UNTDID 7143
_MOST_DIGITS = 2
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class NotExpressible(Exception):
    """EN 16931 asks for something that the document does not have."""


def export(view: InvoiceView) -> bytes:
    """The document as XML. Raises NotExpressible."""
    _check(view)
    is_credit = view.kind == InvoiceKind.CREDIT_NOTE
    name = "CreditNote" if is_credit else "Invoice"
    root = Element(f"{{{_UBL}:{name}-2}}{name}")
    _basic(root, "CustomizationID", SPECIFICATION)
    _basic(root, "ID", view.number)
    _basic(root, "IssueDate", view.issued_on)
    _basic(root, f"{name}TypeCode", _TYPE_CODES[view.kind])
    for note in (*view.notes, view.reason):
        _basic(root, "Note", note)
    _basic(root, "DocumentCurrencyCode", view.currency)
    _basic(_part(root, "OrderReference"), "ID", str(view.order_number))
    if view.corrects:
        reference = _part(_part(root, "BillingReference"), "InvoiceDocumentReference")
        _basic(reference, "ID", view.corrects)
        _basic(reference, "IssueDate", view.corrects_issued_on)
    is_outside = all(line.category == OUTSIDE for line in view.lines)
    _party(_part(root, "AccountingSupplierParty"), view.seller, is_seller=True, has_vat=not is_outside)
    _party(_part(root, "AccountingCustomerParty"), view.buyer, is_seller=False, has_vat=not is_outside)
    _delivery(root, view)
    if view.due_minor or view.kind != InvoiceKind.INVOICE:
        terms = "Payable on delivery" if view.kind == InvoiceKind.INVOICE else "Settled with the payments of the order"
        _basic(_part(root, "PaymentTerms"), "Note", terms)
    _tax_total(root, view)
    _totals(root, view)
    for position, line in enumerate(view.lines, start=1):
        _line(root, "CreditNote" if is_credit else "Invoice", position, line, view)
    ElementTree.register_namespace("cac", _CAC)
    ElementTree.register_namespace("cbc", _CBC)
    ElementTree.register_namespace("", f"{_UBL}:{name}-2")
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _check(view: InvoiceView) -> None:
    if digits(view.currency) > _MOST_DIGITS:
        raise NotExpressible(f"amounts of no more than {_MOST_DIGITS} decimals")
    if any(line.category == STANDARD and not line.ppm for line in view.lines):
        raise NotExpressible("the rate of every tax")
    if not view.lines or not view.seller.country:
        raise NotExpressible("a line, and the seller's country")
    if any(line.category != OUTSIDE for line in view.lines) and not view.seller.tax_number:
        raise NotExpressible("the seller's tax number")


def _party(parent: Element, party: Party, *, is_seller: bool, has_vat: bool) -> None:
    """BG-4 and BG-7. A seller is identified by one number at least (BR-CO-26); a document outside VAT names no VAT
    number (BR-O-02)."""
    part = _part(parent, "Party")
    if is_seller and not party.registration and not (has_vat and party.tax_number):
        _basic(_part(part, "PartyIdentification"), "ID", party.email or party.name)
    _basic(_part(part, "PartyName"), "Name", party.name)
    address = _part(part, "PostalAddress")
    _basic(address, "StreetName", party.street)
    _basic(address, "CityName", party.city)
    _basic(address, "PostalZone", party.postal_code)
    _basic(address, "CountrySubentity", party.state)
    _basic(_part(address, "Country"), "IdentificationCode", party.country)
    if has_vat and party.tax_number:
        scheme = _part(part, "PartyTaxScheme")
        _basic(scheme, "CompanyID", _with_country(party))
        _basic(_part(scheme, "TaxScheme"), "ID", "VAT")
    entity = _part(part, "PartyLegalEntity")
    _basic(entity, "RegistrationName", party.name)
    _basic(entity, "CompanyID", party.registration)
    if party.email:
        _basic(_part(part, "Contact"), "ElectronicMail", party.email)


def _with_country(party: Party) -> str:
    """A tax number with its country's code (BR-CO-09); a GSTIN has none of its own."""
    return party.tax_number if party.tax_number[:2].isalpha() else f"{party.country}{party.tax_number}"


def _delivery(root: Element, view: InvoiceView) -> None:
    """BG-13. A supply between member states says when and where to (BR-IC-11, BR-IC-12)."""
    is_between = any(line.category == INTRA_COMMUNITY for line in view.lines)
    day = view.supplied_on or (view.issued_on if is_between else "")
    if not day and not view.delivers:
        return
    part = _part(root, "Delivery")
    _basic(part, "ActualDeliveryDate", day)
    if view.delivers or is_between:
        address = _part(_part(part, "DeliveryLocation"), "Address")
        _basic(address, "StreetName", view.buyer.street)
        _basic(address, "CityName", view.buyer.city)
        _basic(address, "PostalZone", view.buyer.postal_code)
        _basic(address, "CountrySubentity", view.buyer.state)
        _basic(_part(address, "Country"), "IdentificationCode", view.buyer.country)


def _tax_total(root: Element, view: InvoiceView) -> None:
    """BT-110 and BG-23."""
    total = _part(root, "TaxTotal")
    _amount(total, "TaxAmount", view.tax_minor, view)
    for group in breakdown(view):
        row = _part(total, "TaxSubtotal")
        _amount(row, "TaxableAmount", group.net_minor, view)
        _amount(row, "TaxAmount", group.tax_minor, view)
        _category(row, "TaxCategory", group.category, group.reason_code, group.reason)


def _totals(root: Element, view: InvoiceView) -> None:
    """BG-22. What credits and payments have covered is prepaid."""
    totals = _part(root, "LegalMonetaryTotal")
    _amount(totals, "LineExtensionAmount", view.net_minor, view)
    _amount(totals, "TaxExclusiveAmount", view.net_minor, view)
    _amount(totals, "TaxInclusiveAmount", view.total_minor, view)
    is_note = view.kind != InvoiceKind.INVOICE
    due = view.total_minor if is_note else view.due_minor
    if view.total_minor != due:
        _amount(totals, "PrepaidAmount", view.total_minor - due, view)
    _amount(totals, "PayableAmount", due, view)


def _line(root: Element, name: str, position: int, line: Line, view: InvoiceView) -> None:
    """BG-25. Prices are without tax; one that no piece has exactly is given for all pieces together."""
    part = _part(root, f"{name}Line")
    _basic(part, "ID", str(position))
    quantity = _basic(part, "CreditedQuantity" if name == "CreditNote" else "InvoicedQuantity", str(line.quantity))
    quantity.set("unitCode", _PIECE)
    _amount(part, "LineExtensionAmount", line.net_minor, view)
    discount = _discount_without_tax(line, view)
    if discount:
        allowance = _part(part, "AllowanceCharge")
        _basic(allowance, "ChargeIndicator", "false")
        _basic(allowance, "AllowanceChargeReasonCode", _DISCOUNT)
        _basic(allowance, "AllowanceChargeReason", "Discount")
        _amount(allowance, "Amount", discount, view)
    item = _part(part, "Item")
    _basic(item, "Description", line.detail)
    _basic(item, "Name", line.title)
    if line.hsn_code:
        code = _basic(_part(item, "CommodityClassification"), "ItemClassificationCode", line.hsn_code)
        code.set("listID", _HARMONISED_SYSTEM)
    _category(item, "ClassifiedTaxCategory", category_of(line, view))
    price = _part(part, "Price")
    before = line.net_minor + discount
    each, rest = divmod(before, line.quantity)
    _amount(price, "PriceAmount", before if rest else each, view)
    if rest:
        _basic(price, "BaseQuantity", str(line.quantity)).set("unitCode", _PIECE)


def _discount_without_tax(line: Line, view: InvoiceView) -> int:
    if not view.prices_include_tax or not line.discount_minor:
        return line.discount_minor
    paid = line.amount_minor - line.discount_minor
    return line.discount_minor * line.net_minor // paid if paid else line.discount_minor


def _category(parent: Element, name: str, category: VatCategory, code: str = "", reason: str = "") -> None:
    part = _part(parent, name)
    _basic(part, "ID", category.code)
    _basic(part, "Percent", category.percent or "")
    _basic(part, "TaxExemptionReasonCode", code)
    _basic(part, "TaxExemptionReason", reason)
    _basic(_part(part, "TaxScheme"), "ID", "VAT")


def _part(parent: Element, name: str) -> Element:
    return SubElement(parent, f"{{{_CAC}}}{name}")


def _basic(parent: Element, name: str, text: str) -> Element:
    """An element with a text; none for no text, which EN 16931 never allows to be empty."""
    element = Element(f"{{{_CBC}}}{name}")
    element.text = _NOT_XML.sub("", text).strip()
    if element.text:
        parent.append(element)
    return element


def _amount(parent: Element, name: str, minor: int, view: InvoiceView) -> None:
    element = _basic(parent, name, f"{Money(minor, view.currency).major:f}")
    element.set("currencyID", view.currency)
