"""A merchant takes money that its payer's bank has authorized. The wish is a committed row before the gateway is asked;
whoever is cut off in between is found by the chase. Locks the order's row.
"""

from __future__ import annotations

import uuid

from django.db import transaction

from kit.errors import DomainError, Fault, NotFound
from kit.money import Money
from payments import collecting, holding
from payments.gateways.base import Declined, Rejected
from payments.merchants import looking, queries, settling
from payments.merchants.failing import told
from payments.merchants.models import MerchantOrder, MerchantOrderStatus
from payments.models import AttemptState, PaymentAttempt


class CaptureRefused(DomainError):
    """The payment does not allow it, and nothing was taken: `already_captured`, `already_paid` by another payment,
    `not_authorized`, `amount_differs` from what was authorized, `gateway_refused`."""

    def __init__(self, code: str) -> None:
        super().__init__([Fault(code)])


def capture_payment(
    merchant_id: uuid.UUID, payment_id: str, amount: Money, *, resumed: bool = False
) -> tuple[PaymentAttempt, MerchantOrder]:
    """All of an authorized payment is captured; the payment and its order as they are then.

    With `resumed` an earlier try of the same call may have captured it before it was cut off. Raises NotFound for
    another's payment, CaptureRefused, and GatewayFailed: after that the wish stands, and the chase carries it out or
    finds out that it was.
    """
    found = looking.find_payment(merchant_id, payment_id)
    if found is None:
        raise NotFound("payment")
    attempt, order = found
    if attempt.state != AttemptState.AUTHORIZED:
        # The gateway may know better: what failed may be authorized late, and what is captured may be news to us.
        attempt = looking.look_again(attempt)
    if not (resumed and attempt.state == AttemptState.CAPTURED):
        _want(order.pk, attempt, amount)
        with told():
            _take(attempt)
    if attempt.state != AttemptState.CAPTURED:
        # The bank has let go of it, and we hear of that only now.
        raise CaptureRefused("not_authorized")
    current = queries.order_of(merchant_id, attempt)
    assert current is not None
    return attempt, current


def _want(order_id: uuid.UUID, attempt: PaymentAttempt, amount: Money) -> None:
    with transaction.atomic(durable=True):
        order = MerchantOrder.objects.select_for_update().get(pk=order_id)
        attempt.refresh_from_db()
        if attempt.state == AttemptState.CAPTURED:
            raise CaptureRefused("already_captured")
        if order.status == MerchantOrderStatus.PAID:
            raise CaptureRefused("already_paid")
        if attempt.state != AttemptState.AUTHORIZED:
            raise CaptureRefused("not_authorized")
        if amount != Money(attempt.amount_minor, attempt.currency):
            raise CaptureRefused("amount_differs")
        holding.want_capture(attempt, amount.minor)


def _take(attempt: PaymentAttempt) -> None:
    request, order_id = attempt.request, attempt.request.subject_id
    report = collecting.fetch(request)
    settling.settle(order_id, report=report)
    try:
        after = collecting.capture_authorized(request, report, unasked=False)
    except (Declined, Rejected):
        raise CaptureRefused("gateway_refused") from None
    if after is not report:
        settling.settle(order_id, report=after)
    attempt.refresh_from_db()
