"""Opening a payment order for a merchant: written down, told to the gateway, and shown once the gateway has it.

The order and its payment request come into being by one statement, and the gateway's answer is written by another; the
call happens between the two, outside any transaction. An order whose gateway was never told for certain is given up:
nobody is shown it, what may exist at the gateway is found by the chase, and money that comes for it all the same goes
back. Locks the order's row, then its payment request.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import connection, transaction

from kit import clock
from kit.crashpoints import Seam, crashpoint
from kit.errors import DomainError, Fault
from kit.ids import new_id
from kit.money import Money
from payments import collecting, queue
from payments.gateways.base import GatewayError, Reason, RequestReport
from payments.merchants.keys import Caller
from payments.merchants.models import CaptureBy, MerchantOrder
from payments.models import GatewayName, OwedTo, PaymentRequest, RequestState

GIVEN_UP = "given_up"

_WRITE = """
WITH written AS (
    INSERT INTO merchants_merchantorder
        (id, merchant_id, key_id, amount_minor, currency, receipt, notes, capture, status, attempts, paid_minor,
         authorized, given_up, told, placement_key, created_at)
    VALUES (%(id)s, %(merchant)s, %(key)s, %(request_amount)s, %(request_currency)s, %(receipt)s, %(notes)s,
            %(capture)s, 'created', 0, 0, false, false, '{{}}', %(placement_key)s, %(created_at)s)
) {request}
"""
# The order's row first, as everywhere: the sum of what was shown is known before a row of the request is touched.
_SHOW = """
WITH shown AS (
    UPDATE merchants_merchantorder SET reference = %(reference)s WHERE id = %(order)s AND NOT given_up RETURNING id
)
UPDATE payments_paymentrequest r
SET gateway_reference = %(reference)s,
    state = CASE WHEN r.state IN ('initiated', 'unknown') THEN 'open' ELSE r.state END
FROM (SELECT count(*) AS orders FROM shown) s WHERE r.id = %(request)s RETURNING s.orders
"""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a merchant wants to be paid, read and checked. `notes` is JSON."""

    amount: Money
    receipt: str | None
    notes: str
    capture: CaptureBy
    placement_key: uuid.UUID | None = None


class NotOpened(DomainError):
    """The gateway will not or cannot be told, and the order is given up. `code` is a gateway's `Reason`, or GIVEN_UP
    for one that was given up meanwhile."""

    def __init__(self, code: str) -> None:
        super().__init__([Fault(code)])


def open_order(wish: Wish, caller: Caller) -> MerchantOrder:
    """The order waits for its payer. Two statements beside the gateway's call. Raises NotOpened."""
    if not collecting.is_configured(GatewayName.RAZORPAY):
        raise NotOpened(Reason.UNREACHABLE)
    order = MerchantOrder(
        id=new_id(),
        merchant_id=caller.merchant_id,
        key_id=caller.key_id,
        amount_minor=wish.amount.minor,
        currency=wish.amount.currency,
        receipt=wish.receipt,
        notes=wish.notes,
        capture=wish.capture,
        placement_key=wish.placement_key,
        created_at=clock.now(),
    )
    return _tell(order, _write(order, wish.amount), again=False)


def resume(placement_key: uuid.UUID) -> MerchantOrder | None:
    """Finish what was cut off after the order was written; None if it never got that far. Raises NotOpened.

    The gateway is asked with the same key, so that there is one order at it however often this is repeated.
    """
    order = MerchantOrder.objects.filter(placement_key=placement_key).first()
    if order is None or order.reference is not None:
        return order
    return _tell(order, PaymentRequest.objects.get(subject_id=order.pk), again=True)


def give_up(order_id: uuid.UUID) -> None:
    """An order that nobody was shown never will be; what may exist of it at the gateway is looked for by a job.

    Nothing happens to one that is open. Harmless to repeat.
    """
    with transaction.atomic(durable=True):
        order = MerchantOrder.objects.select_for_update().get(pk=order_id)
        if order.reference is not None or order.given_up:
            return
        order.given_up = True
        order.save(update_fields=["given_up"])
        request = PaymentRequest.objects.select_for_update().get(subject_id=order.pk)
        collecting.want_voided(request.pk)
        if request.state != RequestState.REFUSED:
            queue.chase_request_later(request.pk)


def edit_notes(reference: str, notes: str, *, merchant_id: uuid.UUID) -> MerchantOrder | None:
    """Other notes in the place of those that a merchant's order has; None if it has no such order."""
    orders = MerchantOrder.objects.filter(merchant_id=merchant_id, reference=reference)
    if not orders.update(notes=notes):
        return None
    return orders.get()


def _write(order: MerchantOrder, amount: Money) -> PaymentRequest:
    request = PaymentRequest(
        id=new_id(),
        subject_id=order.pk,
        owed_to=OwedTo.MERCHANT_FUNDS,
        gateway=GatewayName.RAZORPAY,
        amount_minor=amount.minor,
        currency=amount.currency,
        hold=order.capture == CaptureBy.MERCHANT,
        created_at=order.created_at,
    )
    values = {
        **collecting.request_values(
            request_id=request.pk,
            subject_id=order.pk,
            gateway=GatewayName.RAZORPAY,
            amount=amount,
            hold=request.hold,
            owed_to=OwedTo.MERCHANT_FUNDS,
        ),
        "id": order.pk,
        "merchant": order.merchant_id,
        "key": order.key_id,
        "receipt": order.receipt,
        "notes": order.notes,
        "capture": CaptureBy(order.capture).value,
        "placement_key": order.placement_key,
        "created_at": order.created_at,
    }
    with connection.cursor() as cursor:
        # Only placeholders are put together here; every value travels as a parameter.
        cursor.execute(_WRITE.format(request=collecting.OPEN_REQUEST.format(description="''")), values)
    return request


def _tell(order: MerchantOrder, request: PaymentRequest, *, again: bool) -> MerchantOrder:
    if order.given_up or request.cancel_wanted_at is not None or request.state == RequestState.REFUSED:
        # The chase gave it up before its retry came, or whoever was to give it up was cut off.
        give_up(order.pk)
        raise NotOpened(GIVEN_UP)
    try:
        report = collecting.tell_gateway(request, again=again)
    except GatewayError as error:
        give_up(order.pk)
        raise NotOpened(error.reason.value) from None
    if not _show(order, request, report):
        raise NotOpened(GIVEN_UP)
    crashpoint(Seam.CREATE_RECORDED)
    order.reference = report.reference
    return order


def _show(order: MerchantOrder, request: PaymentRequest, report: RequestReport) -> bool:
    """The gateway's answer is written down; False if the order was given up meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(_SHOW, {"reference": report.reference, "order": order.pk, "request": request.pk})
        return bool(cursor.fetchone()[0])
