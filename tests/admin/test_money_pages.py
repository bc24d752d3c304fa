"""Payments, refunds and webhooks to look at, without anybody's secrets."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from kit.money import Money
from orders.models import Order
from payments.admin.showing import readable
from payments.models import EventState, Refund, WebhookEvent
from tests.admin.conftest import SignIn, page, paid_order
from tests.gateway_process import SandboxProcess
from tests.shop import Shop, Shopper, give_back


def test_payments_and_refunds_are_shown_with_their_order(
    sign_in: SignIn, ada: Shopper, goods: Shop, sandbox: SandboxProcess
) -> None:
    order, request = paid_order(ada, goods, sandbox)
    clerk = sign_in("accounting")
    clerk.post(page(order, "ask_gateway"))
    give_back(order.pk, Money(250, "USD"), reason="Scratched")
    refund = Refund.objects.get()
    for address in (
        f"/admin/payments/paymentrequest/{request.pk}/change/",
        f"/admin/payments/refund/{refund.pk}/change/",
        "/admin/payments/paymentrequest/",
        "/admin/payments/refund/",
    ):
        content = clerk.get(address).content.decode()
        assert f'href="{page(order)}"' in content, address
        assert request.client_secret not in content
    whole = clerk.get(page(order)).content.decode()
    assert "Scratched" in whole
    assert "-2.50 USD" in whole
    assert Order.objects.get(pk=order.pk).status == "paid"


@pytest.mark.parametrize("state", EventState.values)
def test_events_are_filtered_by_state_and_shown_without_secrets(state: str, sign_in: SignIn) -> None:
    body = {"data": {"object": {"client_secret": "pi_3abc_secret_def", "note": "<img src=x onerror=alert(1)>"}}}
    event = WebhookEvent.objects.create(
        gateway="stripe", event_key="evt_1", event_type="payment_intent.succeeded", state=state,
        gateway_reference="pi_3abc", body=json.dumps(body).encode()
    )  # fmt: skip
    clerk = sign_in("accounting")
    for name in EventState.values:
        rows = clerk.get("/admin/payments/webhookevent/", {"state": name}).context["cl"].result_list
        assert len(rows) == (1 if name == state else 0)
    for text in ("evt_1", "pi_3abc"):
        assert len(clerk.get("/admin/payments/webhookevent/", {"q": text}).context["cl"].result_list) == 1
    content = clerk.get(f"/admin/payments/webhookevent/{event.pk}/change/").content.decode()
    assert "secret_def" not in content
    assert "[secret]" in content
    assert "<img src=x" not in content
    assert "&lt;img src=x" in content


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", ""),
        (b"not json", "not json"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (
            b'{"client_secret": "x", "key": {"a": 1}}',
            '{\n  "client_secret": "[secret]",\n  "key": {\n    "a": 1\n  }\n}',
        ),
        (b'"pi_1abc_secret_2def"', '"[secret]"'),
        (b"whsec_abcdefgh and sk_test_abcdefgh", "[secret] and [secret]"),
        (b"[" * 100_000, "[" * 65_536),
    ],
)
def test_a_body_is_readable_whatever_it_is(body: bytes, shown: str) -> None:
    assert readable(body) == shown


@pytest.mark.parametrize("key", ["1", "999999999999999999999999", "x", "%00"])
def test_a_row_that_does_not_exist_leads_back(key: str, root: Client) -> None:
    for model in ("webhookevent", "refund", "paymentrequest"):
        assert root.get(f"/admin/payments/{model}/{key}/change/").status_code == 302
