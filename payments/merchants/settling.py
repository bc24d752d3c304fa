"""The one place that decides what money means for a merchant's order, as `orders.settlement` does for the shop's.

Whoever learns something about its money comes here by `orders.subjects`: the webhook worker, the checkout, the chase,
a reconciliation, the merchant's own calls. Locks, in the one global order: the order's row, its payment request.
Repeating it changes nothing.
"""

from __future__ import annotations

import uuid

from django.db import transaction

from kit.crashpoints import Seam, crashpoint
from kit.money import Money
from payments import collecting, disputing, queries, queue, recording, refunding
from payments.gateways.base import DisputeReport, Rejected, RequestReport
from payments.merchants import telling
from payments.merchants.models import CaptureBy, MerchantOrder, MerchantOrderStatus
from payments.models import AttemptState, DisputeState, PaymentAttempt, PaymentRequest, RefundState, RequestState
from payments.refunding import RefundAsk

_TOO_MUCH = "Paid more than was due"
_GIVEN_UP = "The order was never opened"
_STRANGE = "Paid in another currency"
_TAKEN_BACK = "The payer's bank has taken the money back"


def settle(order_id: uuid.UUID, *, report: RequestReport | None = None) -> MerchantOrder:
    """Bring an order in line with its money, after recording what a gateway reports of it, if that is why we are here.

    Afterwards it says what its payments say; what came in beyond what it asked for, or for one that was given up, is on
    its way back; its merchant's systems hear what is new. Raises MerchantOrder.DoesNotExist.
    """
    crashpoint(Seam.REPORT_READ)
    with transaction.atomic(durable=True):
        order = MerchantOrder.objects.select_for_update().get(pk=order_id)
        if report is not None:
            record_report(order, report)
        settle_locked(order)
    crashpoint(Seam.REPORT_SETTLED)
    return order


def record_report(order: MerchantOrder, report: RequestReport) -> None:
    """Write down what a gateway says of the order's payment request; what is about another's is not believed. The
    caller holds the order locked, and settles it next."""
    request = recording.find_request(report)
    if request is not None and request.subject_id == order.pk:
        recording.record(request, report)


def settle_locked(order: MerchantOrder) -> None:
    """The same for an order whose row the caller holds locked in an open transaction."""
    _send_back(order)
    attempts = list(PaymentAttempt.objects.filter(request__subject_id=order.pk).order_by("created_at", "pk"))
    _take_over(order, attempts)
    told = telling.tell(order, attempts)
    if told:
        order.told = [*order.told, *told]
    order.save(update_fields=["status", "attempts", "paid_minor", "authorized", "told"])


def _take_over(order: MerchantOrder, attempts: list[PaymentAttempt]) -> None:
    """What its payments say of the order. A gateway captures an order once; more than it asked for is on its way back,
    and never was paid for it."""
    captured = sum(attempt.captured_minor for attempt in attempts if attempt.currency == order.currency)
    order.attempts = len(attempts)
    order.paid_minor = min(captured, order.amount_minor)
    order.authorized = any(attempt.state == AttemptState.AUTHORIZED for attempt in attempts)
    if order.paid_minor == order.amount_minor:
        order.status = MerchantOrderStatus.PAID
    else:
        order.status = MerchantOrderStatus.ATTEMPTED if attempts else MerchantOrderStatus.CREATED


def _send_back(order: MerchantOrder) -> None:
    """What may not be kept for the merchant is promised back, and sent after the commit."""
    for strange in refunding.kept_in_other_currencies(order.pk, order.currency):
        _promise(order, strange, _STRANGE)
    totals = queries.totals(order.pk, order.currency)
    surplus = totals.kept - (0 if order.given_up else order.amount_minor)
    if surplus > 0:
        # What is disputed may be back with the payer already: nothing else goes back in its place.
        surplus -= disputing.withheld_minor(order.pk, order.currency)
    if surplus > 0:
        _promise(order, Money(surplus, order.currency), _GIVEN_UP if order.given_up else _TOO_MUCH)


def _promise(order: MerchantOrder, amount: Money, reason: str) -> None:
    for refund in refunding.request_refunds(order.pk, RefundAsk(amount.minor, amount.currency, reason)):
        if refund.state == RefundState.APPROVED:
            queue.send_refund_later(refund.pk)


# --- asking the gateway ---------------------------------------------------------------------------------------------


def ask_gateway(order_id: uuid.UUID) -> MerchantOrder:
    """Ask the gateway how the order stands, capture what is ours to capture or its merchant wants captured, settle.

    Raises GatewayError.
    """
    order = MerchantOrder.objects.get(pk=order_id)
    request = PaymentRequest.objects.get(subject_id=order_id)
    if request.gateway_reference is None:
        return order
    report = collecting.fetch(request)
    order = settle(order_id, report=report)
    if order.status != MerchantOrderStatus.PAID and not order.given_up:
        before, report = report, _capture(order, request, report)
        if report is not before:
            order = settle(order_id, report=report)
    return order


def _capture(order: MerchantOrder, request: PaymentRequest, report: RequestReport) -> RequestReport:
    if request.state == RequestState.CANCELLED or request.cancel_wanted_at is not None:
        return report
    try:
        return collecting.capture_authorized(request, report, unasked=captures_unasked(order))
    except Rejected:
        # The hold is gone or of another kind; what is true now says it best.
        return collecting.fetch(request)


def captures_unasked(order: MerchantOrder) -> bool:
    """Whether money that is only authorized for the order is taken without its merchant's call."""
    return order.capture == CaptureBy.US


# --- disputes -------------------------------------------------------------------------------------------------------


def record_dispute(attempt: PaymentAttempt, report: DisputeReport) -> MerchantOrder:
    """What a gateway says of a dispute about one of the order's payments is written down. Harmless to repeat, and right
    in any order."""
    with transaction.atomic(durable=True):
        order = MerchantOrder.objects.select_for_update().get(pk=attempt.request.subject_id)
        dispute = recording.record_dispute(attempt.request, report)
        if dispute is not None and dispute.state == DisputeState.LOST and disputing.is_overdrawn(dispute.attempt):
            # What a bank has taken for good cannot be sent back as well; no gateway would ever accept it.
            refunding.end_refunds_of(dispute.attempt, because=_TAKEN_BACK)
        settle_locked(order)
    return order
