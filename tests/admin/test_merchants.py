"""Merchants are made by those who may; keys are shown once, replaced and revoked; orders are there to look at."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from payments.merchants import keys
from payments.merchants.keys import NotAuthenticated
from payments.merchants.models import Merchant, MerchantKey
from payments.outgoing import subscriptions
from payments.outgoing.models import Subscription
from tests import merchants
from tests.admin.conftest import EVERYBODY, SUPERUSER, SignIn, messages_of
from tests.gateway_process import SandboxProcess
from tests.jobs import deliver, work
from tests.merchants import Integration, call, enrol
from tests.shop import written

ADD = "/admin/merchants/merchant/add/"
KEY_ID = re.compile(r"rzp_test_[0-9A-Za-z]{14}")
WEBHOOK = re.compile(r"whsec_[0-9a-f]{64}")
TYPED = {"name": "Bangalore Books", "callback_urls": "https://books.example/paid", "active": "on"}
# What a browser sends along for the table of keys.
THE_KEYS = {"keys-TOTAL_FORMS": "0", "keys-INITIAL_FORMS": "0"}
MAY = ("integrations", SUPERUSER)


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    """A subscriber on this machine."""
    settings.OUTGOING_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture
def clerk(sign_in: SignIn) -> Client:
    """Somebody who connects merchants."""
    return sign_in("integrations")


@pytest.fixture
def books(db: None) -> Integration:
    """A merchant."""
    return enrol()


def page(row: Any, what: str = "change") -> str:
    return f"/admin/merchants/{row._meta.model_name}/{row.pk}/{what}/"


def test_a_merchant_is_made_and_given_a_key_that_is_shown_this_once(clerk: Client) -> None:
    assert clerk.get(ADD).status_code == 200
    assert clerk.post(ADD, TYPED).status_code == 302
    merchant = Merchant.objects.get()
    assert (merchant.name, merchant.callback_urls) == ("Bangalore Books", ["https://books.example/paid"])
    assert re.fullmatch(r"acc_[0-9A-Za-z]{14}", merchant.account_id)
    assert clerk.get(page(merchant, "issue_key")).status_code == 200
    assert not MerchantKey.objects.exists()

    response = clerk.post(page(merchant, "issue_key"))

    key = MerchantKey.objects.get()
    content = response.content.decode()
    [secret] = keys.secrets_of(merchant.pk)
    assert (KEY_ID.findall(content), content.count(secret)) == ([key.key_id], 1)
    assert "no-store" in response["Cache-Control"]
    assert keys.caller_of(key.key_id, secret).merchant_id == merchant.pk
    assert not LogEntry.objects.filter(change_message__contains=secret).exists()
    for address in (page(merchant), page(key), "/admin/merchants/merchantkey/"):
        again = clerk.get(address).content.decode()
        assert key.key_id in again
        assert secret not in again
        assert key.sealed_secret not in again
        assert key.secret_digest not in again


def test_a_key_is_replaced_with_an_overlap_and_once(clerk: Client, books: Integration) -> None:
    content = clerk.post(page(books.key, "replace")).content.decode()
    new = MerchantKey.objects.exclude(pk=books.key.pk).get()
    assert new.key_id in content
    assert {keys.caller_of(*books.auth).merchant_id, new.merchant_id} == {books.merchant.pk}
    again = clerk.post(page(books.key, "replace"), follow=True)
    assert messages_of(again) == ["The key had been replaced or revoked; nothing was changed."]
    assert MerchantKey.objects.count() == 2
    assert "Replaced" in clerk.get(page(books.key)).content.decode()


def test_a_revoked_key_counts_no_more(clerk: Client, books: Integration) -> None:
    assert "cannot be undone" in clerk.get(page(books.key, "revoke")).content.decode()
    response = clerk.post(page(books.key, "revoke"), follow=True)
    assert messages_of(response) == ["The key counts no more."]
    with pytest.raises(NotAuthenticated):
        keys.caller_of(*books.auth)
    assert messages_of(clerk.post(page(books.key, "revoke"), follow=True)) == ["The key was revoked already."]
    assert page(books.key, "replace") not in clerk.get(page(books.key)).content.decode()


def test_a_merchant_who_is_switched_off_is_let_in_no_more(clerk: Client, books: Integration) -> None:
    assert clerk.post(page(books.merchant), {**TYPED, **THE_KEYS, "active": ""}).status_code == 302
    assert call("GET", "/v1/orders", by=books).status_code == 401


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://books.example/",
        "https://",
        "https:///paid",
        "https://user:pw@books.example/",
        "https://books.example/#paid",
        "https://books.example\\@evil.example/",
        "https://[::1/",
        "https://books.example:x/",
        "//books.example/",
        "books",
        "https://books.example/" + "x" * 500,
    ],
)
def test_payers_are_sent_to_plain_addresses_alone(clerk: Client, books: Integration, url: str) -> None:
    before = Merchant.objects.values().get()
    response = clerk.post(page(books.merchant), {**TYPED, **THE_KEYS, "callback_urls": url})
    assert (response.status_code, list(response.context["adminform"].form.errors)) == (200, ["callback_urls"])
    assert Merchant.objects.values().get() == before


def test_a_webhook_is_added_with_a_new_secret_or_with_the_merchants_own(clerk: Client, books: Integration) -> None:
    typed = {"url": "http://127.0.0.1:8080/hooks", "events": ["order.paid", "refund.processed"], "secret": ""}
    assert clerk.get(page(books.merchant, "add_webhook")).status_code == 200
    made = clerk.post(page(books.merchant, "add_webhook"), typed)
    first = Subscription.objects.get()
    assert set(WEBHOOK.findall(made.content.decode())) == set(subscriptions.signing_secrets(first))
    assert (first.audience_id, first.wire, first.events) == (books.merchant.pk, "razorpay", typed["events"])

    clerk.post(page(books.merchant, "add_webhook"), {**typed, "secret": "brought-along"})
    second = Subscription.objects.exclude(pk=first.pk).get()
    assert subscriptions.signing_secrets(second) == ["brought-along"]
    changed = {"name": "Shop front", "url": first.url, "events": ["payment.authorized"]}
    assert clerk.post(f"/admin/outgoing/subscription/{first.pk}/change/", changed).status_code == 302
    refused = clerk.post(f"/admin/outgoing/subscription/{first.pk}/change/", {**changed, "events": ["order.placed"]})
    assert (refused.status_code, Subscription.objects.get(pk=first.pk).events) == (200, ["payment.authorized"])


@pytest.mark.parametrize(
    "typed",
    [
        {"url": "http://10.0.0.1/", "events": ["order.paid"]},
        {"url": "http://127.0.0.1:8080/", "events": ["order.placed"]},
        {"url": "http://127.0.0.1:8080/", "events": []},
        {"url": "http://127.0.0.1:8080/", "events": ["order.paid"], "secret": "short"},
    ],
)
def test_a_refused_webhook_writes_nothing(clerk: Client, books: Integration, typed: dict[str, Any]) -> None:
    before = written()
    assert clerk.post(page(books.merchant, "add_webhook"), typed).status_code == 200
    assert written() == before


def test_an_order_shows_its_payments_and_refunds(sign_in: SignIn, books: Integration, sandbox: SandboxProcess) -> None:
    made = merchants.order(books, receipt="R-7", notes={"table": "9"})
    sandbox.pay(made["id"], "fail")
    paid = sandbox.pay(made["id"], last4="0504")["payment"]
    deliver()
    work()
    refund = merchants.answer(call("POST", f"/v1/payments/{paid}/refund", {"amount": 100}, by=books))["id"]
    row, reader = merchants.row(made), sign_in("accounting")
    content = reader.get(page(row)).content.decode()
    for told in (made["id"], "Bangalore Books", "R-7", "table", paid, "•••• 0504", refund, "the bank declined it"):
        assert told in content, told
    for term in (made["id"], paid, refund, str(row.pk)):
        assert made["id"] in reader.get("/admin/merchants/merchantorder/", {"q": term}).content.decode(), term
    assert made["id"] not in reader.get("/admin/merchants/merchantorder/", {"q": "order_nothing"}).content.decode()
    request = reader.get("/admin/payments/paymentrequest/", {"q": made["id"]}).content.decode()
    assert f"/admin/merchants/merchantorder/{row.pk}/change/" in request


@pytest.mark.parametrize("role", EVERYBODY)
def test_secrets_are_for_those_who_connect_merchants(role: str, sign_in: SignIn, books: Integration) -> None:
    client, before = sign_in(role), written()
    acts = (page(books.merchant, "issue_key"), page(books.merchant, "add_webhook"), page(books.key, "replace"))
    for address in (*acts, page(books.key, "revoke")):
        answers = {client.get(address).status_code, client.post(address).status_code if role not in MAY else 200}
        assert answers == {200} if role in MAY else answers <= {302, 403}, address
    assert written() == before
