"""The payments of an order on /api/v1: its customer pays what is still due, staff ask for more or only hold it."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission

from orders import actors
from orders.models import Order, OrderStatus
from orders.payments import void_payment
from orders_project.idempotency.models import KeptAnswer
from payments.models import PaymentRequest
from tests import shop as shops
from tests.faults.buying import buy, now
from tests.gateway_process import SandboxProcess
from tests.jobs import settle_down
from tests.shop import Shop, Shopper, send, written
from tests.statements import statements

TOTAL = "259.99"


def path(order: Order) -> str:
    return f"/api/v1/orders/{order.pk}/payments/"


def post(order: Order, body: Any, by: Shopper | str | None, key: str | None = None) -> tuple[int, Any]:
    response = send("POST", path(order), body, by=by, key=key)
    return response.status_code, json.loads(response.content)


def get(address: str, by: Shopper | str | None) -> tuple[int, Any]:
    response = send("GET", address, by=by)
    return response.status_code, json.loads(response.content)


def given_up(ada: Shopper, shop: Shop, gateway: str = "stripe") -> Order:
    order, _ = buy(ada, shop, gateway)
    request = PaymentRequest.objects.get(subject_id=order.pk)
    return void_payment(order.pk, request_id=request.pk, actor=actors.SYSTEM)


def clerk(*rights: str) -> str:
    """The token of staff with these rights."""
    user = shops.hire(f"{uuid.uuid4().hex}@example.com")
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return shops.access_of(user)


def code(answer: Any) -> str:
    return str(answer["errors"][0]["code"])


def test_a_customer_pays_what_is_due(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order = given_up(ada, shop)

    status, payment = post(order, {"gateway": gateway}, ada)

    assert status == 201
    assert payment.pop("created_at").endswith("Z")
    request = PaymentRequest.objects.get(pk=payment.pop("id"))
    assert payment == {
        "gateway": gateway,
        "gateway_reference": request.gateway_reference,
        "client_secret": request.client_secret if gateway == "stripe" else None,
        "key_id": settings.RAZORPAY_KEY_ID if gateway == "razorpay" else None,
        "amount": TOTAL,
        "captured": "0.00",
        "refunded": "0.00",
        "currency": "USD",
        "hold": False,
        "state": "open",
    }
    sandbox.pay(str(request.gateway_reference))
    settle_down()
    assert now(order).status == OrderStatus.PAID
    assert get(f"/api/v1/orders/{order.pk}/", ada)[1]["payment_status"] == "paid"
    _, listed = get(path(order), ada)
    assert [(row["state"], row["captured"], row["client_secret"]) for row in listed["results"]] == [
        ("paid", TOTAL, None),
        ("cancelled", "0.00", None),
    ]


def test_an_open_payment_can_be_gone_on_with_by_its_payer_alone(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order, secret = buy(ada, shop, "stripe")
    assert get(path(order), ada)[1]["results"][0]["client_secret"] == secret
    status, seen = get(path(order), clerk("view_paymentrequest"))
    assert (status, seen["results"][0]["client_secret"]) == (200, None)
    status, again = post(order, {"gateway": "stripe"}, ada)
    assert (status, again["client_secret"]) == (201, secret)
    status, other = post(order, {"gateway": "razorpay"}, ada)
    assert (status, other["gateway"], other["state"]) == (201, "razorpay", "open")


def test_staff_ask_for_a_part_or_only_hold_it(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, staff = given_up(ada, shop), clerk("request_payment")

    status, payment = post(order, {"gateway": "stripe", "amount": "100.00", "hold": True}, staff)

    assert (status, payment["amount"], payment["hold"], payment["client_secret"]) == (201, "100.00", True, None)
    last = order.history.latest("pk")
    assert (last.event, last.actor_kind, last.facts) == (
        "payment_requested",
        "staff",
        {"amount_minor": 10_000, "gateway": "stripe", "hold": True},
    )


def test_without_a_gateway_it_is_that_of_the_last_payment(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    status, payment = post(given_up(ada, shop, gateway), {}, ada)
    assert (status, payment["gateway"], payment["state"]) == (201, gateway, "open")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"gateway": "offline"},
        {"gateway": "paypal"},
        {"gateway": None},
        {"gateway": "stripe", "amount": "1.00"},
        {"gateway": "stripe", "hold": True},
        {"gateway": "stripe", "hold": "maybe"},
        {"gateway": "stripe", "amuont": "1.00"},
    ],
)
def test_a_bad_wish_of_a_customer_asks_for_nothing(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, body: Any
) -> None:
    order = given_up(ada, shop)
    before = written()

    assert post(order, body, ada)[0] == 400

    assert written() == before


@pytest.mark.parametrize("amount", ["0", "0.00", "-1", "1.234", "260.00", "1e2", "x", "", None, 1, 1.5, "\u0661"])
def test_a_bad_amount_of_staff_asks_for_nothing(sandbox: SandboxProcess, shop: Shop, ada: Shopper, amount: Any) -> None:
    order, staff = given_up(ada, shop), clerk("request_payment")
    before = written()

    status, problem = post(order, {"gateway": "stripe", "amount": amount}, staff)

    assert (status, problem["errors"][0]["attr"]) == (400, "amount")
    assert written() == before


def test_who_may_not_finds_nothing(sandbox: SandboxProcess, shop: Shop, ada: Shopper, bob: Shopper) -> None:
    order = given_up(ada, shop)
    strangers: list[Shopper | str] = [bob, clerk(), clerk("view_paymentrequest"), clerk("capture_payment")]
    before = written()
    for by in strangers:
        status, problem = post(order, {"gateway": "stripe"}, by)
        assert (status, code(problem)) == (404, "not_found")
    for by in (bob, clerk(), clerk("request_payment")):
        assert get(path(order), by)[0] == 404
    assert {name: count for name, count in written().items() if before[name] != count} == {}


def test_nothing_is_asked_for_what_is_paid_or_over(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    paid, payment = buy(ada, shop, "stripe")
    sandbox.pay(payment)
    settle_down()
    before = written()
    status, problem = post(paid, {"gateway": "stripe"}, ada)
    assert (status, code(problem)) == (409, "nothing_due")
    assert written() == before


def test_a_gateway_that_cannot_be_told_is_a_503_and_may_be_tried_again(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order = given_up(ada, shop)
    sandbox.arm("stripe", "create", "rate_limit")

    response = send("POST", path(order), {"gateway": "stripe"}, by=ada, key="again")

    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert json.loads(response.content)["errors"][0]["code"] == "busy"
    assert post(order, {"gateway": "stripe"}, ada, key="again")[0] == 201


def test_a_repeated_key_asks_once(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order = given_up(ada, shop)
    answers = [post(order, {"gateway": "stripe"}, ada, key="pay") for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 201
    assert PaymentRequest.objects.filter(subject_id=order.pk).count() == 2


def test_a_retry_after_a_crash_finds_the_payment_that_was_begun(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = given_up(ada, shop, gateway)
    status, first = post(order, {"gateway": gateway}, ada, key="pay")
    assert status == 201
    # Killed after the gateway had made it: neither its reference nor the answer was stored.
    PaymentRequest.objects.filter(pk=first["id"]).update(state="initiated", gateway_reference=None, client_secret="")
    KeptAnswer.objects.update(status=None, locked_at=KeptAnswer.objects.get().created_at.replace(year=2020))

    status, again = post(order, {"gateway": gateway}, ada, key="pay")

    assert (status, again["id"], again["gateway_reference"]) == (201, first["id"], first["gateway_reference"])
    assert len(sandbox.books(gateway)["orders"]) == 2


def test_the_list_costs_the_same_for_any_number_of_payments(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    counts = []
    order, _ = buy(ada, shop, "stripe")
    for _ in range(2):
        with statements() as listed:
            status, page = get(path(order), ada)
        assert status == 200
        counts.append((len(page["results"]), len(listed)))
        for _ in range(3):
            request = PaymentRequest.objects.filter(subject_id=order.pk).latest("pk")
            void_payment(order.pk, request_id=request.pk, actor=actors.SYSTEM)
            post(order, {"gateway": "stripe"}, ada)
    assert counts == [(1, counts[0][1]), (4, counts[0][1])]
    assert counts[0][1] <= 4
    status, first = get(f"{path(order)}?limit=3", ada)
    assert len(first["results"]) == 3
    assert len(get(first["next"].partition("testserver")[2], ada)[1]["results"]) == 3
