"""Subscriptions are made by those who may, their secrets shown once; events and deliveries are there to look at."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from kit.ids import new_id
from payments.outgoing import recording, subscriptions
from payments.outgoing.events import Happening, emit
from payments.outgoing.models import Delivery, EventType, OutgoingEvent, Subscription
from payments.outgoing.posting import Answer
from tests.admin.conftest import ANONYMOUS, CUSTOMER, EVERYBODY, SUPERUSER, SignIn, messages_of
from tests.shop import written

ADD = "/admin/outgoing/subscription/add/"
URL = "http://127.0.0.1:8080/hooks"
TYPED = {"name": "Warehouse", "url": URL, "events": ["order.paid", "invoice.issued"]}
SECRET = re.compile(r"whsec_[0-9a-f]{64}")


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    """A subscriber on this machine."""
    settings.OUTGOING_ALLOWED_PRIVATE_HOSTS = ["127.0.0.1"]


@pytest.fixture
def clerk(sign_in: SignIn) -> Client:
    """Somebody who connects the merchant's systems."""
    return sign_in("integrations")


@pytest.fixture
def delivery(db: None) -> Delivery:
    """An event on its way to a subscription, tried once in vain."""
    subscriptions.admit(Subscription(name="Warehouse", url=URL, events=[EventType.ORDER_PAID]))
    emit(Happening(EventType.ORDER_PAID, new_id(), {"number": 1001}))
    made = Delivery.objects.get()
    recording.record(made.pk, Answer(503, "", "", 1234), tried=0)
    return made


def page(row: Subscription | Delivery | OutgoingEvent, what: str = "change") -> str:
    return f"/admin/outgoing/{row._meta.model_name}/{row.pk}/{what}/"


def test_a_new_subscription_shows_its_secret_this_once(clerk: Client) -> None:
    assert clerk.get(ADD).status_code == 200
    response = clerk.post(ADD, TYPED)

    row = Subscription.objects.get()
    [secret] = subscriptions.signing_secrets(row)
    assert response.status_code == 200
    assert set(SECRET.findall(response.content.decode())) == {secret}
    assert "no-store" in response["Cache-Control"]
    assert (row.name, row.url, row.events, row.active) == ("Warehouse", URL, TYPED["events"], True)
    assert LogEntry.objects.count() == 1
    assert LogEntry.objects.filter(change_message__contains=secret).count() == 0
    for address in (page(row), "/admin/outgoing/subscription/"):
        shown = clerk.get(address).content.decode()
        assert not SECRET.search(shown)
        assert row.sealed_secret not in shown


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://10.0.0.1/", "private, local or reserved"),
        ("https://[::ffff:127.0.0.1]/", "private, local or reserved"),
        ("https://0x7f000001/", "full name"),
        ("https://user:pw@hooks.example.com/", "user or a password"),
        ("https://hooks.example.com:22/", "port"),
        ("file:///etc/passwd", "https://"),
        ("https://no-such-name.invalid/", "cannot be found"),
    ],
)
def test_a_refused_target_is_explained_and_nothing_is_written(clerk: Client, url: str, says: str) -> None:
    before = written()
    response = clerk.post(ADD, {**TYPED, "url": url})
    assert response.status_code == 200
    assert says in response.content.decode()
    assert written() == before


def test_a_subscription_is_changed_and_no_other_column_with_it(clerk: Client, delivery: Delivery) -> None:
    row = delivery.subscription
    secret = Subscription.objects.get().sealed_secret
    typed = {"name": "ERP", "url": "http://127.0.0.1:9090/", "events": ["order.placed"]}
    response = clerk.post(page(row), {**typed, "active": "", "sealed_secret": "x", "failures_in_a_row": "0"})
    assert response.status_code == 302
    row = Subscription.objects.get()
    assert (row.name, row.url, row.events) == ("ERP", "http://127.0.0.1:9090/", ["order.placed"])
    assert (row.active, row.sealed_secret, row.failures_in_a_row) == (True, secret, 1)
    refused = clerk.post(page(row), {**typed, "url": "http://169.254.169.254/"})
    assert refused.status_code == 200
    assert Subscription.objects.get().url == "http://127.0.0.1:9090/"


def test_a_secret_is_replaced_once_however_often_the_button_is_pressed(clerk: Client, delivery: Delivery) -> None:
    row = delivery.subscription
    [old] = subscriptions.signing_secrets(Subscription.objects.get())
    assert clerk.get(page(row, "rotate")).status_code == 200

    first = clerk.post(page(row, "rotate"), {"instead_of": ""})
    second = clerk.post(page(row, "rotate"), {"instead_of": ""}, follow=True)

    [new, overlapping] = subscriptions.signing_secrets(Subscription.objects.get())
    assert overlapping == old
    assert set(SECRET.findall(first.content.decode())) == {new}
    assert messages_of(second) == ["The secret had just been replaced; nothing was changed."]
    assert not SECRET.search(second.content.decode())
    assert LogEntry.objects.count() == 1


def test_disabling_wants_a_reason_and_shows_it(clerk: Client, delivery: Delivery) -> None:
    row = delivery.subscription
    assert clerk.post(page(row, "disable"), {"reason": ""}).status_code == 200
    assert Subscription.objects.get().active

    clerk.post(page(row, "disable"), {"reason": "moving house"})
    assert not Subscription.objects.get().active
    shown = clerk.get(page(row)).content.decode()
    assert "By staff: moving house" in shown
    assert page(row, "enable") in shown
    assert page(row, "disable") not in shown

    clerk.post(page(row, "enable"), {})
    assert Subscription.objects.get().active
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == ["Disable", "Enable"]


def test_an_event_and_its_deliveries_tell_the_whole_story(clerk: Client, delivery: Delivery) -> None:
    event = delivery.event
    shown = clerk.get(page(event)).content.decode()
    assert "&quot;number&quot;: 1001" in shown
    assert page(delivery) in shown
    shown = clerk.get(page(delivery)).content.decode()
    for fact in ("503", "http_error", "1234", "Warehouse", str(event.pk)):
        assert fact in shown
    for term in (str(event.pk), str(event.subject_id)):
        assert page(event) in clerk.get("/admin/outgoing/outgoingevent/", {"q": term}).content.decode()
        assert page(delivery) in clerk.get("/admin/outgoing/delivery/", {"q": term}).content.decode()
    for term in (str(new_id()), "nothing"):
        assert page(event) not in clerk.get("/admin/outgoing/outgoingevent/", {"q": term}).content.decode()
        assert page(delivery) not in clerk.get("/admin/outgoing/delivery/", {"q": term}).content.decode()


def test_a_delivery_is_sent_again(clerk: Client, delivery: Delivery) -> None:
    before = Delivery.objects.get()
    assert clerk.get(page(delivery, "redeliver")).status_code == 200
    assert Delivery.objects.get().wanted_at == before.wanted_at

    response = clerk.post(page(delivery, "redeliver"), {}, follow=True)

    assert messages_of(response) == ["The event is on its way again."]
    after = Delivery.objects.get()
    assert (after.state, after.next_try_at == after.wanted_at, after.times_tried) == ("waiting", True, 0)
    assert after.wanted_at > before.wanted_at
    assert LogEntry.objects.count() == 1

    subscriptions.disable(delivery.subscription_id, because="by hand")
    refused = clerk.post(page(delivery, "redeliver"), {}, follow=True)
    assert messages_of(refused) == ["The subscription is disabled: enable it first."]
    assert (Delivery.objects.get(), LogEntry.objects.count()) == (after, 1)


@pytest.mark.parametrize("role", EVERYBODY)
def test_only_some_may_change_anything(role: str, sign_in: SignIn, delivery: Delivery) -> None:
    client = sign_in(role)
    if role in ("integrations", SUPERUSER):
        assert client.post(page(delivery, "redeliver"), {}).status_code == 302
        assert client.post(page(delivery.subscription, "disable"), {"reason": "test"}).status_code == 302
        return
    refusal = 302 if role in (CUSTOMER, ANONYMOUS) else 403
    before, row = written(), Subscription.objects.values().get()
    for act in ("rotate", "disable", "enable"):
        for method in (client.get, client.post):
            assert method(page(delivery.subscription, act), {"reason": "x"}).status_code == refusal
    assert client.post(page(delivery.subscription), TYPED).status_code == refusal
    assert client.post(ADD, {**TYPED, "name": "Mine"}).status_code == refusal
    assert client.post(page(delivery, "redeliver"), {}).status_code == refusal
    assert (written(), Subscription.objects.values().get()) == (before, row)


@pytest.mark.parametrize("role", ["integrations", SUPERUSER])
def test_nobody_deletes_or_edits_what_happened(role: str, sign_in: SignIn, delivery: Delivery) -> None:
    client, before = sign_in(role), written()
    for row in (delivery, delivery.event, delivery.subscription):
        assert client.post(page(row, "delete"), {"post": "yes"}).status_code == 403
    assert client.post(page(delivery), {"state": "delivered"}).status_code == 403
    assert client.post(page(delivery.event), {"type": "order.placed"}).status_code == 403
    assert written() == before
    assert Delivery.objects.get().state == "waiting"


@pytest.mark.parametrize("name", ["subscription", "outgoingevent", "delivery"])
def test_a_list_costs_the_same_however_long_it_is(name: str, clerk: Client, delivery: Delivery) -> None:
    address = f"/admin/outgoing/{name}/"
    clerk.get(address)
    with CaptureQueriesContext(connection) as few:
        clerk.get(address)
    for number in range(12):
        row = Subscription(name=f"System {number}", url=URL, events=[EventType.ORDER_PAID])
        subscriptions.admit(row)
    emit(*[Happening(EventType.ORDER_PAID, new_id()) for _ in range(3)])
    with CaptureQueriesContext(connection) as many:
        assert clerk.get(address).status_code == 200
    assert len(many) == len(few) <= 8


@pytest.mark.parametrize("key", ["0", "x", "99999999999999999999999", "٣", "-1"])
def test_a_page_of_nothing_leads_back(clerk: Client, key: str) -> None:
    for name, act in (("subscription", "rotate"), ("subscription", "change"), ("delivery", "redeliver")):
        assert clerk.post(f"/admin/outgoing/{name}/{key}/{act}/").status_code == 302
