"""A payer's browser shows what the gateway's checkout handed to it. The signature is the capability: nobody signs in,
and nothing of the order is told but how its payment stands.

The signature says that a payment is for an order, and neither that it was captured nor of how much: the gateway is
asked, outside any transaction, and what it says is settled like everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from django.db.models import F, Sum

from kit.errors import DomainError, Fault, NotFound
from orders import subjects
from payments import collecting, gateways, queries
from payments.gateways.base import BadSignature, GatewayError
from payments.merchants import keys
from payments.merchants.models import MerchantOrder
from payments.models import AttemptState, GatewayName, OwedTo, PaymentAttempt, PaymentRequest, RefundState, RequestState


class Verdict(StrEnum):
    """How the payment of an order stands, as a payer may know it."""

    UNPAID = "unpaid"  # nobody has tried
    CHECKING = "checking"  # nobody knows yet: ask again in a moment
    FAILED = "failed"  # this try came to nothing; another may be made
    AUTHORIZED = "authorized"  # the bank holds the money, and whoever collects it has yet to take it
    REFUNDED = "refunded"  # what was paid is back, or on its way
    PAID = "paid"  # whatever else was paid too much and went back


class NotSigned(DomainError):
    """The checkout has not handed this out for this order, or there is no such order: the two are never told apart."""

    def __init__(self) -> None:
        super().__init__([Fault("signature_invalid", at=("razorpay_signature",))])


def verify(reference: str, payment_id: str, signature: str) -> Verdict:
    """Settle the order by what its gateway says now, and how this payment of it stands then.

    Raises NotSigned; then the gateway was not asked, and nothing was written.
    """
    request = check(reference, payment_id, signature)
    try:
        subjects.ask_gateway(request)
    except GatewayError:
        # What is certain already stays so; of everything else nobody knows.
        known = standing_of_payment(request, payment_id)
        return known if known in (Verdict.PAID, Verdict.REFUNDED) else Verdict.CHECKING
    return standing_of_payment(request, payment_id)


def check(reference: str, payment_id: str, signature: str) -> PaymentRequest:
    """The request that this is signed for, by our key's secret or, for a merchant's order, by the merchant's own.

    Asks nobody. Raises NotSigned.
    """
    request = find(reference)
    if request is None or not collecting.is_configured(GatewayName.RAZORPAY):
        raise NotSigned
    try:
        gateways.razorpay().verify_checkout(reference, payment_id, signature, secrets=_secrets(request))
    except BadSignature:
        raise NotSigned from None
    return request


def standing(reference: str) -> Verdict:
    """How the payment of an order stands, by what we have been told; nobody is asked. Raises NotFound."""
    request = find(reference)
    if request is None:
        raise NotFound("order")
    return standing_of(request)


def standing_of(request: PaymentRequest) -> Verdict:
    """The same for a request: its best try counts."""
    verdicts = [_of_attempt(request, attempt) for attempt in PaymentAttempt.objects.filter(request=request)]
    return max(verdicts, key=list(Verdict).index, default=Verdict.UNPAID)


def standing_of_payment(request: PaymentRequest, payment_id: str) -> Verdict:
    """The same for one try; that of which we have not heard yet is being checked."""
    request.refresh_from_db(fields=["state"])
    attempt = PaymentAttempt.objects.filter(request=request, gateway_payment_id=payment_id).first()
    return Verdict.CHECKING if attempt is None else _of_attempt(request, attempt)


def find(reference: str) -> PaymentRequest | None:
    """The request that a payer knows by this id. What was never shown to anybody is not found."""
    if "\0" in reference:
        return None
    request = queries.find_request(GatewayName.RAZORPAY, reference)
    if request is not None and request.owed_to == OwedTo.MERCHANT_FUNDS:
        return request if MerchantOrder.objects.filter(reference=reference).exists() else None
    return request


def _secrets(request: PaymentRequest) -> Iterable[str]:
    if request.owed_to != OwedTo.MERCHANT_FUNDS:
        return ()
    merchants = MerchantOrder.objects.filter(pk=request.subject_id).values_list("merchant_id", flat=True)
    return keys.secrets_of(merchants.get())


_BY_STATE = {
    AttemptState.STARTED.value: Verdict.CHECKING,
    AttemptState.FAILED.value: Verdict.FAILED,
    AttemptState.AUTHORIZED.value: Verdict.AUTHORIZED,
    AttemptState.CANCELLED.value: Verdict.FAILED,
}


def _of_attempt(request: PaymentRequest, attempt: PaymentAttempt) -> Verdict:
    if attempt.state != AttemptState.CAPTURED:
        return _BY_STATE[attempt.state]
    refunds = attempt.refunds.exclude(state__in=(RefundState.FAILED, RefundState.REQUESTED))
    back = refunds.aggregate(sum=Sum(F("amount_minor") - F("excess_minor"), default=0))["sum"]
    if back >= attempt.captured_minor:
        return Verdict.REFUNDED
    # In another currency, or less than was asked for, it pays for nothing: a person looks, or it goes back.
    return Verdict.PAID if request.state == RequestState.PAID else Verdict.CHECKING
