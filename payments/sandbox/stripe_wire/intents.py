"""The PaymentIntents of the API."""

from __future__ import annotations

from typing import Any

from payments.sandbox.answers import Reply
from payments.sandbox.instants import unix_now
from payments.sandbox.models import PaymentIntent
from payments.sandbox.names import client_secret, stripe_id
from payments.sandbox.stripe_wire import acts, fields
from payments.sandbox.stripe_wire.acts import Cause, Instrument
from payments.sandbox.stripe_wire.door import Call
from payments.sandbox.stripe_wire.errors import StripeError, missing_param, no_such
from payments.sandbox.stripe_wire.expanding import expanded
from payments.sandbox.stripe_wire.objects import intent_object
from payments.sandbox.stripe_wire.paging import PAGING, listed

_DESCRIBING = (
    "customer",
    "description",
    "metadata",
    "payment_method",
    "payment_method_options",
    "payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
)
_CREATING = (
    "amount",
    "automatic_payment_methods",
    "capture_method",
    "confirm",
    "confirmation_method",
    "currency",
    "error_on_requires_action",
    "off_session",
    "payment_method_configuration",
    "return_url",
    "use_stripe_sdk",
    *_DESCRIBING,
)
_CAPTURE_METHODS = ("automatic", "automatic_async", "manual")
_CANCELLATION_REASONS = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")

# Stripe's own test payment methods: brand, last four digits, whether the bank accepts.
_TEST_METHODS = {
    "pm_card_visa": ("visa", "4242", True),
    "pm_card_mastercard": ("mastercard", "4444", True),
    "pm_card_amex": ("amex", "8431", True),
    "pm_card_chargeDeclined": ("visa", "0002", False),
    "pm_card_visa_chargeDeclined": ("visa", "0002", False),
}


def create(call: Call) -> Reply:
    """A new intent, confirmed at once when asked."""
    call.allow(*_CREATING)
    currency = fields.currency(call.params)
    automatic = call.params.get("automatic_payment_methods")
    intent_id = stripe_id("pi")
    intent = PaymentIntent(
        public_id=intent_id,
        client_secret=client_secret(intent_id),
        amount_minor=fields.amount(call.params, currency),
        currency=currency,
        capture_method=fields.choice(call.params, "capture_method", _CAPTURE_METHODS) or "automatic_async",
        automatic_payment_methods=_automatic(automatic),
        payment_method_types=["card", "paypal"] if isinstance(automatic, dict) else ["card"],
        idempotency_key=call.idempotency_key,
        created=unix_now(),
    )
    _describe(intent, call.params)
    confirms = fields.flag(call.params, "confirm")
    if confirms and intent.payment_method is None:
        raise missing_param("payment_method")
    if intent.payment_method:
        intent.status = PaymentIntent.Status.REQUIRES_CONFIRMATION
    intent.save(force_insert=True)
    return _confirmed(intent, call) if confirms else _reply(intent, call)


def retrieve(call: Call) -> Reply:
    """The intent as it is now."""
    call.allow("client_secret")
    intent = PaymentIntent.objects.filter(public_id=call.ids["id"]).first()
    if intent is None:
        raise no_such("payment_intent", call.ids["id"], param="intent")
    return _reply(intent, call)


def list_all(call: Call) -> Reply:
    """Intents, newest first."""
    call.allow("customer", *PAGING)
    intents = PaymentIntent.objects.all()
    if customer := fields.text(call.params, "customer"):
        intents = intents.filter(customer=customer)
    return listed(call, intents, intent_object, "/v1/payment_intents")


def update(call: Call) -> Reply:
    """Descriptions change at any time, the amount only while nobody has paid."""
    call.allow("amount", "currency", *_DESCRIBING)
    intent = acts.lock_intent(call.ids["id"])
    if "amount" in call.params or "currency" in call.params:
        if intent.status not in PaymentIntent.OPEN_STATUSES:
            message = f"This PaymentIntent's amount could not be updated because it has a status of {intent.status}."
            raise StripeError(message, code="payment_intent_unexpected_state", kept=True)
        intent.currency = fields.currency({"currency": intent.currency, **call.params})
        intent.amount_minor = fields.amount({"amount": str(intent.amount_minor), **call.params}, intent.currency)
    _describe(intent, call.params)
    intent.save()
    return _reply(intent, call)


def confirm(call: Call) -> Reply:
    """The shopper's try with a test payment method; a decline is a 402 that leaves a failed charge."""
    call.allow("payment_method", "payment_method_options", "return_url", "receipt_email", "off_session", "shipping")
    intent = acts.lock_intent(call.ids["id"])
    intent.payment_method = fields.text(call.params, "payment_method") or intent.payment_method
    if intent.payment_method is None:
        raise missing_param("payment_method")
    return _confirmed(intent, call)


def capture(call: Call) -> Reply:
    """What was authorized is taken, in full or in part."""
    call.allow("amount_to_capture", "metadata", "final_capture", "statement_descriptor")
    amount = fields.whole(call.params, "amount_to_capture")
    intent = acts.lock_intent(call.ids["id"])
    acts.capture(intent, amount, cause=_cause(call))
    return _reply(intent, call)


def cancel(call: Call) -> Reply:
    """The intent cannot be paid any more."""
    call.allow("cancellation_reason")
    reason = fields.choice(call.params, "cancellation_reason", _CANCELLATION_REASONS)
    intent = acts.lock_intent(call.ids["id"])
    acts.cancel(intent, reason, cause=_cause(call))
    return _reply(intent, call)


def _describe(intent: PaymentIntent, params: dict[str, Any]) -> None:
    for name in ("customer", "description", "receipt_email", "payment_method"):
        if name in params:
            setattr(intent, name, fields.text(params, name))
    if isinstance(types := params.get("payment_method_types"), list):
        intent.payment_method_types = types
    if "shipping" in params:
        intent.shipping = params["shipping"] or None
    intent.metadata = fields.metadata(params, intent.metadata)


def _automatic(given: Any) -> dict[str, Any] | None:
    if not isinstance(given, dict):
        return None
    return {"allow_redirects": given.get("allow_redirects", "always"), "enabled": fields.flag(given, "enabled")}


def _confirmed(intent: PaymentIntent, call: Call) -> Reply:
    method = str(intent.payment_method)
    if method not in _TEST_METHODS:
        raise StripeError(f"No such PaymentMethod: '{method[:60]}'", code="resource_missing", param="payment_method")
    brand, last4, accepted = _TEST_METHODS[method]
    instrument = Instrument(last4=last4, brand=brand)
    if accepted:
        captures = intent.capture_method != "manual"
        acts.authorize(intent, instrument, captures=captures, cause=_cause(call))
        return _reply(intent, call)
    acts.decline(intent, instrument, cause=_cause(call))
    # Returned, not raised: the failed try stays.
    error = {**(intent.last_payment_error or {}), "payment_intent": intent_object(intent)}
    return Reply(402, {"error": error}, call.request_id)


def _cause(call: Call) -> Cause:
    return Cause(call.request_id, call.idempotency_key)


def _reply(intent: PaymentIntent, call: Call) -> Reply:
    return Reply(200, expanded(intent_object(intent), call.params), call.request_id)
