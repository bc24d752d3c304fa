"""What money is for, told apart in one place: an order of the shop, or an order that a merchant made with us.

Everyone who learns something about money enters here: the webhook worker, the checkout, the chase, a reconciliation,
staff. What it means is decided by `orders.settlement` for the shop, by `payments.merchants.settling` for merchants,
each under the lock of the subject's row. Gateways are asked outside any transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import transaction

from orders import cancellation, confirmation, disputes, payments, refund_failures, settlement
from orders.actors import SYSTEM, Actor
from orders.models import Order, OrderStatus
from payments import queries
from payments.gateways.base import DisputeReport, RequestReport
from payments.merchants import opening, settling
from payments.merchants.models import CaptureBy, MerchantOrder, MerchantOrderStatus
from payments.models import OwedTo, PaymentRequest


def settle(request: PaymentRequest, *, actor: Actor, report: RequestReport | None = None) -> None:
    """Bring what a request's money is for in line with that money, after recording what a gateway reports of it."""
    if _is_merchants(request):
        settling.settle(request.subject_id, report=report)
    else:
        settlement.settle(request.subject_id, actor=actor, report=report)


def exists(request: PaymentRequest) -> bool:
    """Whether there is something of ours that a request's money is for."""
    return _is_merchants(request) or Order.objects.filter(pk=request.subject_id).exists()


def ask_gateway(request: PaymentRequest) -> bool:
    """Ask the gateway how a request's subject stands, capture what is to be captured, settle; False, and nothing
    happens, if there is no such subject. Raises GatewayError."""
    if _is_merchants(request):
        settling.ask_gateway(request.subject_id)
        return True
    order = Order.objects.filter(pk=request.subject_id).first()
    if order is None:
        return False
    confirmation.ask_gateway(order)
    return True


def record_dispute(gateway: str, report: DisputeReport) -> bool:
    """What a gateway says of a dispute is written down; False, and nothing happens, for a payment that nothing of ours
    has yet."""
    attempt = queries.find_attempt(gateway, report.payment_id)
    if attempt is None:
        return False
    if _is_merchants(attempt.request):
        settling.record_dispute(attempt, report)
        return True
    return disputes.record_dispute(attempt, report) is not None


def give_up(request: PaymentRequest) -> None:
    """Whoever was to hand a request on to its payer was cut off, or its gateway refused: nobody will pay it, nor what
    was made with it."""
    if _is_merchants(request):
        opening.give_up(request.subject_id)
    elif payments.is_first(request):
        cancellation.cancel_unpaid(request.subject_id, actor=SYSTEM, facts={"reason": "payment cut off"})
    else:
        payments.give_up(request.subject_id, request.pk)


def waiting_for_capture(requests: Sequence[PaymentRequest]) -> set[uuid.UUID]:
    """The subjects of these requests that take money as soon as it is authorized, and still wait for it."""
    of_shop = [request.subject_id for request in requests if not _is_merchants(request)]
    of_merchants = [request.subject_id for request in requests if _is_merchants(request)]
    waiting: set[uuid.UUID] = set()
    if of_shop:
        orders = Order.objects.filter(status=OrderStatus.PAYMENT_PENDING, pk__in=of_shop)
        waiting |= set(orders.values_list("pk", flat=True))
    if of_merchants:
        unpaid = MerchantOrder.objects.filter(pk__in=of_merchants, capture=CaptureBy.US, given_up=False)
        waiting |= set(unpaid.exclude(status=MerchantOrderStatus.PAID).values_list("pk", flat=True))
    return waiting


@contextmanager
def acting_on(request: PaymentRequest, *, actor: Actor) -> Iterator[None]:
    """One transaction in which the subject's row is locked; what the block writes is settled at its end."""
    with transaction.atomic(durable=True):
        finish = _lock_merchants(request) if _is_merchants(request) else _lock_shops(request, actor)
        yield
        finish()


def _lock_merchants(request: PaymentRequest) -> Callable[[], None]:
    order = MerchantOrder.objects.select_for_update().get(pk=request.subject_id)
    return lambda: settling.settle_locked(order)


def _lock_shops(request: PaymentRequest, actor: Actor) -> Callable[[], None]:
    order = Order.objects.select_for_update().get(pk=request.subject_id)

    def finish() -> None:
        refund_failures.note_failures(order, by=actor)
        settlement.settle_locked(order, actor=actor)

    return finish


def _is_merchants(request: PaymentRequest) -> bool:
    return request.owed_to == OwedTo.MERCHANT_FUNDS
