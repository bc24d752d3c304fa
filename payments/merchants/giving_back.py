"""A merchant gives money of a payment back. The refund is a committed row before the gateway is asked; whoever is cut
off in between is found by the chase. Locks the order's row, then its payment request.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction

from kit.errors import DomainError, Fault, NotFound
from payments import collecting, recording, refunding
from payments.gateways.base import Declined, GatewayError, OutcomeUnknown, Reason, Rejected, Unavailable
from payments.merchants import looking, settling
from payments.merchants.failing import GatewayFailed, told
from payments.merchants.models import MerchantOrder, MerchantRefund
from payments.models import OPEN_REFUND_STATES, AttemptState, PaymentAttempt, Refund, RefundState
from payments.refunding import RefundAsk

_REASON = "Asked for by the merchant"
_REFUSED = "The gateway would not send it back"


class RefundRefused(DomainError):
    """Nothing goes back: `not_captured`, `disputed`, `nothing_left`, `beyond_captured`, `beyond_left`,
    `gateway_refused`; `key_reused` for an idempotency key of another refund, `key_in_use` while that is under way."""

    def __init__(self, code: str) -> None:
        super().__init__([Fault(code)])


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What is to go back, and what the merchant says of it. Without an amount, all that is left. `notes` is JSON;
    `key` is the merchant's own idempotency key and `fingerprint` what it stands for; `request_key` names the call."""

    amount_minor: int | None
    notes: str
    receipt: str | None
    speed: str
    key: str | None = None
    fingerprint: bytes = b""
    request_key: uuid.UUID | None = None


def refund_payment(merchant_id: uuid.UUID, payment_id: str, wish: RefundWish) -> Refund:
    """The gateway has accepted the refund. Whoever repeats a call, by either key, is told of the first one's refund.

    Raises NotFound for another's payment, RefundRefused (nothing goes back, and the keys are free again), and
    GatewayFailed: the gateway was not reached and nothing goes back, or nobody knows, and the chase finds out.
    """
    found = looking.find_payment(merchant_id, payment_id)
    if found is None:
        raise NotFound("payment")
    attempt, order = found
    if attempt.state != AttemptState.CAPTURED:
        attempt = looking.look_again(attempt)
    refund, is_new = _write(order.pk, attempt, wish)
    if not is_new and refund.state in OPEN_REFUND_STATES:
        # Cut off before anybody learned, or wrote down, what became of it: the gateway may have it.
        try:
            looking.look_again(attempt)
        except GatewayFailed:
            if refund.gateway_refund_id is None:
                raise
        refund.refresh_from_db()
    if refund.gateway_refund_id is None:
        with told():
            _send(order.pk, attempt, refund)
    return Refund.objects.select_related("attempt", "of_merchant").get(pk=refund.pk)


def _write(order_id: uuid.UUID, attempt: PaymentAttempt, wish: RefundWish) -> tuple[Refund, bool]:
    """The refund, and whether it is this call's."""
    with transaction.atomic(durable=True):
        order = MerchantOrder.objects.select_for_update().get(pk=order_id)
        known = _find_known(order, attempt, wish)
        if known is not None:
            return known, False
        refund = refunding.request_refund_of(attempt, RefundAsk(_amount(attempt, wish), attempt.currency, _REASON))
        MerchantRefund.objects.create(
            refund=refund,
            merchant_id=order.merchant_id,
            notes=wish.notes,
            receipt=wish.receipt,
            speed=wish.speed,
            idempotency_key=wish.key,
            fingerprint=wish.fingerprint,
            request_key=wish.request_key,
        )
    return refund, True


def _find_known(order: MerchantOrder, attempt: PaymentAttempt, wish: RefundWish) -> Refund | None:
    """What an earlier call under the same key has written. Raises RefundRefused for a key that stands for another."""
    asked = MerchantRefund.objects.select_related("refund")
    if wish.request_key is not None and (mine := asked.filter(request_key=wish.request_key).first()):
        return mine.refund
    if wish.key is None:
        return None
    first = asked.filter(merchant_id=order.merchant_id, idempotency_key=wish.key).first()
    if first is None:
        return None
    if bytes(first.fingerprint) != wish.fingerprint or first.refund.attempt_id != attempt.pk:
        raise RefundRefused("key_reused")
    if first.refund.gateway_refund_id is None:
        raise RefundRefused("key_in_use")
    return first.refund


def _amount(attempt: PaymentAttempt, wish: RefundWish) -> int:
    """What goes back. Raises RefundRefused."""
    if attempt.state != AttemptState.CAPTURED:
        raise RefundRefused("not_captured")
    left = refunding.refundable_of(attempt)
    if left.is_disputed:
        raise RefundRefused("disputed")
    if left.minor <= 0:
        raise RefundRefused("nothing_left")
    if wish.amount_minor is None:
        return left.minor
    if wish.amount_minor > attempt.captured_minor:
        raise RefundRefused("beyond_captured")
    if wish.amount_minor > left.minor:
        raise RefundRefused("beyond_left")
    return wish.amount_minor


def _send(order_id: uuid.UUID, attempt: PaymentAttempt, refund: Refund) -> None:
    if refund.state == RefundState.FAILED:
        raise RefundRefused("gateway_refused")
    try:
        refunding.send_refund(refund.pk)
    except (Declined, Rejected):
        _withdraw(order_id, refund)
        raise RefundRefused("gateway_refused") from None
    except Unavailable:
        # Nothing happened: whoever asked may ask again, and does not find two of them one day.
        _withdraw(order_id, refund)
        raise
    try:
        settling.settle(order_id, report=collecting.fetch(attempt.request))
    except GatewayError:
        # The gateway has it; how far it is, the chase finds out.
        settling.settle(order_id)
    if not Refund.objects.filter(pk=refund.pk, gateway_refund_id__isnull=False).exists():
        # Somebody else is asking for it at this moment, or has given it up.
        raise OutcomeUnknown(Reason.STILL_WORKING)


def _withdraw(order_id: uuid.UUID, refund: Refund) -> None:
    with transaction.atomic(durable=True):
        order = MerchantOrder.objects.select_for_update().get(pk=order_id)
        waiting = Refund.objects.select_related("attempt__request").get(pk=refund.pk)
        if waiting.state == RefundState.APPROVED and recording.withdraw(waiting, because=_REFUSED):
            MerchantRefund.objects.filter(refund=refund).update(idempotency_key=None)
        settling.settle_locked(order)
