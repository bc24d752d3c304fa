"""The customer says that they have paid. Their word starts the question; the gateway's answer decides."""

from __future__ import annotations

import uuid

from kit import clock
from kit.errors import NotFound
from orders import actors
from orders.models import Order, OrderStatus, PaymentTerms
from orders.settlement import settle
from orders.status import SETTLED, UNPAID, StatusRefused
from payments import collecting, queries
from payments.gateways.base import GatewayError, PaymentState, Rejected, RequestReport
from payments.models import PaymentRequest, RequestState


class PaymentNotCheckable(Exception):
    """The gateway could not be asked how the payment stands: nothing was confirmed, and it may be tried again."""


def confirm_payment(order_id: uuid.UUID, *, customer_id: uuid.UUID | None, claim: uuid.UUID | None = None) -> None:
    """The order is Paid and the customer's one confirmation is given. `claim` names the request that gives it: whoever
    repeats that request is told again what it was told.

    An order that was cancelled or has expired is not confirmed by this call, even if its money turns out to have come
    and revives it: the customer is told, and may then confirm it.

    Raises NotFound for another's order, StatusRefused (`already_confirmed`, `cancelled`, `revived`, `refunded`,
    `not_paid` with `why`) and PaymentNotCheckable.
    """
    order = Order.objects.of_customer(customer_id).filter(pk=order_id).first()
    if order is None:
        raise NotFound("order")
    if order.confirmed_at is not None:
        return _again(order, claim)
    why, was_cancelled = "nothing_asked", order.status == OrderStatus.CANCELLED
    if order.status not in SETTLED:
        try:
            order, why = ask_gateway(order)
        except GatewayError:
            raise PaymentNotCheckable from None
    if was_cancelled:
        raise StatusRefused("revived" if order.status in SETTLED else "cancelled", order)
    if order.status in SETTLED and Order.objects.filter(
        pk=order.pk, confirmed_at__isnull=True, status__in=SETTLED
    ).update(confirmed_at=clock.now(), confirmed_by=claim):
        return None
    order.refresh_from_db()
    if order.confirmed_at is not None:
        return _again(order, claim)
    if order.status in (OrderStatus.CANCELLED, OrderStatus.REFUNDED):
        raise StatusRefused(str(order.status), order)
    raise StatusRefused("not_paid", order, why=why)


def _again(order: Order, claim: uuid.UUID | None) -> None:
    """Nothing, if the confirmation that the order has was given by this very request."""
    if claim is None or order.confirmed_by != claim:
        raise StatusRefused("already_confirmed", order)


def ask_gateway(order: Order) -> tuple[Order, str]:
    """Ask the gateway about each of the order's requests, capture what is authorized and not to be held, settle.

    Returns the order as it is now and, in a word, how its newest payment stands. Raises GatewayError.
    """
    standings: list[str] = []
    for request in queries.online_requests(order.pk):
        report = collecting.fetch(request)
        order = settle(order.pk, actor=actors.GATEWAY, report=report)
        if order.status in UNPAID:
            before, report = report, _capture(request, report)
            if report is not before:
                order = settle(order.pk, actor=actors.GATEWAY, report=report)
        standings.append(_standing(request, report))
    nothing = "on_delivery" if order.payment_terms == PaymentTerms.ON_DELIVERY else "nothing_asked"
    return order, standings[0] if standings else nothing


def _capture(request: PaymentRequest, report: RequestReport) -> RequestReport:
    if request.state == RequestState.CANCELLED or request.cancel_wanted_at is not None:
        return report
    try:
        return collecting.capture_authorized(request, report)
    except Rejected:
        # The hold is gone or of another kind; what is true now says it best.
        return collecting.fetch(request)


def _standing(request: PaymentRequest, report: RequestReport) -> str:
    if report.cancelled:
        return "cancelled"
    captured = [payment for payment in report.payments if payment.state == PaymentState.CAPTURED]
    if any(payment.currency != request.currency for payment in captured):
        return "other_currency"
    if captured:
        return "other_amount"
    states = {payment.state for payment in report.payments}
    if PaymentState.AUTHORIZED in states:
        return "authorized"
    if PaymentState.STARTED in states:
        return "in_progress"
    return "failed" if PaymentState.FAILED in states else "unpaid"
