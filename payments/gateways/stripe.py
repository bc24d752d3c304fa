"""Stripe, through its official SDK. Amounts cross over in Stripe's own minor units, which are not always ISO's."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import stripe as sdk

from kit import clock
from kit.money import Money
from payments.gateways.base import (
    Ask,
    BadSignature,
    Declined,
    Event,
    GatewayError,
    NotKnown,
    OutcomeUnknown,
    PaymentReport,
    PaymentState,
    Reason,
    RefundOutcome,
    RefundReport,
    Rejected,
    RequestReport,
    Unavailable,
)
from payments.gateways.reading import minor, name, read, text
from payments.gateways.stripe_amounts import from_stripe, to_stripe

sdk.enable_telemetry = False

WEBHOOK_TOLERANCE_S = 300

# Between the writing of a request and the gateway's own time of its creation: clocks differ, and a retry may come late.
_CLOCKS_DIFFER = timedelta(minutes=5)
_CREATED_SOON, _CREATED_LATE = timedelta(minutes=15), timedelta(days=1)
# So many intents are looked through, 100 a call: while a shopper waits, and by a job.
_LOOK_THROUGH_SOON, _LOOK_THROUGH_LATE = 500, 20_000
# A refund that the gateway failed at is asked for under a further key, so often at most.
_FURTHER_KEYS = 20


class StripeGateway:
    """The port over PaymentIntents with automatic capture."""

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
        return _call(
            lambda: _report(
                self._client.v1.payment_intents.create(
                    {
                        "amount": to_stripe(ask.amount),
                        "currency": ask.amount.currency.lower(),
                        "description": ask.description,
                        "metadata": {"request": ask.key},
                        "automatic_payment_methods": {"enabled": True},
                        "expand": ["latest_charge"],
                    },
                    {"idempotency_key": f"request-{ask.key}"},
                )
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
                if _key_of(intent) == ask.key:
                    return name(intent.id)
            return None

        reference = _call(look)
        return self.fetch(reference) if reference else None

    def fetch(self, reference: str, *, refunds: bool = False) -> RequestReport:
        intent = _call(lambda: self._client.v1.payment_intents.retrieve(reference, {"expand": ["latest_charge"]}))

        def whole() -> RequestReport:
            charge = intent.latest_charge
            if isinstance(charge, sdk.Charge) and charge.captured and (refunds or charge.amount_refunded):
                return _report(intent, self._refunds(charge.id))
            return _report(intent)

        return read(whole)

    def _refunds(self, charge_id: str) -> tuple[RefundReport, ...]:
        return _call(
            lambda: tuple(
                _refund_report(refund)
                for refund in self._client.v1.refunds.list({"charge": charge_id, "limit": 100}).auto_paging_iter()
            )
        )

    def capture(self, reference: str, payment_id: str, amount: Money) -> None:
        # Without a key of ours: it cannot happen twice, and under a key a 500 would be repeated for a day.
        try:
            _call(lambda: self._client.v1.payment_intents.capture(reference, {"amount_to_capture": to_stripe(amount)}))
        except _UnexpectedState:
            if not any(payment.state == PaymentState.CAPTURED for payment in self.fetch(reference).payments):
                raise

    def cancel(self, reference: str) -> RequestReport:
        try:
            return _call(
                lambda: _report(self._client.v1.payment_intents.cancel(reference, {"expand": ["latest_charge"]}))
            )
        except _UnexpectedState:
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
            except _Repeated:
                made = [refund for refund in self._refunds(payment_id) if refund.key == key]
                if made:
                    return made[0]
        raise OutcomeUnknown(Reason.HAD_ERROR)

    def _create_refund(self, payment_id: str, amount: Money, key: str, idempotency_key: str) -> RefundReport:
        return _call(
            lambda: _refund_report(
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
            return Event(key=str(event["id"]), type=str(event["type"]), reference=str(reference))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise BadSignature from None

    @staticmethod
    def _signed(body: bytes, signature: str, secret: str) -> bool:
        try:
            sdk.WebhookSignature.verify_header(body.decode("utf-8"), signature, secret)
        except (sdk.SignatureVerificationError, ValueError, TypeError, AttributeError):
            # Beside its own error the SDK lets others out on hostile input.
            return False
        return True


class _UnexpectedState(Rejected):
    """The object is past what was asked of it."""


class _Repeated(OutcomeUnknown):
    """An error that an earlier call with the same key had; that call is over."""


def _call[Result](act: Callable[[], Result]) -> Result:
    """Do one call and sort what went wrong by who must act. Stripe's own texts stay out of the reason: they can quote
    keys."""
    try:
        return act()
    except sdk.CardError:
        raise Declined(Reason.DECLINED) from None
    except sdk.RateLimitError:
        raise Unavailable(Reason.BUSY) from None
    except sdk.APIConnectionError:
        raise OutcomeUnknown(Reason.NO_ANSWER) from None
    except (sdk.InvalidRequestError, sdk.AuthenticationError, sdk.PermissionError, sdk.IdempotencyError) as error:
        if error.http_status == 409:
            raise OutcomeUnknown(Reason.STILL_WORKING) from None
        if error.http_status == 404 or error.code == "resource_missing":
            raise NotKnown(Reason.NOT_KNOWN) from None
        if error.code in {"payment_intent_unexpected_state", "charge_already_captured"}:
            raise _UnexpectedState(Reason.OTHER_STATE) from None
        if error.code == "amount_too_small":
            raise Rejected(Reason.AMOUNT_TOO_SMALL) from None
        raise Rejected(Reason.REFUSED) from None
    except sdk.StripeError as error:
        first = error.headers.get("original-request") if error.headers else None
        if first is not None and first != error.request_id:
            raise _Repeated(Reason.HAD_ERROR) from None
        # 409, 5xx, HTML instead of JSON: it may have happened all the same.
        raise OutcomeUnknown(Reason.HAD_ERROR) from None
    except GatewayError:
        raise
    except Exception:
        raise OutcomeUnknown(Reason.UNREADABLE) from None


def _key_of(intent: sdk.PaymentIntent) -> str:
    return str(intent.metadata.to_dict().get("request", "")) if intent.metadata else ""


def _report(intent: sdk.PaymentIntent, refunds: tuple[RefundReport, ...] = ()) -> RequestReport:
    currency = intent.currency.upper()
    charge = intent.latest_charge
    payments = (_payment(charge, intent, currency, refunds),) if isinstance(charge, sdk.Charge) else ()
    return RequestReport(
        gateway="stripe",
        reference=name(intent.id),
        key=_key_of(intent),
        client_secret=text(intent.client_secret),
        amount=Money(from_stripe(minor(intent.amount), currency), currency),
        cancelled=name(intent.status) == "canceled",
        payments=payments,
    )


def _payment(
    charge: sdk.Charge, intent: sdk.PaymentIntent, currency: str, refunds: tuple[RefundReport, ...]
) -> PaymentReport:
    details = charge.payment_method_details
    card = details.card if details and details.type == "card" else None
    if charge.captured:
        state = PaymentState.CAPTURED
    elif charge.status == "failed":
        state = PaymentState.FAILED
    elif charge.status == "pending":
        state = PaymentState.STARTED
    else:
        state = PaymentState.CANCELLED if intent.status == "canceled" else PaymentState.AUTHORIZED
    captured = charge.amount_captured if state == PaymentState.CAPTURED else 0
    return PaymentReport(
        payment_id=name(charge.id),
        state=state,
        currency=currency,
        amount_minor=from_stripe(minor(charge.amount), currency),
        captured_minor=from_stripe(minor(captured), currency),
        method=text(details.type) if details else "",
        last4=text(card.last4) if card else "",
        failure_code=text(charge.failure_code),
        refunds=refunds,
    )


_REFUND_OUTCOMES = {
    "succeeded": RefundOutcome.SUCCEEDED,
    "failed": RefundOutcome.FAILED,
    "canceled": RefundOutcome.FAILED,
}


def _refund_report(refund: sdk.Refund) -> RefundReport:
    return RefundReport(
        refund_id=name(refund.id),
        key=str(refund.metadata.to_dict().get("refund", "")) if refund.metadata else "",
        amount_minor=from_stripe(minor(refund.amount), refund.currency.upper()),
        outcome=_REFUND_OUTCOMES.get(str(refund.status), RefundOutcome.SENT),
    )
