"""The route of the event dialect, as its contract has it."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.http import HttpResponse

from catalog.events import change_event
from catalog.models import Event, Stock
from customers.models import EventProfile
from kit import clock
from kit.money import Money
from orders import actors, cancellation, jobs
from orders.entering import order_entry
from orders.models import EntryOrder, Order, OrderStatus, RefundKind
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from payments.models import PaymentRequest
from tests import shop as shops
from tests.concurrency.racing import together
from tests.events import add_event, add_profile, plan
from tests.gateway_process import SandboxProcess
from tests.jobs import chase, deliver, settle_down, work
from tests.shop import Shopper, send, written

SAMPLE = json.loads((Path(__file__).parent / "sample.json").read_text())


def enter(
    profile: EventProfile, by: Shopper | None, *, slug: str | None = None, key: str | None = None
) -> HttpResponse:
    """Ask for the entry's order."""
    return send("POST", f"/order/{slug or profile.event.slug}/{profile.pk.hex}", by=by, key=key)


def answer(response: HttpResponse, status: int = 200) -> Any:
    """The body of an answer with this status."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json; charset=utf-8"
    return json.loads(response.content)


def refused(response: HttpResponse, status: int, error: str, text: str) -> None:
    """The one shape of a refusal."""
    assert answer(response, status) == {"statusCode": status, "error": error, "message": text}


def order_id(response: HttpResponse) -> str:
    """The Razorpay order that was handed out."""
    return str(answer(response)["order"]["id"])


def pay(sandbox: SandboxProcess, reference: str) -> None:
    """Its payer pays, and the webhook alone tells of it."""
    sandbox.pay(reference, method="upi")
    deliver()
    work()


def places_left(event: Event) -> int:
    """How many may still enter."""
    return Stock.objects.get(pk=event.variant_id).available


@pytest.fixture
def event(db: None, ada: Shopper) -> Event:
    """An open event."""
    return add_event(by=ada.user.pk)


@pytest.fixture
def profile(event: Event, ada: Shopper) -> EventProfile:
    """Ada's entry in it."""
    return add_profile(ada, event)


def test_the_documented_answer(sandbox: SandboxProcess, profile: EventProfile, ada: Shopper) -> None:
    """Every key of the sample, in its spelling and its order, and no other; the values that are fixed, to the byte."""
    got = enter(profile, ada).content.decode()
    body = json.loads(got)
    instant = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    patterns = {
        "<profile>": profile.pk.hex,
        "<event>": profile.event_id.hex,
        "<user>": ada.user.pk.hex,
        "<role>": "[0-9a-f]{32}",
        "<instant>": instant,
        "<order>": "order_[A-Za-z0-9]{14}",
    }
    wanted = re.escape(json.dumps(SAMPLE)).replace(re.escape('"<epoch>"'), r"\d{10}")
    for name, pattern in patterns.items():
        wanted = wanted.replace(re.escape(name), pattern)
    assert re.fullmatch(wanted, got), got
    assert len(body["order"]["receipt"]) == 40


def test_while_it_is_open_the_same_order_comes_back(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    first = enter(profile, ada)
    assert enter(profile, ada).content == first.content
    assert (Order.objects.count(), places_left(event)) == (1, 9)
    sandbox.pay(order_id(first), "fail")
    deliver()
    work()
    again = answer(enter(profile, ada))["order"]
    assert (again["id"], again["status"], again["attempts"]) == (order_id(first), "attempted", 1)


def test_paid_the_profile_is_entered_and_the_order_stands(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    pay(sandbox, order_id(enter(profile, ada)))
    order = Order.objects.get()
    profile.refresh_from_db()
    assert (order.status, order.dialect, order.order_type) == (OrderStatus.PAID, "event", "entry")
    assert (order.total_minor, order.collected_minor, order.currency) == (50000, 50000, "INR")
    assert (profile.entered_by, profile.entered_at is not None) == (order.pk, True)
    before = written()
    refused(enter(profile, ada), 409, "Conflict", "This entry has been paid already.")
    assert written() == before
    assert places_left(event) == 9


def test_a_webhook_that_never_comes_is_made_up_for(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper
) -> None:
    sandbox.pay(order_id(enter(profile, ada)), webhook="none")
    call_command("reconcile_payments", "--json")
    profile.refresh_from_db()
    assert profile.entered_by == Order.objects.get().pk


@pytest.mark.parametrize(
    ("who", "slug", "wrong", "status", "error", "text"),
    [
        (None, None, None, 401, "Unauthorized", "Invalid token."),
        ("bob", None, None, 403, "Forbidden", "This profile is another user's."),
        ("ada", "no-such-event", None, 404, "Not Found", "Event not found."),
        ("ada", "%00", None, 404, "Not Found", "Event not found."),
        ("ada", "another-event", None, 404, "Not Found", "Profile not found."),
        ("bob", "another-event", None, 404, "Not Found", "Profile not found."),
        ("ada", None, "0" * 32, 404, "Not Found", "Profile not found."),
        ("ada", None, "hyphens", 404, "Not Found", "Profile not found."),
        ("ada", None, "upper", 404, "Not Found", "Profile not found."),
        ("ada", None, "%00", 404, "Not Found", "Profile not found."),
        ("ada", None, "\uff11" * 32, 404, "Not Found", "Profile not found."),
    ],
)
def test_each_refusal_and_nothing_is_written(
    profile: EventProfile,
    ada: Shopper,
    bob: Shopper,
    who: str | None,
    slug: str | None,
    wrong: str | None,
    status: int,
    error: str,
    text: str,
) -> None:
    add_event(slug="another-event")
    ids = {None: profile.pk.hex, "hyphens": str(profile.pk), "upper": profile.pk.hex.upper()}
    before = written()
    path = f"/order/{slug or profile.event.slug}/{ids.get(wrong, wrong)}"
    response = send("POST", path, by={"ada": ada, "bob": bob, None: None}[who])
    refused(response, status, error, text)
    assert written() == before


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_the_order_is_handed_out_by_no_other_method(profile: EventProfile, ada: Shopper, method: str) -> None:
    before = written()
    response = send(method, f"/order/{profile.event.slug}/{profile.pk.hex}/", by=ada)
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert written() == before


def test_the_invoice_of_an_order_is_no_event(db: None, ada: Shopper) -> None:
    """An event's slug contains a letter."""
    refused(send("POST", "/order/1234/0123456789abcdef0123456789abcdef", by=ada), 404, "Not Found", "Event not found.")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"opens_at": clock.now() + timedelta(hours=1)}, "This event takes no entries at the moment."),
        ({"closes_at": clock.now() - timedelta(hours=1)}, "This event takes no entries at the moment."),
        ({"places": 0}, "This event is full."),
        ({"price": Money(0, "INR")}, "This event has nothing to be paid for."),
    ],
)
def test_an_event_that_takes_no_entries(profile: EventProfile, ada: Shopper, change: dict[str, Any], text: str) -> None:
    change_event(profile.event, plan(**change))
    before = written()
    refused(enter(profile, ada), 409, "Conflict", text)
    assert written() == before


def test_after_its_price_changed_there_is_a_new_order_and_the_old_buys_nothing(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    old = order_id(enter(profile, ada))
    change_event(event, dataclasses.replace(plan(), price=Money(60000, "INR")))
    new = answer(enter(profile, ada))["order"]
    assert (new["id"] != old, new["amount"], places_left(event)) == (True, 60000, 9)
    pay(sandbox, old)
    settle_down()
    profile.refresh_from_db()
    assert profile.entered_by is None
    assert sandbox.books("razorpay")["totals"]["INR"]["refunded"] == 50000
    pay(sandbox, new["id"])
    profile.refresh_from_db()
    assert profile.entered_by == Order.objects.get(total_minor=60000).pk


@pytest.mark.parametrize("fault", ["error_500", "timeout_before", "timeout_after", "html_502", "rate_limit", "reset"])
def test_a_gateway_that_cannot_be_asked_leaves_no_order_and_no_place_taken(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event, fault: str
) -> None:
    sandbox.arm("razorpay", "create", fault)
    refused(
        enter(profile, ada),
        502,
        "Bad Gateway",
        "The payment provider cannot be asked right now. Try again in a moment.",
    )
    assert (Order.objects.get().status, places_left(event)) == ("cancelled", 10)
    assert order_id(enter(profile, ada)).startswith("order_")
    chase()
    assert EntryOrder.objects.filter(ended_at__isnull=True).count() == 1


def test_cancelled_or_refunded_the_place_is_free_and_may_be_ordered_anew(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    pay(sandbox, order_id(enter(profile, ada)))
    request_refund(Order.objects.get().pk, RefundWish(RefundKind.FULL, "ill"), actor=actors.SYSTEM)
    work()
    profile.refresh_from_db()
    assert (Order.objects.get().status, profile.entered_by, places_left(event)) == ("refunded", None, 10)
    pay(sandbox, order_id(enter(profile, ada)))
    second = Order.objects.order_by("-number")[0]
    cancellation.cancel_order(second.pk, actor=actors.SYSTEM)
    work()
    profile.refresh_from_db()
    assert (profile.entered_by, places_left(event)) == (None, 10)
    assert sandbox.books("razorpay")["totals"]["INR"]["refunded"] == 100000


def test_an_entry_expires_and_late_money_brings_it_back_while_there_is_a_place(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    old = order_id(enter(profile, ada))
    with clock.turned(timedelta(hours=2)):
        jobs.expire_orders(timestamp=0)
        assert places_left(event) == 10
        pay(sandbox, old)
    profile.refresh_from_db()
    assert (profile.entered_by, places_left(event)) == (Order.objects.get().pk, 9)


@pytest.mark.parametrize("missing", ["closed", "full", "ordered anew"])
def test_late_money_goes_back_where_the_entry_cannot_come_back(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, bob: Shopper, event: Event, missing: str
) -> None:
    change_event(event, dataclasses.replace(plan(), places=1))
    profile.refresh_from_db()
    old = order_id(enter(profile, ada))
    with clock.turned(timedelta(hours=2)):
        jobs.expire_orders(timestamp=0)
        first = Order.objects.get()
        if missing == "full":
            order_entry(add_profile(bob, event), actor=actors.SYSTEM)
        if missing == "ordered anew":
            order_entry(profile, actor=actors.SYSTEM)
    with clock.turned(timedelta(days=2 if missing == "closed" else 0, hours=2)):
        pay(sandbox, old)
        settle_down()
    told = first.history.get(event="late_money").facts
    assert told["because"] == {"closed": "entry_over", "full": "sold_out", "ordered anew": "entry_over"}[missing]
    first.refresh_from_db()
    assert (first.status, first.refunded_minor) == ("cancelled", 50000)
    profile.refresh_from_db()
    assert profile.entered_by is None


def test_an_order_ends_with_the_closing_of_its_event(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper
) -> None:
    closing = clock.now() + timedelta(minutes=10)
    change_event(profile.event, dataclasses.replace(plan(), closes_at=closing))
    profile.refresh_from_db()
    enter(profile, ada)
    expires_at = Order.objects.get().expires_at
    assert expires_at is not None
    assert abs(expires_at - closing) < timedelta(seconds=5)


def test_one_place_and_twenty_buyers(sandbox: SandboxProcess, db: None) -> None:
    event = add_event(places=1)
    buyers = [shops.sign_up(f"buyer{number}@example.com") for number in range(20)]
    profiles = [add_profile(buyer, event) for buyer in buyers]
    answers = together([partial(enter, profile, buyer) for buyer, profile in zip(buyers, profiles, strict=True)])
    statuses = sorted(response.status_code for response in answers)
    assert statuses == [200] + [409] * 19
    texts = {json.loads(response.content)["message"] for response in answers if response.status_code == 409}
    assert texts == {"This event is full."}
    assert (places_left(event), Order.objects.count()) == (0, 1)


@pytest.mark.parametrize("places", [10, 1], ids=["places enough", "the last place"])
def test_two_calls_at_once_are_one_order(sandbox: SandboxProcess, ada: Shopper, places: int) -> None:
    profile = add_profile(ada, add_event(places=places))
    for _ in range(5):
        answers = together([lambda: enter(profile, ada)] * 4)
        assert {response.status_code for response in answers} == {200}
        assert len({response.content for response in answers}) == 1
        live = EntryOrder.objects.get(ended_at__isnull=True)
        assert PaymentRequest.objects.filter(subject_id=live.order_id).count() == 1
        cancellation.cancel_order(live.order_id, actor=actors.SYSTEM)


def test_a_repeated_request_gets_its_first_answer(sandbox: SandboxProcess, profile: EventProfile, ada: Shopper) -> None:
    first = enter(profile, ada, key="once")
    pay(sandbox, order_id(first))
    again = enter(profile, ada, key="once")
    assert (again.status_code, again.content) == (200, first.content)
    other = send("POST", f"/order/x/{profile.pk.hex}", by=ada, key="once")
    refused(other, 422, HTTPStatus(422).phrase, "Idempotency-Key was used for another request.")


def test_entries_are_sold_nowhere_else(event: Event, ada: Shopper) -> None:
    """Not in the catalogue, and not through the storefront."""
    listing = json.loads(send("GET", "/api/v1/products/").content)
    assert listing["results"] == []
    method = shops.add_delivery("By e-mail", 0, "INR", kinds=("entry",), cash_on_delivery=True)
    item = {"productId": str(event.variant.product_id), "quantity": 1}
    body = shops.order_body(ada, method, item)
    response = send("POST", shops.ON_DELIVERY, body, by=ada)
    assert (response.status_code, shops.text_of(response)) == (404, "Product not found")
