"""Merchants to test with: their keys, their calls as the wire carries them, and payers of their orders."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum
from django.http import HttpResponse
from django.test import Client

from payments.merchants import keys
from payments.merchants.models import Merchant, MerchantKey, MerchantOrder
from payments.models import Account, LedgerEntry
from tests.gateway_process import SandboxProcess
from tests.jobs import deliver, work

ORDERS = "/v1/orders"


@dataclass(frozen=True, slots=True)
class Integration:
    """A merchant with one key."""

    merchant: Merchant
    key: MerchantKey
    secret: str

    @property
    def auth(self) -> tuple[str, str]:
        """What its SDK is made with."""
        return self.key.key_id, self.secret

    @property
    def header(self) -> str:
        """What its SDK sends."""
        return "Basic " + base64.b64encode(":".join(self.auth).encode()).decode()


def enrol(name: str = "Bangalore Books", **fields: Any) -> Integration:
    """A merchant with a key."""
    merchant = Merchant.objects.create(name=name, **fields)
    issued = keys.issue(merchant)
    return Integration(merchant, issued.key, issued.secret)


def call(
    method: str,
    path: str,
    body: Any = None,
    *,
    by: Integration | None,
    key: str | None = None,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """One call as the wire carries it: `body` is bytes, or a value that is sent as JSON. Nothing is raised."""
    sent = dict(headers or {})
    if by is not None:
        sent["Authorization"] = by.header
    if key is not None:
        sent["Idempotency-Key"] = key
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    client = Client(raise_request_exception=False)
    response: HttpResponse = client.generic(method, path, raw, content_type=content_type, headers=sent)  # type: ignore[assignment]
    return response


def answer(response: HttpResponse, status: int = 200) -> dict[str, Any]:
    """The JSON of an answer that has this status."""
    assert response.status_code == status, (response.status_code, response.content)
    assert response["Content-Type"] == "application/json"
    read: dict[str, Any] = json.loads(response.content)
    return read


def refusal(response: HttpResponse, status: int = 400) -> dict[str, Any]:
    """The error of a refusal: the envelope and nothing else."""
    body = answer(response, status)
    assert set(body) == {"error"}, body
    error: dict[str, Any] = body["error"]
    assert (
        {"code", "description", "source", "step", "reason", "metadata"}
        <= set(error)
        <= {
            "code",
            "description",
            "source",
            "step",
            "reason",
            "metadata",
            "field",
        }
    )
    return error


def order(by: Integration, amount: int = 50000, **fields: Any) -> dict[str, Any]:
    """An order over HTTP. Needs the sandbox."""
    return answer(call("POST", ORDERS, {"amount": amount, "currency": "INR", **fields}, by=by))


def row(made: dict[str, Any]) -> MerchantOrder:
    """The order's row as it is now."""
    return MerchantOrder.objects.get(reference=made["id"])


def paid(by: Integration, sandbox: SandboxProcess, amount: int = 50000, outcome: str = "succeed", **fields: Any) -> str:
    """A payment of an order of its own, of which we have heard; its id."""
    made = order(by, amount, **fields)
    payment: str = sandbox.pay(made["id"], outcome)["payment"]
    hear()
    return payment


def hear() -> None:
    """The gateway's webhooks arrive and are worked."""
    deliver()
    work()


def owed(to: Integration, currency: str = "INR") -> int:
    """What the ledger owes the merchant for all its orders."""
    entries = LedgerEntry.objects.filter(account=Account.MERCHANT_FUNDS, currency=currency)
    of_merchant = entries.filter(subject_id__in=MerchantOrder.objects.filter(merchant=to.merchant).values("pk"))
    return -int(of_merchant.aggregate(sum=Sum("amount_minor", default=0))["sum"])
