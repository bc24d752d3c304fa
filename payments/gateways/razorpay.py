"""Razorpay, through its official SDK, fenced in: the SDK has no timeout of its own, hides the HTTP status and lets
foreign exceptions out, so every call goes through `_call` with an explicit timeout, body and no redirects."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import razorpay as sdk
import requests
from razorpay import errors as sdk_errors

from kit.money import Money, digits
from payments.gateways.base import (
    Ask,
    BadSignature,
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
from payments.gateways.reading import minor, name, read, text, things

_NO_SUCH_ID = "The id provided does not exist"


def to_razorpay(amount: Money) -> int:
    """An amount in Razorpay's minor units. Raises Rejected where Razorpay cannot express it."""
    # razorpay.com/docs/payments/international-payments: in three-decimal currencies the last digit must be 0.
    if digits(amount.currency) == 3 and amount.minor % 10:
        raise Rejected(Reason.AMOUNT_NOT_PAYABLE)
    return amount.minor


def receipt(key: str) -> str:
    """Our request's id as a receipt: Razorpay allows 40 characters."""
    return key.replace("-", "")


class RazorpayGateway:
    """The port over Razorpay's orders and payments, captured automatically."""

    name = "razorpay"

    def __init__(
        self,
        *,
        key_id: str,
        key_secret: str,
        webhook_secrets: tuple[str, ...],
        api_base: str,
        timeout: tuple[float, float],
    ) -> None:
        self._auth = (key_id, key_secret)
        self._webhook_secrets = tuple(secret for secret in webhook_secrets if secret)
        self._options: dict[str, Any] = {"base_url": api_base} if api_base else {}
        self._timeout = timeout
        self._local = threading.local()

    def create(self, ask: Ask) -> RequestReport:
        order = self._call(
            lambda client, options: client.order.create(
                data={
                    "amount": to_razorpay(ask.amount),
                    "currency": ask.amount.currency,
                    "receipt": receipt(ask.key),
                    # Razorpay has no idempotency key for orders: this makes the receipt one.
                    "unique_receipt": True,
                    "notes": {"request": ask.key},
                    "payment_capture": 1,
                },
                **options,
            )
        )
        return read(lambda: _report(order, [], {}))

    def find(self, ask: Ask, *, thorough: bool = False) -> RequestReport | None:
        del thorough  # The receipt is looked up, however old it is.
        found = self._call(lambda client, options: client.order.all(data={"receipt": receipt(ask.key)}, **options))
        references = read(lambda: [name(order["id"]) for order in things(found)])
        return self.fetch(references[0]) if references else None

    def fetch(self, reference: str, *, refunds: bool = False) -> RequestReport:
        order = self._call(lambda client, options: client.order.fetch(reference, data={}, **options))
        answer = self._call(lambda client, options: client.order.payments(reference, data={}, **options))

        def whole() -> RequestReport:
            payments = things(answer)
            with_refunds = [
                name(payment["id"])
                for payment in payments
                if payment.get("captured") and (refunds or payment.get("amount_refunded"))
            ]
            return _report(order, payments, {payment_id: self._refunds(payment_id) for payment_id in with_refunds})

        return read(whole)

    def _refunds(self, payment_id: str) -> tuple[RefundReport, ...]:
        # A payment has a handful of refunds; 100 is the longest page.
        answer = self._call(
            lambda client, options: client.payment.fetch_multiple_refund(payment_id, data={"count": 100}, **options)
        )
        return read(lambda: tuple(_refund_report(refund) for refund in things(answer)))

    def capture(self, reference: str, payment_id: str, amount: Money) -> None:
        # `data` is given explicitly: the SDK's default is one dict shared by all threads.
        try:
            self._call(
                lambda client, options: client.payment.capture(
                    payment_id, to_razorpay(amount), data={"currency": amount.currency}, **options
                )
            )
        except Rejected:
            if not any(
                payment.payment_id == payment_id and payment.state == PaymentState.CAPTURED
                for payment in self.fetch(reference).payments
            ):
                raise

    def cancel(self, reference: str) -> RequestReport:
        """Razorpay's orders cannot be cancelled: what is paid all the same goes back by the late-money rule."""
        return self.fetch(reference)

    def refund(self, reference: str, payment_id: str, amount: Money, *, key: str) -> RefundReport:
        refund = self._call(
            lambda client, options: client.payment.refund(
                payment_id,
                # The amount is never left out: Razorpay would send back everything.
                data={"amount": to_razorpay(amount), "notes": {"refund": key}},
                **{**options, "headers": {"X-Refund-Idempotency": key}},
            )
        )
        return read(lambda: _refund_report(refund))

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Any of the secrets may have signed. The scheme has no time in it: an old event may come again at any age."""
        signature = headers.get("X-Razorpay-Signature") or ""
        if not signature.isascii() or not any(
            self._signed(body, signature, secret) for secret in self._webhook_secrets
        ):
            raise BadSignature
        try:
            event = json.loads(body)
            return Event(
                key=hashlib.sha256(body).hexdigest(), type=str(event["event"]), reference=_order_of(event["payload"])
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise BadSignature from None

    def _signed(self, body: bytes, signature: str, secret: str) -> bool:
        try:
            # The SDK wants text and lets TypeErrors out on anything else.
            self._client().utility.verify_webhook_signature(body.decode("utf-8"), signature, secret)
        except (sdk_errors.SignatureVerificationError, ValueError, TypeError, AttributeError):
            return False
        return True

    def _client(self) -> Any:
        """One client per thread: the SDK's session is not made for several."""
        if not hasattr(self._local, "client"):
            self._local.client = sdk.Client(auth=self._auth, **self._options)
            self._local.client.session.hooks["response"].append(self._remember)
        return self._local.client

    def _remember(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._local.status = response.status_code

    def _call(self, act: Callable[[Any, dict[str, Any]], Any]) -> dict[str, Any]:
        """Do one call and sort what went wrong by who must act; the status comes from the hook, the SDK hides it."""
        client = self._client()
        self._local.status = None
        try:
            answer = act(client, {"timeout": self._timeout, "allow_redirects": False})
        except GatewayError:
            raise
        except requests.ConnectTimeout:
            raise Unavailable(Reason.UNREACHABLE) from None
        except sdk_errors.BadRequestError as error:
            if self._local.status == 429:
                raise Unavailable(Reason.BUSY) from None
            if self._local.status == 409:
                raise OutcomeUnknown(Reason.STILL_WORKING) from None
            if _NO_SUCH_ID in str(error):
                # Razorpay has neither a status nor a code of its own for it.
                raise NotKnown(Reason.NOT_KNOWN) from None
            raise Rejected(Reason.REFUSED) from None
        except Exception:
            # GatewayError and ServerError of the SDK, timeouts, resets, HTML instead of JSON.
            if self._local.status == 429:
                raise Unavailable(Reason.BUSY) from None
            raise OutcomeUnknown(Reason.NO_ANSWER) from None
        if not isinstance(answer, dict):
            raise OutcomeUnknown(Reason.UNREADABLE)
        return answer


def _order_of(payload: Mapping[str, Any]) -> str:
    """The order that an event is about: named by the order, the payment or the refund's payment in it."""
    named = payload.keys()
    if "order" in named:
        return str(payload["order"]["entity"]["id"])
    if "payment" in named:
        return str(payload["payment"]["entity"].get("order_id") or "")
    return ""


def _report(
    order: Mapping[str, Any], payments: list[Mapping[str, Any]], refunds: Mapping[str, tuple[RefundReport, ...]]
) -> RequestReport:
    notes = order.get("notes")
    return RequestReport(
        gateway="razorpay",
        reference=name(order["id"]),
        key=str(notes.get("request", "")) if isinstance(notes, dict) else "",
        client_secret="",
        amount=Money(minor(order["amount"]), order["currency"]),
        cancelled=False,
        payments=tuple(_payment(payment, refunds.get(payment["id"], ())) for payment in payments),
    )


_STATES = {
    "created": PaymentState.STARTED,
    "authorized": PaymentState.AUTHORIZED,
    "captured": PaymentState.CAPTURED,
    "refunded": PaymentState.CAPTURED,
    "failed": PaymentState.FAILED,
}


def _payment(payment: Mapping[str, Any], refunds: tuple[RefundReport, ...]) -> PaymentReport:
    state = _STATES[payment["status"]]
    # An authorization that the gateway returned by itself shows as refunded but never was captured.
    if payment["status"] == "refunded" and not payment.get("captured"):
        state = PaymentState.CANCELLED
    amount = minor(payment["amount"])
    card = payment.get("card") or {}
    return PaymentReport(
        payment_id=name(payment["id"]),
        state=state,
        currency=Money(amount, payment["currency"]).currency,
        amount_minor=amount,
        captured_minor=amount if state == PaymentState.CAPTURED else 0,
        method=text(payment.get("method")),
        last4=text(card.get("last4")),
        failure_code=text(payment.get("error_code")),
        refunds=refunds,
    )


_REFUND_OUTCOMES = {"processed": RefundOutcome.SUCCEEDED, "failed": RefundOutcome.FAILED}


def _refund_report(refund: Mapping[str, Any]) -> RefundReport:
    notes = refund.get("notes")
    return RefundReport(
        refund_id=name(refund["id"]),
        key=str(notes.get("refund", "")) if isinstance(notes, dict) else "",
        amount_minor=minor(refund["amount"]),
        outcome=_REFUND_OUTCOMES.get(str(refund.get("status")), RefundOutcome.SENT),
    )
