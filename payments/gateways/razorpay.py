"""Razorpay, through its official SDK."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from razorpay import errors as sdk_errors

from kit.money import Money, digits
from payments.gateways.base import (
    Ask,
    BadSignature,
    Event,
    PaymentState,
    Reason,
    RefundReport,
    Rejected,
    RequestReport,
    unreadable_event,
)
from payments.gateways.razorpay_calls import RazorpayCalls
from payments.gateways.razorpay_lists import RazorpayLists
from payments.gateways.razorpay_reports import refund_report, request_report
from payments.gateways.reading import name, read, text, things

# razorpay.com/docs/payments/payments/capture-settings/api: five days, the default and the most.
_HELD_FOR_MIN = 7200


def to_razorpay(amount: Money) -> int:
    """An amount in Razorpay's minor units. Raises Rejected where Razorpay cannot express it."""
    # razorpay.com/docs/payments/international-payments: in three-decimal currencies the last digit must be 0.
    if digits(amount.currency) == 3 and amount.minor % 10:
        raise Rejected(Reason.AMOUNT_NOT_PAYABLE)
    return amount.minor


def receipt(key: str) -> str:
    """Our request's id as a receipt: Razorpay allows 40 characters."""
    return key.replace("-", "")


class RazorpayGateway(RazorpayLists):
    """The port over Razorpay's orders and payments, captured automatically unless the money is to be held."""

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
        self._calls = RazorpayCalls(key_id=key_id, key_secret=key_secret, api_base=api_base, timeout=timeout)
        self._webhook_secrets = tuple(secret for secret in webhook_secrets if secret)

    def create(self, ask: Ask) -> RequestReport:
        order = self._calls.call(
            lambda client, options: client.order.create(
                data={
                    "amount": to_razorpay(ask.amount),
                    "currency": ask.amount.currency,
                    "receipt": receipt(ask.key),
                    # Razorpay has no idempotency key for orders: this makes the receipt one.
                    "unique_receipt": True,
                    "notes": {"request": ask.key},
                    **_capture(hold=ask.hold),
                },
                **options,
            )
        )
        return read(lambda: request_report(order, [], {}))

    def find(self, ask: Ask, *, thorough: bool = False) -> RequestReport | None:
        del thorough  # The receipt is looked up, however old it is.
        found = self._calls.call(
            lambda client, options: client.order.all(data={"receipt": receipt(ask.key)}, **options)
        )
        references = read(lambda: [name(order["id"]) for order in things(found)])
        return self.fetch(references[0]) if references else None

    def fetch(self, reference: str, *, refunds: bool = False) -> RequestReport:
        order = self._calls.call(lambda client, options: client.order.fetch(reference, data={}, **options))
        answer = self._calls.call(lambda client, options: client.order.payments(reference, data={}, **options))

        def whole() -> RequestReport:
            payments = things(answer)
            with_refunds = [
                name(payment["id"])
                for payment in payments
                if payment.get("captured") and (refunds or payment.get("amount_refunded"))
            ]
            return request_report(
                order, payments, {payment_id: self._refunds_of(payment_id) for payment_id in with_refunds}
            )

        return read(whole)

    def capture(self, reference: str, payment_id: str, amount: Money) -> None:
        # `data` is given explicitly: the SDK's default is one dict shared by all threads.
        try:
            self._calls.call(
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
        refund = self._calls.call(
            lambda client, options: client.payment.refund(
                payment_id,
                # The amount is never left out: Razorpay would send back everything.
                data={"amount": to_razorpay(amount), "notes": {"refund": key}},
                **{**options, "headers": {"X-Refund-Idempotency": key}},
            )
        )
        return read(lambda: refund_report(refund))

    def locate(self, payment_id: str) -> str:
        """The reference of the request that a payment is for; empty where it is for none. Raises GatewayError."""
        payment = self._calls.call(lambda client, options: client.payment.fetch(payment_id, data={}, **options))
        return read(lambda: text(payment.get("order_id")))

    def verify_checkout(self, reference: str, payment_id: str, signature: str, *, secrets: Iterable[str] = ()) -> None:
        """That the checkout has handed out just this: by our key's secret, or by one of those given. Raises
        BadSignature, and nothing else, whatever the texts are.

        It says that the payment is for the request, and neither that it was captured nor of how much.
        """
        answer = {"razorpay_order_id": reference, "razorpay_payment_id": payment_id, "razorpay_signature": signature}
        checks = [self._calls.signed_checkout(answer, secret) for secret in (None, *filter(None, secrets))]
        if not any(checks):
            raise BadSignature

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """Any of the secrets may have signed. The scheme has no time in it: an old event may come again at any age."""
        signature = headers.get("X-Razorpay-Signature") or ""
        if not signature.isascii() or not any(
            self._signed(body, signature, secret) for secret in self._webhook_secrets
        ):
            raise BadSignature
        try:
            event = json.loads(body)
            payload = event["payload"]
            dispute_id = payload["dispute"]["entity"]["id"] if "dispute" in payload else ""
            return Event(
                key=hashlib.sha256(body).hexdigest(),
                type=str(event["event"]),
                reference=_order_of(payload),
                dispute_id=str(dispute_id),
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return unreadable_event(body)

    def _signed(self, body: bytes, signature: str, secret: str) -> bool:
        try:
            # The SDK wants text and lets TypeErrors out on anything else.
            self._calls.client().utility.verify_webhook_signature(body.decode("utf-8"), signature, secret)
        except (sdk_errors.SignatureVerificationError, ValueError, TypeError, AttributeError):
            return False
        return True


def _capture(*, hold: bool) -> dict[str, Any]:
    """What a new order says of when its money is taken."""
    if not hold:
        return {"payment_capture": 1}
    options = {"manual_expiry_period": _HELD_FOR_MIN, "refund_speed": "normal"}
    return {"payment": {"capture": "manual", "capture_options": options}}


def _order_of(payload: Mapping[str, Any]) -> str:
    """The order that an event is about: named by the order, the payment or the refund's payment in it."""
    named = payload.keys()
    if "order" in named:
        return str(payload["order"]["entity"]["id"])
    if "payment" in named:
        return str(payload["payment"]["entity"].get("order_id") or "")
    return ""
