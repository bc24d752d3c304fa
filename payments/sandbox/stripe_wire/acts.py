"""What can happen to a PaymentIntent, whoever asks: a shopper, the API, the controls.

Each act expects the caller's transaction on the sandbox database with the intent's row locked (`lock_intent`), leaves
intent, charge, balance and events agreeing with each other, and raises StripeError where the state does not allow it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from payments.sandbox.events import Mode
from payments.sandbox.instants import unix_now
from payments.sandbox.models import BalanceEntry, Charge, Gateway, PaymentIntent, StripeRefund
from payments.sandbox.names import stripe_id
from payments.sandbox.stripe_wire.errors import StripeError, no_such, unexpected_state
from payments.sandbox.stripe_wire.happenings import announce
from payments.sandbox.stripe_wire.objects import charge_object, intent_object, refund_object


@dataclass(frozen=True, slots=True)
class Instrument:
    """What the shopper pays with."""

    method: str = "card"
    last4: str = "4242"
    brand: str = "visa"

    @property
    def type(self) -> str:
        """Stripe's word for the method; a wallet holds a card."""
        return "card" if self.method == "wallet" else self.method

    def details(self) -> dict[str, Any]:
        """As a charge's `payment_method_details`."""
        if self.type == "card":
            card = {"brand": self.brand, "last4": self.last4, "exp_month": 12, "exp_year": 2034, "funding": "credit"}
            wallet = {"type": "google_pay", "google_pay": {}} if self.method == "wallet" else None
            return {"type": "card", "card": {**card, "country": "US", "network": self.brand, "wallet": wallet}}
        if self.type == "paypal":
            payer = {"payer_email": "shopper@example.com", "payer_id": "SANDBOXPAYER", "payer_name": None}
            return {"type": "paypal", "paypal": payer}
        return {"type": self.type, self.type: {}}


@dataclass(frozen=True, slots=True)
class Cause:
    """Which call brought this about, and how its webhooks are to behave."""

    request_id: str | None = None
    idempotency_key: str | None = None
    mode: Mode = Mode.NORMAL

    def announce(self, *happenings: tuple[str, dict[str, Any]]) -> None:
        """Record the events of one act."""
        announce(*happenings, mode=self.mode, request_id=self.request_id, idempotency_key=self.idempotency_key)


def lock_intent(public_id: str, *, param: str = "intent") -> PaymentIntent:
    """The intent, its row locked to the end of the transaction."""
    intent = PaymentIntent.objects.select_for_update().filter(public_id=public_id).first()
    if intent is None:
        raise no_such("payment_intent", public_id, param=param)
    return intent


def authorize(intent: PaymentIntent, instrument: Instrument, *, captures: bool, cause: Cause) -> Charge:
    """The money is the merchant's to take; with `captures` it is taken at once."""
    _require_open(intent, "confirm")
    charge = _charge(intent, instrument, status=Charge.Status.SUCCEEDED)
    intent.latest_charge = charge.public_id
    intent.payment_method = charge.payment_method
    intent.last_payment_error = None
    if captures:
        _take(intent, charge, intent.amount_minor)
        second = "payment_intent.succeeded"
    else:
        intent.status = PaymentIntent.Status.REQUIRES_CAPTURE
        intent.capturable_minor = intent.amount_minor
        intent.save()
        second = "payment_intent.amount_capturable_updated"
    cause.announce(("charge.succeeded", charge_object(charge)), (second, intent_object(intent)))
    return charge


def decline(intent: PaymentIntent, instrument: Instrument, *, cause: Cause) -> Charge:
    """The bank said no: a failed charge, the intent open for another try."""
    _require_open(intent, "confirm")
    charge = _charge(
        intent,
        instrument,
        status=Charge.Status.FAILED,
        failure_code="card_declined",
        failure_message="Your card was declined.",
    )
    intent.latest_charge = charge.public_id
    intent.status = PaymentIntent.Status.REQUIRES_PAYMENT_METHOD
    intent.payment_method = None
    intent.last_payment_error = {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "generic_decline",
        "message": "Your card was declined.",
        "charge": charge.public_id,
        "payment_method": {"id": charge.payment_method, "object": "payment_method", "type": instrument.type},
    }
    intent.save()
    failed = intent_object(intent)
    cause.announce(("charge.failed", charge_object(charge)), ("payment_intent.payment_failed", failed))
    return charge


def capture(intent: PaymentIntent, amount_minor: int | None, *, cause: Cause) -> None:
    """The authorized money is taken, all of it or that much; the rest is released."""
    if intent.status != PaymentIntent.Status.REQUIRES_CAPTURE:
        raise _wrong_state(intent, "captured", "requires_capture")
    amount = intent.capturable_minor if amount_minor is None else amount_minor
    if amount > intent.capturable_minor:
        message = "The amount_to_capture is greater than the amount that can be captured."
        raise StripeError(message, code="amount_too_large", param="amount_to_capture", kept=True)
    charge = _held(intent)
    _take(intent, charge, amount)
    happenings = [("charge.captured", charge_object(charge)), ("payment_intent.succeeded", intent_object(intent))]
    cause.announce(*happenings, *_release(charge))


def cancel(intent: PaymentIntent, reason: str | None, *, cause: Cause) -> None:
    """Nobody can pay the intent any more, and an authorization is released."""
    if intent.status in (PaymentIntent.Status.SUCCEEDED, PaymentIntent.Status.CANCELED):
        raise _wrong_state(intent, "canceled", "requires_payment_method, requires_capture, requires_confirmation")
    held = _held(intent) if intent.status == PaymentIntent.Status.REQUIRES_CAPTURE else None
    intent.status = PaymentIntent.Status.CANCELED
    intent.capturable_minor = 0
    intent.canceled_at = unix_now()
    intent.cancellation_reason = reason
    intent.save()
    cause.announce(("payment_intent.canceled", intent_object(intent)), *(_release(held) if held else ()))


def _require_open(intent: PaymentIntent, act: str) -> None:
    if intent.status not in PaymentIntent.OPEN_STATUSES:
        raise unexpected_state(
            f"You cannot {act} this PaymentIntent because it has a status of {intent.status}.", intent_object(intent)
        )


def _wrong_state(intent: PaymentIntent, participle: str, allowed: str) -> StripeError:
    return unexpected_state(
        f"This PaymentIntent could not be {participle} because it has a status of {intent.status}. "
        f"Only a PaymentIntent with one of the following statuses may be {participle}: {allowed}.",
        intent_object(intent),
    )


def _charge(intent: PaymentIntent, instrument: Instrument, *, status: str, **more: Any) -> Charge:
    return Charge.objects.create(
        public_id=stripe_id("ch"),
        intent=intent,
        amount_minor=intent.amount_minor,
        currency=intent.currency,
        status=status,
        payment_method=stripe_id("pm"),
        payment_method_details=instrument.details(),
        created=unix_now(),
        **more,
    )


def _held(intent: PaymentIntent) -> Charge:
    charge = Charge.objects.get(public_id=intent.latest_charge)
    charge.intent = intent
    return charge


def _release(charge: Charge) -> list[tuple[str, dict[str, Any]]]:
    """What was held and not taken is free again: Stripe shows that as a refund, which moves nothing of the balance."""
    if charge.captured_minor == charge.amount_minor:
        return []
    refund = StripeRefund.objects.create(
        public_id=stripe_id("re"),
        intent=charge.intent,
        charge=charge,
        amount_minor=charge.amount_minor - charge.captured_minor,
        currency=charge.currency,
        created=unix_now(),
    )
    return [("refund.created", refund_object(refund)), ("charge.refunded", charge_object(charge))]


def _take(intent: PaymentIntent, charge: Charge, amount_minor: int) -> None:
    fee = fee_minor(amount_minor)
    entry = BalanceEntry.objects.create(
        gateway=Gateway.STRIPE,
        public_id=stripe_id("txn"),
        kind=BalanceEntry.Kind.PAYMENT,
        source=charge.public_id,
        amount_minor=amount_minor,
        fee_minor=fee,
        net_minor=amount_minor - fee,
        currency=charge.currency,
        created=unix_now(),
    )
    charge.captured_minor = amount_minor
    charge.balance_transaction = entry.public_id
    charge.save()
    intent.status = PaymentIntent.Status.SUCCEEDED
    intent.capturable_minor = 0
    intent.received_minor = amount_minor
    intent.save()


def fee_minor(amount_minor: int) -> int:
    """2.9 % and 30 minor units, rounded half up, never more than the amount."""
    return min(amount_minor, (amount_minor * 29 + 500) // 1000 + 30)
