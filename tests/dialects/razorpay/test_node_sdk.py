"""The official Node SDK performs every call of the documented interface unchanged, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.dialects.razorpay.node_sdk import NodeError, NodeSDK, node_sdk
from tests.gateway_process import SandboxProcess
from tests.jobs import deliver, work
from tests.merchants import Integration
from tests.server_process import ServerProcess


@pytest.fixture
def sdk(server: ServerProcess, books: Integration) -> Iterator[NodeSDK]:
    """The SDK with the merchant's keys."""
    with node_sdk(server.base_url, *books.auth) as running:
        yield running


def test_every_documented_call(sdk: NodeSDK, sandbox: SandboxProcess) -> None:
    wish = {"amount": 50000, "receipt": "receipt#1", "notes": {"key1": "value3", "key2": "value2"}}
    made = sdk.call("orders.create", wish)
    assert made == {
        "id": made["id"],
        "entity": "order",
        "amount": 50000,
        "amount_paid": 0,
        "amount_due": 50000,
        "currency": "INR",
        "receipt": "receipt#1",
        "offer_id": None,
        "status": "created",
        "attempts": 0,
        "notes": {"key1": "value3", "key2": "value2"},
        "created_at": made["created_at"],
    }
    assert sdk.call("orders.fetch", made["id"]) == made
    assert sdk.call("orders.fetchPayments", made["id"]) == {"entity": "collection", "count": 0, "items": []}

    paid = sandbox.pay(made["id"], "authorize")
    deliver()
    work()

    [waiting] = sdk.call("orders.all", {"authorized": True})["items"]
    assert (waiting["id"], waiting["status"], waiting["attempts"]) == (made["id"], "attempted", 1)
    captured = sdk.call("payments.capture", paid["payment"], 50000, "INR")
    assert (captured["status"], captured["captured"], captured["order_id"]) == ("captured", True, made["id"])
    assert sdk.call("payments.fetch", paid["payment"]) == captured
    assert sdk.call("orders.fetchPayments", made["id"])["items"] == [captured]
    edited = sdk.call("orders.edit", made["id"], {"notes": {"notes_key_1": "Tea, Earl Grey… decaf."}})
    assert (edited["notes"], edited["status"]) == ({"notes_key_1": "Tea, Earl Grey… decaf."}, "paid")
    refund = sdk.call("payments.refund", paid["payment"], {"amount": 100, "notes": {"why": "torn"}})
    assert (refund["entity"], refund["amount"], refund["payment_id"]) == ("refund", 100, paid["payment"])
    assert sdk.call("payments.fetchMultipleRefund", paid["payment"])["items"] == [refund]
    assert sdk.call("payments.fetchRefund", paid["payment"], refund["id"]) == refund
    assert sdk.call("refunds.fetch", refund["id"]) == refund


def test_lists_are_filtered_as_the_sdk_sends_it(sdk: NodeSDK) -> None:
    made = [sdk.call("orders.create", {"amount": 100 + number, "receipt": f"r{number % 2}"}) for number in range(4)]
    now = int(time.time())
    newest_first = [order["id"] for order in reversed(made)]

    def ids(**options: object) -> list[str]:
        return [order["id"] for order in sdk.call("orders.all", options)["items"]]

    assert ids() == newest_first
    assert ids(count=2, skip=1) == newest_first[1:3]
    assert ids(receipt="r0") == [newest_first[1], newest_first[3]]
    assert ids(authorized=0) == newest_first
    assert ids(authorized=1) == []
    assert (ids(**{"from": now - 3600, "to": now}), ids(to=now - 3600)) == (newest_first, [])


def test_refusals_reach_it_as_razorpays_own_do(sdk: NodeSDK) -> None:
    with pytest.raises(NodeError) as refused:
        sdk.call("orders.fetch", "order_00000000000000")
    assert (refused.value.status, refused.value.error["description"]) == (400, "The id provided does not exist")
    with pytest.raises(NodeError) as refused:
        sdk.call("orders.create", {"amount": 99.5})
    assert (refused.value.status, refused.value.error["field"]) == (400, "amount")
    assert refused.value.error["code"] == "BAD_REQUEST_ERROR"


def test_a_wrong_secret_is_refused(server: ServerProcess, books: Integration) -> None:
    with node_sdk(server.base_url, books.key.key_id, "wrong") as sdk, pytest.raises(NodeError) as refused:
        sdk.call("orders.all")
    assert (refused.value.status, refused.value.error["code"]) == (401, "BAD_REQUEST_ERROR")
