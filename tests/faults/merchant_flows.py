"""The ways of merchants' money that a crash may cut, as `flows` has those of the shop's."""

from __future__ import annotations

import json

from django.http import HttpResponse

from payments.merchants.models import MerchantOrder, MerchantRefund
from payments.models import PaymentRequest
from tests import jobs as background
from tests import merchants
from tests.faults.flows import (
    ANSWER,
    CAPTURE,
    CREATE,
    KEY,
    REFUND,
    Facts,
    Flow,
    Scene,
    settles,
    take_webhooks,
    webhooks,
)
from tests.gateway_process import SandboxProcess
from tests.merchants import Integration, enrol
from tests.reconciling import reconcile

AMOUNT, PART = 50000, 1234
_AT_RAZORPAY = ("razorpay",)


def ask(method: str, path: str, body: str, header: str, **_: str) -> HttpResponse:
    """The merchant's call, the same each time."""
    return merchants.call(method, path, body.encode(), by=None, key=KEY, headers={"Authorization": header})


def totals(sandbox: SandboxProcess) -> dict[str, int]:
    """What the gateway itself says of all the money."""
    return dict(sandbox.books("razorpay")["totals"].get("INR", {}))


def _calls(by: Integration, path: str, body: dict[str, object]) -> Facts:
    return {"method": "POST", "path": path, "body": json.dumps(body), "header": by.header}


def prepare_creating(scene: Scene) -> Facts:
    del scene
    return _calls(enrol(), merchants.ORDERS, {"amount": AMOUNT, "currency": "INR", "receipt": "r"})


def judge_created(scene: Scene, facts: Facts) -> None:
    """One order, and the gateway's, which can be paid; or it is given up, shown to nobody, and keeps no money."""
    made, theirs = MerchantOrder.objects.get(), scene.sandbox.books("razorpay")["orders"]
    assert len(theirs) <= 1
    if theirs:
        scene.sandbox.pay(theirs[0]["id"], webhook="none")
        reconcile()
        background.settle_down()
    made.refresh_from_db()
    request = PaymentRequest.objects.get()
    if made.given_up:
        assert made.reference is None
        assert ask(**facts).status_code == 502
        assert totals(scene.sandbox).get("captured", 0) == totals(scene.sandbox).get("refunded", 0)
        return
    assert (made.reference, request.gateway_reference, made.status) == (theirs[0]["id"], theirs[0]["id"], "paid")
    assert (totals(scene.sandbox)["captured"], totals(scene.sandbox)["refunded"]) == (AMOUNT, 0)


def _payment(scene: Scene, outcome: str) -> tuple[Integration, str]:
    books = enrol()
    return books, merchants.paid(books, scene.sandbox, AMOUNT, outcome)


def prepare_capturing(scene: Scene) -> Facts:
    books, payment = _payment(scene, "authorize")
    return _calls(books, f"/v1/payments/{payment}/capture", {"amount": AMOUNT, "currency": "INR"})


def judge_captured(scene: Scene, facts: Facts) -> None:
    """Paid, once."""
    made = MerchantOrder.objects.get()
    assert (made.status, made.paid_minor, made.authorized, made.attempts) == ("paid", AMOUNT, False, 1)
    assert (totals(scene.sandbox)["captured"], totals(scene.sandbox)["refunded"]) == (AMOUNT, 0)


def prepare_refunding(scene: Scene) -> Facts:
    books, payment = _payment(scene, "succeed")
    return _calls(books, f"/v1/payments/{payment}/refund", {"amount": PART, "receipt": "r"})


def judge_refunded(scene: Scene, facts: Facts) -> None:
    """A part is back, once, and the merchant's own words are with it."""
    assert MerchantRefund.objects.get().receipt == "r"
    assert totals(scene.sandbox)["refunded"] == PART


def prepare_paying(scene: Scene) -> Facts:
    made = merchants.order(enrol(), AMOUNT, payment_capture=1)
    scene.sandbox.pay(made["id"], "authorize")
    return {}


FLOWS: dict[str, Flow] = {
    "a merchant creates": Flow(
        prepare_creating, ask, judge_created, {**CREATE, **ANSWER}, retried=(200, 502), asks=ask, gateways=_AT_RAZORPAY
    ),
    "a merchant captures": Flow(
        prepare_capturing,
        ask,
        judge_captured,
        {**settles(2), **CAPTURE, **ANSWER},
        retried=(200,),
        asks=ask,
        gateways=_AT_RAZORPAY,
    ),
    "a merchant refunds": Flow(
        prepare_refunding,
        ask,
        judge_refunded,
        {**settles(1), **REFUND, **ANSWER},
        retried=(200,),
        asks=ask,
        gateways=_AT_RAZORPAY,
    ),
    "webhook of a merchant's payment": Flow(
        prepare_paying, take_webhooks, judge_captured, {**webhooks(1), **settles(2), **CAPTURE}, gateways=_AT_RAZORPAY
    ),
}
