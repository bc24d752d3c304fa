"""Razorpay's API as its official SDK sees it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import razorpay
import requests
from django.conf import settings

from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])

type NewOrder = Callable[..., dict[str, Any]]


def test_a_new_order_is_created_with_empty_notes_as_a_list(razorpay_client: Any, new_order: NewOrder) -> None:
    order = new_order(receipt="r-1")
    assert order.pop("id").startswith("order_")
    assert order.pop("created_at") > 0
    assert order == {
        "entity": "order",
        "amount": 50000,
        "amount_paid": 0,
        "amount_due": 50000,
        "currency": "INR",
        "receipt": "r-1",
        "offer_id": None,
        "status": "created",
        "attempts": 0,
        "notes": [],
    }


def test_a_paid_order_has_a_captured_payment_and_a_signature_that_the_sdk_verifies(
    driver: Driver, razorpay_client: Any, new_order: NewOrder
) -> None:
    order = new_order()
    paid = driver.pay(order["id"], method="upi")
    assert (paid["status"], paid["razorpay_order_id"]) == ("captured", order["id"])
    assert paid["payment"] == paid["razorpay_payment_id"]
    assert razorpay_client.utility.verify_payment_signature(paid) is True
    payment = razorpay_client.payment.fetch(paid["payment"])
    assert (payment["status"], payment["captured"], payment["method"]) == ("captured", True, "upi")
    assert (payment["fee"], payment["tax"]) == (1180, 180)
    fetched = razorpay_client.order.fetch(order["id"])
    assert (fetched["status"], fetched["amount_paid"], fetched["amount_due"]) == ("paid", 50000, 0)


@pytest.mark.parametrize("how", [{"payment_capture": 0}, {"payment": {"capture": "manual"}}])
def test_an_order_that_captures_by_hand_is_authorized_until_it_is_captured(
    how: dict[str, Any], driver: Driver, razorpay_client: Any, new_order: NewOrder
) -> None:
    order = new_order(**how)
    paid = driver.pay(order["id"])
    assert paid["status"] == "authorized"
    assert razorpay_client.order.fetch(order["id"])["status"] == "attempted"
    assert razorpay_client.order.all({"authorized": 1})["items"][0]["id"] == order["id"]
    with pytest.raises(razorpay.errors.BadRequestError, match="must be equal to the amount authorized"):
        razorpay_client.payment.capture(paid["payment"], 49999, {"currency": "INR"})
    assert razorpay_client.payment.capture(paid["payment"], 50000, {"currency": "INR"})["status"] == "captured"
    with pytest.raises(razorpay.errors.BadRequestError, match="This payment has already been captured"):
        razorpay_client.payment.capture(paid["payment"], 50000, {"currency": "INR"})
    assert razorpay_client.order.all({"authorized": 1})["items"] == []


def test_every_try_is_listed_and_a_paid_order_takes_no_more(
    driver: Driver, razorpay_client: Any, new_order: NewOrder
) -> None:
    order = new_order()
    assert driver.pay(order["id"], "fail")["status"] == "failed"
    assert driver.pay(order["id"], "abandon")["status"] == "attempted"
    driver.pay(order["id"])
    tries = razorpay_client.order.payments(order["id"])
    assert [(each["status"], each["error_code"]) for each in tries["items"]] == [
        ("captured", None),
        ("failed", "BAD_REQUEST_ERROR"),
    ]
    assert razorpay_client.order.fetch(order["id"])["attempts"] == 2
    answer = driver.post("pay", {"payment": order["id"], "outcome": "succeed"})
    assert answer.status_code == 409
    assert "already paid" in answer.json()["error"]


def test_only_notes_of_an_order_can_be_changed(razorpay_client: Any, new_order: NewOrder) -> None:
    order = new_order()
    assert razorpay_client.order.edit(order["id"], {"notes": {"a": "b"}})["notes"] == {"a": "b"}
    with pytest.raises(razorpay.errors.BadRequestError, match="amount is/are not required and should not be sent"):
        razorpay_client.order.edit(order["id"], {"notes": {}, "amount": 1})


def test_a_unique_receipt_makes_a_repeated_create_harmless(razorpay_client: Any, new_order: NewOrder) -> None:
    first = new_order(receipt="r-1", unique_receipt=True)
    assert new_order(receipt="r-1", unique_receipt=True)["id"] == first["id"]
    with pytest.raises(razorpay.errors.BadRequestError, match="Order receipt should be unique"):
        new_order(60000, receipt="r-1", unique_receipt=True)
    assert new_order(receipt="r-1")["id"] != first["id"]
    assert razorpay_client.order.all({"receipt": "r-1"})["count"] == 2


def test_refunds_add_up_to_what_was_captured_and_no_more(
    driver: Driver, razorpay_client: Any, new_order: NewOrder
) -> None:
    payment = driver.pay(new_order(1000)["id"])["payment"]
    first = razorpay_client.payment.refund(payment, {"amount": 400, "notes": {"return": "1"}})
    assert (first["status"], first["amount"], first["payment_id"]) == ("processed", 400, payment)
    assert razorpay_client.payment.fetch(payment)["refund_status"] == "partial"
    with pytest.raises(razorpay.errors.BadRequestError, match="greater than amount captured"):
        razorpay_client.payment.refund(payment, {"amount": 1001})
    with pytest.raises(razorpay.errors.BadRequestError, match="greater than the refund payment amount"):
        razorpay_client.payment.refund(payment, {"amount": 601})
    assert razorpay_client.payment.refund(payment, {})["amount"] == 600
    with pytest.raises(razorpay.errors.BadRequestError, match="fully refunded already"):
        razorpay_client.payment.refund(payment, {})
    refunded = razorpay_client.payment.fetch(payment)
    assert (refunded["status"], refunded["refund_status"], refunded["amount_refunded"]) == ("refunded", "full", 1000)
    assert razorpay_client.payment.fetch_multiple_refund(payment)["count"] == 2
    assert razorpay_client.refund.fetch(first["id"])["amount"] == 400


def test_a_refund_that_fails_later_can_be_made_again(driver: Driver, razorpay_client: Any, new_order: NewOrder) -> None:
    payment = driver.pay(new_order(1000)["id"])["payment"]
    refund = razorpay_client.payment.refund(payment, {"amount": 1000})
    assert driver.post("fail_refund", {"refund": refund["id"]}).json() == {"refund": refund["id"], "status": "failed"}
    assert razorpay_client.payment.fetch(payment)["status"] == "captured"
    assert razorpay_client.payment.refund(payment, {"amount": 1000})["status"] == "processed"


@pytest.mark.parametrize(
    ("params", "description"),
    [
        ({"currency": "INR"}, "The amount field is required."),
        ({"amount": 100.5, "currency": "INR"}, "The amount must be an integer."),
        ({"amount": 99, "currency": "INR"}, "Order amount less than minimum amount allowed"),
        ({"amount": 500, "currency": 1}, "currency: expected string"),
        ({"amount": 500, "currency": "INR", "receipt": "r" * 41}, "The receipt may not be greater than 40 characters."),
        ({"amount": 500, "currency": "INR", "colour": "red"}, "colour is/are not required and should not be sent"),
        ({"amount": 500, "currency": "INR", "notes": {str(n): "x" for n in range(16)}}, "Number of fields in notes"),
    ],
)
def test_bad_parameters_are_refused(
    params: dict[str, Any], description: str, driver: Driver, razorpay_client: Any
) -> None:
    with pytest.raises(razorpay.errors.BadRequestError, match=description):
        razorpay_client.order.create(data=params)
    assert driver.books("razorpay")["orders"] == []


def test_unknown_and_malformed_ids_are_400(driver: Driver) -> None:
    keys = (settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET)
    for path, description in (
        ("orders/order_00000000000000", "The id provided does not exist"),
        ("payments/pay_00000000000000", "The id provided does not exist"),
        ("orders/nonsense", "nonsense is not a valid id"),
    ):
        answer = requests.get(f"{driver.base_url}/razorpay/v1/{path}", auth=keys, timeout=5)
        assert (answer.status_code, answer.json()["error"]["description"]) == (400, description)


def test_wrong_keys_are_a_401_in_razorpays_envelope(driver: Driver) -> None:
    for keys in (("rzp_wrong", "secret"), (settings.RAZORPAY_KEY_ID, ""), None):
        answer = requests.get(f"{driver.base_url}/razorpay/v1/orders", auth=keys, timeout=5)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "BAD_REQUEST_ERROR"


def test_lists_page_by_count_and_skip(razorpay_client: Any, new_order: NewOrder) -> None:
    ids = [new_order()["id"] for _ in range(3)][::-1]
    page = razorpay_client.order.all({"count": 2, "skip": 1})
    assert (page["entity"], page["count"]) == ("collection", 2)
    assert [order["id"] for order in page["items"]] == ids[1:]
    with pytest.raises(razorpay.errors.BadRequestError):
        razorpay_client.order.all({"count": 101})


def test_a_settlement_report_adds_up_to_the_settlement(
    driver: Driver, razorpay_client: Any, new_order: NewOrder
) -> None:
    order = new_order(10000, receipt="r-9")
    payment = driver.pay(order["id"])["payment"]
    refund = razorpay_client.payment.refund(payment, {"amount": 1000})
    assert razorpay_client.settlement.all()["items"] == []
    paid = driver.post("settle", {"gateway": "razorpay"}).json()["payouts"]
    settlement = razorpay_client.settlement.fetch(paid[0]["id"])
    assert (settlement["amount"], settlement["status"]) == (10000 - 236 - 1000, "processed")
    today = datetime.now(ZoneInfo("Asia/Kolkata"))
    report = razorpay_client.settlement.report({"year": today.year, "month": today.month, "day": today.day})
    lines = [
        (line["entity_id"], line["type"], line["debit"], line["credit"], line["order_receipt"], line["settlement_id"])
        for line in report["items"]
    ]
    assert lines == [
        (payment, "payment", 0, 9764, "r-9", settlement["id"]),
        (refund["id"], "refund", 1000, 0, "r-9", settlement["id"]),
    ]
