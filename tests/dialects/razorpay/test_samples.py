"""The documented answers, as they are documented: names, order and values, but for ids and moments, which are ours."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from orders import subjects
from orders.actors import GATEWAY
from payments.gateways.razorpay_reports import request_report
from payments.models import PaymentRequest
from tests import merchants
from tests.gateway_process import SandboxProcess
from tests.jobs import deliver, work
from tests.merchants import Integration, answer, call

SAMPLES = Path(__file__).parent / "samples"
# What a merchant is told beside what the samples show.
MORE = {"order": {"offer_id"}, "payment": {"error_source", "error_step", "error_reason", "acquirer_data"}}


def read(name: str) -> Any:
    """A documented answer."""
    return json.loads((SAMPLES / f"{name}.json").read_text())


def assert_as_documented(ours: dict[str, Any], sample: dict[str, Any], *own: str) -> None:
    """Byte for byte, written the same way; `own` are the fields whose values are nobody else's."""
    assert set(ours) - set(sample) <= MORE[sample["entity"]]
    shown = {name: sample[name] if name in own else value for name, value in ours.items() if name in sample}
    assert json.dumps(shown) == json.dumps(sample)


def test_create(sandbox: SandboxProcess, books: Integration) -> None:
    made = merchants.order(books, 50000, receipt="receipt#1")
    assert_as_documented(made, read("created"), "id", "created_at")


def test_fetch_all(sandbox: SandboxProcess, books: Integration) -> None:
    merchants.order(books, 1234, receipt="Receipt No. 1")
    ours, sample = answer(call("GET", "/v1/orders", by=books)), read("listed")
    assert [*ours] == [*sample]
    assert (ours["entity"], ours["count"]) == ("collection", 1)
    assert_as_documented(ours["items"][0], sample["items"][0], "id", "created_at")


def test_fetch_one_and_edit_it(sandbox: SandboxProcess, books: Integration) -> None:
    made = merchants.order(books, 2200, receipt="Receipt #211")
    sandbox.pay(made["id"], "fail")
    deliver()
    work()

    assert_as_documented(answer(call("GET", f"/v1/orders/{made['id']}", by=books)), read("fetched"), "id", "created_at")
    notes = read("edited")["notes"]
    edited = answer(call("PATCH", f"/v1/orders/{made['id']}", {"notes": notes}, by=books))
    assert_as_documented(edited, read("edited"), "id", "created_at")


def test_fetch_the_payments_of_one(sandbox: SandboxProcess, books: Integration) -> None:
    """What Razorpay says of the payment is what its sample says."""
    made, sample = merchants.order(books, 2200), read("payments")
    [payment] = sample["items"]
    payment["order_id"] = made["id"]
    request = PaymentRequest.objects.get(gateway_reference=made["id"])
    report = request_report({**made, "notes": {"request": str(request.pk)}}, [payment], {})
    subjects.settle(request, actor=GATEWAY, report=report)

    ours = answer(call("GET", f"/v1/orders/{made['id']}/payments", by=books))

    assert [*ours] == [*sample]
    assert (ours["entity"], ours["count"]) == ("collection", 1)
    assert_as_documented(ours["items"][0], payment)
    assert_as_documented(answer(call("GET", f"/v1/payments/{payment['id']}", by=books)), payment)


@pytest.mark.parametrize(
    ("method", "details"),
    [
        ("card", {"card_id": r"card_[0-9A-Za-z]{14}", "bank": None, "wallet": None, "vpa": None}),
        ("netbanking", {"card_id": None, "bank": "[A-Z]{4}", "wallet": None, "vpa": None}),
        ("wallet", {"card_id": None, "bank": None, "wallet": "[a-z]+", "vpa": None}),
        ("upi", {"card_id": None, "bank": None, "wallet": None, "vpa": "[a-z.]+@[a-z]+"}),
    ],
)
def test_a_payment_says_how_it_was_paid(
    sandbox: SandboxProcess, books: Integration, method: str, details: dict[str, str | None]
) -> None:
    made = merchants.order(books)
    paid = sandbox.pay(made["id"], method=method)
    deliver()
    work()

    payment = answer(call("GET", f"/v1/payments/{paid['payment']}", by=books))

    assert payment["method"] == method
    for name, pattern in details.items():
        assert payment[name] is None if pattern is None else re.fullmatch(pattern, payment[name])
    assert payment["fee"] > payment["tax"] > 0
    assert (payment["captured"], payment["status"], payment["amount"]) == (True, "captured", 50000)
