"""What a gateway may say of a request, made up."""

from __future__ import annotations

from typing import Any

from kit.ids import new_id
from kit.money import Money
from orders.models import Order, PaymentTerms
from payments.gateways.base import PaymentReport, PaymentState, RefundOutcome, RefundReport, RequestReport
from payments.models import GatewayName, PaymentRequest
from tests.shop import Shop, Shopper, place


def asked(ada: Shopper, shop: Shop, gateway: GatewayName = GatewayName.RAZORPAY) -> tuple[Order, PaymentRequest]:
    """An order waiting for its payment, and its request, which a gateway knows under a reference."""
    order = place(ada, shop.standard, (shop.headphones, 1), terms=PaymentTerms.PREPAID, gateway=gateway)
    request = PaymentRequest.objects.get(subject_id=order.pk)
    PaymentRequest.objects.filter(pk=request.pk).update(state="open", gateway_reference=f"order_{new_id().hex[-14:]}")
    request.refresh_from_db()
    return order, request


def report(request: PaymentRequest, *payments: PaymentReport, **fields: Any) -> RequestReport:
    """The gateway's word on a request."""
    told = {
        "gateway": request.gateway,
        "reference": request.gateway_reference,
        "key": str(request.pk),
        "client_secret": "",
        "amount": request.amount,
        "cancelled": False,
        "payments": payments,
        **fields,
    }
    return RequestReport(**told)


def payment(request: PaymentRequest, state: str, name: str = "1", **fields: Any) -> PaymentReport:
    """The gateway's word on one try to pay it, in full unless said otherwise."""
    told = {
        "payment_id": f"pay_{request.pk.hex[-12:]}{name}",
        "state": PaymentState(state),
        "currency": request.currency,
        "amount_minor": request.amount_minor,
        "captured_minor": request.amount_minor if state == "captured" else 0,
        "failure_code": "BAD_REQUEST_ERROR" if state == "failed" else "",
        "method": "card",
        "last4": "1111",
        **fields,
    }
    return PaymentReport(**told)


def refund(request: PaymentRequest, name: str, minor: int, outcome: str = "succeeded", key: str = "") -> RefundReport:
    """The gateway's word on one refund."""
    return RefundReport(f"rfnd_{request.pk.hex[-12:]}{name}", key, minor, RefundOutcome(outcome))


def usd(minor: int) -> Money:
    """So many cents."""
    return Money(minor, "USD")
