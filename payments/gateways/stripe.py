"""Stripe, through its official SDK. Amounts cross over in Stripe's own minor units, which are not always ISO's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import stripe as sdk

from kit import clock
from kit.money import Money
from payments.gateways.base import (
    Ask,
    BadSignature,
    Event,
    OutcomeUnknown,
    PaymentState,
    Reason,
    RefundReport,
    RequestReport,
    unreadable_event,
)
from payments.gateways.reading import name, read
from payments.gateways.stripe_amounts import to_stripe
from payments.gateways.stripe_calls import Repeated, UnexpectedState, call
from payments.gateways.stripe_lists import StripeLists
from payments.gateways.stripe_reports import is_release, key_of, refund_report, request_report

sdk.enable_telemetry = False

WEBHOOK_TOLERANCE_S = 300

# Between the writing of a request and the gateway's own time of its creation: clocks differ, and a retry may come late.
_CLOCKS_DIFFER = timedelta(minutes=5)
_CREATED_SOON, _CREATED_LATE = timedelta(minutes=15), timedelta(days=1)
# So many intents are looked through, 100 a call: while a shopper waits, and by a job.
_LOOK_THROUGH_SOON, _LOOK_THROUGH_LATE = 500, 20_000
# A refund that the gateway failed at is asked for under a further key, so often at most.
_FURTHER_KEYS = 20


class StripeGateway(StripeLists):
    """The port over PaymentIntents, captured automatically unless the money is to be held."""

    name = "stripe"

    def __init__(
        self, *, api_key: str, webhook_secrets: tuple[str, ...], api_base: str, timeout: tuple[float, float]
    ) -> None:
        self._webhook_secrets = tuple(secret for secret in webhook_secrets if secret)
        options: dict[str, Any] = {"base_addresses": {"api": api_base}} if api_base else {}
        # No retries inside the SDK: with a shopper waiting one answer is enough, and jobs bring their own patience.
        self._client = sdk.StripeClient(
            api_key, http_client=sdk.RequestsClient(timeout=timeout), max_network_retries=0, **options
        )

    def create(self, ask: Ask) -> RequestReport:
        params: sdk.params.PaymentIntentCreateParams = {
            "amount": to_stripe(ask.amount),
            "currency": ask.amount.currency.lower(),
            "description": ask.description,
            "metadata": {"request": ask.key},
            "automatic_payment_methods": {"enabled": True},
            "expand": ["latest_charge"],
        }
        if ask.hold:
            params["capture_method"] = "manual"
        return call(
            lambda: request_report(
                self._client.v1.payment_intents.create(params, {"idempotency_key": f"request-{ask.key}"})
            )
        )

    def find(self, ask: Ask, *, thorough: bool = False) -> RequestReport | None:
        # Not by repeating the create: after 24 hours the key may be forgotten and a second intent be made, and until
        # then it repeats a 500 even where the intent exists.
        since = ask.since - _CLOCKS_DIFFER
        until = ask.since + (_CREATED_LATE if thorough else _CREATED_SOON)
        most = _LOOK_THROUGH_LATE if thorough else _LOOK_THROUGH_SOON
        created: sdk.params.PaymentIntentListParamsCreated = {
            "gte": int(since.timestamp()),
            "lte": int(until.timestamp()),
        }

        def look() -> str | None:
            intents = self._client.v1.payment_intents.list({"created": created, "limit": 100}).auto_paging_iter()
            for number, intent in enumerate(intents):
                if number == most:
                    raise OutcomeUnknown(Reason.TOO_MANY)
                if key_of(intent) == ask.key:
                    return name(intent.id)
            return None

        reference = call(look)
        return self.fetch(reference) if reference else None

    def fetch(self, reference: str, *, refunds: bool = False) -> RequestReport:
        intent = call(lambda: self._client.v1.payment_intents.retrieve(reference, {"expand": ["latest_charge"]}))

        def whole() -> RequestReport:
            charge = intent.latest_charge
            if isinstance(charge, sdk.Charge) and charge.captured and (refunds or charge.amount_refunded):
                return request_report(intent, self._refunds(charge.id))
            return request_report(intent)

        return read(whole)

    def _refunds(self, charge_id: str) -> tuple[RefundReport, ...]:
        return call(
            lambda: tuple(
                refund_report(refund)
                for refund in self._client.v1.refunds.list({"charge": charge_id, "limit": 100}).auto_paging_iter()
                if not is_release(refund)
            )
        )

    def capture(self, reference: str, payment_id: str, amount: Money) -> None:
        # Without a key of ours: it cannot happen twice, and under a key a 500 would be repeated for a day.
        try:
            call(lambda: self._client.v1.payment_intents.capture(reference, {"amount_to_capture": to_stripe(amount)}))
        except UnexpectedState:
            if not any(payment.state == PaymentState.CAPTURED for payment in self.fetch(reference).payments):
                raise

    def cancel(self, reference: str) -> RequestReport:
        try:
            return call(
                lambda: request_report(self._client.v1.payment_intents.cancel(reference, {"expand": ["latest_charge"]}))
            )
        except UnexpectedState:
            # Paid or cancelled already: what is true now is all that matters.
            return self.fetch(reference)

    def refund(self, reference: str, payment_id: str, amount: Money, *, key: str) -> RefundReport:
        # A key repeats even a 500, for a day. That an answer is a repetition proves that the first call is over: if
        # there is no such refund then, a further key is safe.
        for attempt in range(_FURTHER_KEYS):
            try:
                return self._create_refund(
                    payment_id, amount, key, f"refund-{key}" + (f"-{attempt}" if attempt else "")
                )
            except Repeated:
                made = [refund for refund in self._refunds(payment_id) if refund.key == key]
                if made:
                    return made[0]
        raise OutcomeUnknown(Reason.HAD_ERROR)

    def _create_refund(self, payment_id: str, amount: Money, key: str, idempotency_key: str) -> RefundReport:
        return call(
            lambda: refund_report(
                self._client.v1.refunds.create(
                    {"charge": payment_id, "amount": to_stripe(amount), "metadata": {"refund": key}},
                    {"idempotency_key": idempotency_key},
                )
            )
        )

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Any of the secrets may have signed; a time more than five minutes away, either way, is refused."""
        signature = headers.get("Stripe-Signature") or ""
        if not signature.isascii() or not any(
            self._signed(body, signature, secret) for secret in self._webhook_secrets
        ):
            raise BadSignature
        # The SDK checks the past only; a signature from the future would stay valid until that day.
        times = [part[2:] for part in signature.split(",") if part.startswith("t=")]
        if not times or not times[0].isdigit() or abs(clock.now().timestamp() - int(times[0])) > WEBHOOK_TOLERANCE_S:
            raise BadSignature
        try:
            event = json.loads(body)
            thing = event["data"]["object"]
            reference = thing["id"] if thing["object"] == "payment_intent" else thing.get("payment_intent") or ""
            dispute_id = thing["id"] if thing["object"] == "dispute" else ""
            return Event(
                key=str(event["id"]), type=str(event["type"]), reference=str(reference), dispute_id=str(dispute_id)
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return unreadable_event(body)

    @staticmethod
    def _signed(body: bytes, signature: str, secret: str) -> bool:
        try:
            sdk.WebhookSignature.verify_header(body.decode("utf-8"), signature, secret)
        except (sdk.SignatureVerificationError, ValueError, TypeError, AttributeError):
            # Beside its own error the SDK lets others out on hostile input.
            return False
        return True
