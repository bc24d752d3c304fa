"""Issues what an order's state calls for: its invoice, a credit note for whatever lessens the sale since, a debit note
for what a credit note took back and is owed after all.

Called last in every transaction that moves an order's money or goods: it locks the counters of numbers, for which all
others wait that issue something. It looks at what is there and what should be, so that repeating it changes nothing.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from kit.ids import new_id
from orders.credits import returning
from orders.invoices import archive
from orders.invoices.content import view_of
from orders.invoices.notes import Piece, taken_back
from orders.invoices.numbering import take_number
from orders.invoices.view import InvoiceView, Line, from_json
from orders.invoices.wording import title_of
from orders.models import (
    Fulfilment,
    Invoice,
    InvoiceKind,
    Order,
    OrderRefund,
    OrderStatus,
    OrderType,
    PaymentTerms,
)
from payments import ledger
from payments.models import Refund, RefundState
from payments.outgoing.events import Happening, emit
from payments.outgoing.models import EventType

SENT = "sent"
PAID = "paid"

_EVENTS = {
    InvoiceKind.INVOICE: EventType.INVOICE_ISSUED,
    InvoiceKind.CREDIT_NOTE: EventType.CREDIT_NOTE_ISSUED,
    InvoiceKind.DEBIT_NOTE: EventType.DEBIT_NOTE_ISSUED,
}
_PAID = (OrderStatus.PAID, OrderStatus.COMPLETED)
_UNPAID = (OrderStatus.PAYMENT_PENDING, OrderStatus.PARTIALLY_PAID)


def is_due(order: Order) -> bool:
    """Whether the order calls for an invoice as it stands: it is paid, or, on delivery, has left the house if the shop
    issues then."""
    if not order.needs_invoice:
        return False
    if order.status in _PAID:
        return True
    is_sent = order.fulfilment != Fulfilment.UNFULFILLED and order.status != OrderStatus.CANCELLED
    return is_sent and order.payment_terms == PaymentTerms.ON_DELIVERY and settings.INVOICE_ON_DELIVERY_ISSUED == SENT


def issue_due(order: Order) -> None:
    """Every document that the order calls for is issued. The caller holds the order locked, and locks nothing after it.

    One statement for an order that has none and needs none; nothing at all while it waits for its first payment.
    """
    if order.status in _UNPAID and order.fulfilment == Fulfilment.UNFULFILLED:
        return
    issued = list(Invoice.objects.filter(order=order).order_by("issued_at", "pk"))
    invoice = next((one for one in issued if one.kind == InvoiceKind.INVOICE), None)
    if invoice is None:
        if not is_due(order):
            return
        invoice = _issue(order, InvoiceKind.INVOICE, f"invoice:{order.pk}", view_of(order, InvoiceKind.INVOICE))
        issued = [invoice]
    for note in _wanted(order, invoice, issued):
        issued.append(_issue_note(order, invoice, issued, note))
    rest = _rest(order, invoice, issued)
    if rest is not None:
        _issue_note(order, invoice, issued, rest)


@dataclass(frozen=True, slots=True)
class _Note:
    """A note that is called for. Minor units; `total` None stands for all that is left."""

    kind: InvoiceKind
    source: str
    reason: str
    total: int | None
    tax: int = 0
    refund_id: uuid.UUID | None = None
    # The credit note that a debit note takes something back of.
    undoes: Invoice | None = None


def _wanted(order: Order, invoice: Invoice, issued: Sequence[Invoice]) -> list[_Note]:
    """The notes that are missing. Debit notes first: a refund that has failed makes room for another one."""
    known = {one.source for one in issued}
    if order.status == OrderStatus.CANCELLED or order.given_up:
        source = f"called-off:{order.reservation_id}"
        if source in known or not _left(invoice, issued)[0]:
            return []
        return [_Note(InvoiceKind.CREDIT_NOTE, source, "The order was called off", None)]
    taken: list[_Note] = []
    given: list[_Note] = []
    refunds, in_credits = _refunds(order), returning.given_back(order)
    for key in dict.fromkeys([*refunds, *in_credits]):
        parts, back = refunds.get(key, []), in_credits.get(key)
        live = [part for part in parts if part.state not in (RefundState.REQUESTED, RefundState.FAILED)]
        source = f"refund:{key}"
        total = sum(part.allowance_minor for part in live) + (back.amount_minor if back else 0)
        if source not in known and total:
            tax = sum(part.tax_minor for part in live) + (back.tax_minor if back else 0)
            reason = back.reason if back else live[0].reason
            taken.append(_Note(InvoiceKind.CREDIT_NOTE, source, reason, total, tax, key))
        credit = next((one for one in issued if one.source == source), None)
        if credit is not None:
            failed = [part for part in parts if part.state == RefundState.FAILED]
            undone = sum(one.total_minor for one in issued if one.source in {_failed_source(part) for part in parts})
            given += _failed(credit, failed, known, credit.total_minor - undone - total)
    for one in issued:
        source = f"restored:{one.pk}"
        if one.source.startswith("called-off:") and source not in known:
            revived = "The order was revived"
            given.append(_Note(InvoiceKind.DEBIT_NOTE, source, revived, one.total_minor, one.tax_minor, undoes=one))
    return [*given, *taken]


def _rest(order: Order, invoice: Invoice, issued: Sequence[Invoice]) -> _Note | None:
    """What lessened the sale in the ledger and is no refund. Credit that is bought is no sale there until it is spent,
    and nothing but refunds lessens what was paid for it: what a bank takes back is a loss, and corrects no document."""
    if order.order_type == OrderType.CREDIT:
        return None
    stands = ledger.sale_balances(order.pk, order.currency)
    total, tax = _left(invoice, issued)
    if total <= stands.sale or tax < stands.tax:
        return None
    source = f"books:{invoice.pk}:{len(issued)}"
    return _Note(InvoiceKind.CREDIT_NOTE, source, "Given back", total - stands.sale, tax - stands.tax)


def _failed(credit: Invoice, failed: Sequence[Refund], known: set[str], open_minor: int) -> list[_Note]:
    """The notes for what has failed of a credit note, of which so much stands that nothing else accounts for: a part
    that had failed, or was withdrawn, before the note was issued is not in it."""
    notes = []
    for part in failed:
        if _failed_source(part) in known or not 0 < part.allowance_minor <= open_minor:
            continue
        open_minor -= part.allowance_minor
        why = "The refund could not be carried out"
        notes.append(
            _Note(
                InvoiceKind.DEBIT_NOTE,
                _failed_source(part),
                why,
                part.allowance_minor,
                part.tax_minor,
                undoes=credit,
            )
        )
    return notes


def _failed_source(part: Refund) -> str:
    return f"refund-failed:{part.pk}"


def _refunds(order: Order) -> dict[uuid.UUID, list[Refund]]:
    """The order's refunds by what asked for them."""
    found = Refund.objects.filter(attempt__request__subject_id=order.pk, currency=order.currency)
    by_cause: dict[uuid.UUID, list[Refund]] = {}
    for refund in found.order_by("created_at", "pk"):
        by_cause.setdefault(refund.cause_id or refund.pk, []).append(refund)
    return by_cause


def _left(invoice: Invoice, issued: Sequence[Invoice]) -> tuple[int, int]:
    """What the notes have left of an invoice, and of its tax."""
    total, tax = invoice.total_minor, invoice.tax_minor
    for one in issued:
        sign = {InvoiceKind.CREDIT_NOTE.value: -1, InvoiceKind.DEBIT_NOTE.value: 1}.get(one.kind, 0)
        total, tax = total + sign * one.total_minor, tax + sign * one.tax_minor
    return total, tax


def _issue_note(order: Order, invoice: Invoice, issued: Sequence[Invoice], note: _Note) -> Invoice:
    base = from_json((note.undoes or invoice).view)
    if note.total is None:
        total, tax = _left(invoice, issued)
    else:
        total, tax = note.total, note.tax
    lines = taken_back(
        base,
        _earlier(issued, note),
        net=total - tax,
        tax=tax,
        pieces=_pieces(base, note),
        title="Price reduction" if note.kind == InvoiceKind.CREDIT_NOTE else "Taken back",
    )
    view = dataclasses.replace(
        base,
        kind=note.kind.value,
        title=title_of(note.kind, seller_country=base.seller.country, is_taxed=tax > 0),
        number="",
        issued_on="",
        lines=lines,
        credits_minor=0,
        paid=(),
        due_minor=0,
        corrects=invoice.number,
        corrects_issued_on=from_json(invoice.view).issued_on,
        reason=note.reason,
    )
    return _issue(order, note.kind, note.source, view, corrects=invoice)


def _earlier(issued: Sequence[Invoice], note: _Note) -> list[tuple[int, InvoiceView]]:
    """The notes that have changed what this one takes something of."""
    if note.undoes is None:
        signs = {InvoiceKind.CREDIT_NOTE.value: 1, InvoiceKind.DEBIT_NOTE.value: -1}
        return [(signs[one.kind], from_json(one.view)) for one in issued if one.kind in signs]
    parts = {f"refund-failed:{part}" for part in _parts_of(note.undoes)}
    return [(1, from_json(one.view)) for one in issued if one.source in parts]


def _parts_of(credit: Invoice) -> list[uuid.UUID]:
    key = uuid.UUID(credit.source.partition(":")[2])
    return list(Refund.objects.filter(cause_id=key).values_list("pk", flat=True)) or [key]


def _pieces(base: InvoiceView, note: _Note) -> list[Piece]:
    """The pieces that a refund by lines gave back; a note that undoes another has its lines."""
    if note.undoes is not None:
        return [Piece(line, line.quantity, line.total_minor) for line in base.lines]
    refund = OrderRefund.objects.filter(pk=note.refund_id).first() if note.refund_id else None
    if refund is None:
        return []
    goods = [line for line in base.lines if not line.is_delivery]
    pieces = [
        Piece(line, part.quantity, _without_tax(part.amount_minor, line))
        for part in refund.lines.select_related("order_line").order_by("order_line__position")
        for line in (goods[part.order_line.position - 1],)
    ]
    delivery = next((line for line in base.lines if line.is_delivery), None)
    if delivery is not None and refund.delivery_minor:
        pieces.append(Piece(delivery, 1, _without_tax(refund.delivery_minor, delivery)))
    return pieces


def _without_tax(amount_minor: int, line: Line) -> int:
    return amount_minor * line.net_minor // line.total_minor if line.total_minor else 0


def _issue(
    order: Order, kind: InvoiceKind, source: str, view: InvoiceView, *, corrects: Invoice | None = None
) -> Invoice:
    invoice_id = new_id()
    archive.render_later(invoice_id)
    taken = take_number(kind)
    view = view.issued(taken.text, taken.day.isoformat())
    invoice = Invoice.objects.create(
        id=invoice_id,
        order=order,
        kind=kind,
        source=source,
        corrects=corrects,
        series=taken.series,
        fiscal_year=taken.fiscal_year,
        serial=taken.serial,
        number=taken.text,
        issued_at=taken.issued_at,
        currency=view.currency,
        net_minor=view.net_minor,
        tax_minor=view.tax_minor,
        total_minor=view.total_minor,
        due_minor=view.due_minor,
        view=view.as_json(),
    )
    _tell(order, invoice)
    return invoice


def _tell(order: Order, invoice: Invoice) -> None:
    body = {
        "order_id": str(order.pk),
        "order_number": order.number,
        "invoice_id": str(invoice.pk),
        "number": invoice.number,
        "issued_at": invoice.issued_at.isoformat(),
        "currency": invoice.currency,
        "total_minor": invoice.total_minor,
        "tax_minor": invoice.tax_minor,
        "due_minor": invoice.due_minor,
        "corrects": invoice.corrects.number if invoice.corrects else None,
    }
    emit(Happening(_EVENTS[InvoiceKind(invoice.kind)], order.pk, body))
