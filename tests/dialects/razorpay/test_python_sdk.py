"""The official Python SDK performs every call of the documented interface unchanged, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
import razorpay

from tests.gateway_process import SandboxProcess
from tests.jobs import deliver, work


def test_every_documented_call(sdk: Any, sandbox: SandboxProcess) -> None:
    made = sdk.order.create(data={"amount": 50000, "currency": "INR", "receipt": "receipt#1"})
    assert sdk.order.fetch(made["id"]) == made
    assert sdk.order.all() == {"entity": "collection", "count": 1, "items": [made]}
    assert sdk.order.payments(made["id"]) == {"entity": "collection", "count": 0, "items": []}

    paid = sandbox.pay(made["id"])
    deliver()
    work()

    [payment] = sdk.order.payments(made["id"])["items"]
    assert (payment["id"], payment["status"], payment["captured"]) == (paid["payment"], "captured", True)
    assert sdk.payment.fetch(payment["id"]) == payment
    after = sdk.order.fetch(made["id"])
    assert after == {**made, "status": "paid", "attempts": 1, "amount_paid": 50000, "amount_due": 0}
    edited = sdk.order.edit(made["id"], {"notes": {"notes_key_1": "Beam me up Scotty. 1", "notes_key_2": "Engage"}})
    assert edited == {**after, "notes": {"notes_key_1": "Beam me up Scotty. 1", "notes_key_2": "Engage"}}
    assert sdk.utility.verify_payment_signature(
        {name: paid[name] for name in ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")}
    )
    refund = sdk.payment.refund(payment["id"], {"amount": 20000, "notes": {"why": "torn"}})
    assert (refund["amount"], refund["status"], refund["notes"]) == (20000, "processed", {"why": "torn"})
    assert sdk.refund.fetch(refund["id"]) == refund
    assert sdk.payment.fetch_multiple_refund(payment["id"])["items"] == [refund]
    with pytest.raises(razorpay.errors.BadRequestError, match="The id provided does not exist"):
        sdk.order.fetch("order_00000000000000")
