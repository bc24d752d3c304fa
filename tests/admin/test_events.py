"""Events and entries in the back office."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from catalog.models import Event, StockMovement
from kit import clock
from kit.money import Money
from orders_project.roles import ensure_roles
from tests import shop as shops
from tests.events import add_event, add_profile, enter_for_cash
from tests.shop import Shopper, written

ADD, LIST, ENTRIES = "/admin/catalog/event/add/", "/admin/catalog/event/", "/admin/customers/eventprofile/"
EXPORT = f"{ENTRIES}export/"


@pytest.fixture
def office(db: None) -> Client:
    """Somebody who plans events."""
    ensure_roles()
    clerk = shops.hire("events@example.com")
    clerk.groups.add(Group.objects.get(name="events"))
    client = Client()
    client.force_login(clerk)
    return client


def form(**fields: Any) -> dict[str, Any]:
    """What the page of an event sends."""
    now = clock.now()
    given = {
        "name": "Spring Run",
        "slug": "spring-run",
        "price": "12.50",
        "currency": "USD",
        "places": "30",
        "opens_at_0": f"{now:%Y-%m-%d}",
        "opens_at_1": "00:00:00",
        "closes_at_0": f"{now + timedelta(days=9):%Y-%m-%d}",
        "closes_at_1": "18:00:00",
    }
    return {**given, **fields}


def test_an_event_is_planned_and_changed(office: Client) -> None:
    assert office.post(ADD, form()).status_code == 302
    event = Event.objects.get()
    assert (event.name, event.slug, event.variant.price) == ("Spring Run", "spring-run", Money(1250, "USD"))
    assert (event.variant.stock.on_hand, event.variant.product.kind) == (30, "entry")
    assert event.created_by == event.updated_by is not None
    page = f"{LIST}{event.pk}/change/"
    assert office.post(page, form(price="15", places="20", name="Spring Run 2")).status_code == 302
    event = Event.objects.get()
    assert (event.name, event.variant.price, event.variant.stock.on_hand) == ("Spring Run 2", Money(1500, "USD"), 20)
    assert list(StockMovement.objects.values_list("on_hand_change", flat=True)) == [-10, 30]
    for address in (LIST, page, f"{LIST}?q=spring"):
        assert b"Spring Run 2" in office.get(address).content


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"slug": "2020"}, "Lower-case letters, digits and single hyphens, with a letter."),
        ({"slug": "Spring"}, "Lower-case letters, digits and single hyphens, with a letter."),
        ({"slug": "photography-2020"}, "Event with this Slug already exists."),
        ({"price": "12.505"}, "Enter an amount such as"),
        ({"price": "0.99", "currency": "INR"}, "An entry costs at least 1.00 INR."),
        ({"price": "0"}, "An entry costs at least 0.01 USD."),
        ({"places": "-1"}, "greater than or equal to 0"),
        ({"closes_at_0": "2020-01-01"}, "An event closes after it opens."),
    ],
)
def test_what_is_no_plan_is_told_and_nothing_is_written(office: Client, fields: dict[str, Any], text: str) -> None:
    add_event()
    before = written()
    response = office.post(ADD, form(**fields))
    assert response.status_code == 200
    assert text in response.content.decode()
    assert written() == before
    assert Event.objects.count() == 1


def test_whoever_has_entered_keeps_their_place(office: Client, ada: Shopper) -> None:
    event = add_event()
    enter_for_cash(add_profile(ada, event))
    response = office.post(f"{LIST}{event.pk}/change/", form(places="0"))
    assert "1 have entered or are about to pay." in response.content.decode()
    event.variant.stock.refresh_from_db()
    assert event.variant.stock.on_hand == 10


def test_entries_are_found_and_taken_along(office: Client, ada: Shopper, bob: Shopper) -> None:
    event, other = add_event(), add_event(slug="other")
    entered = add_profile(ada, event, "=HYPERLINK(1)")
    order = enter_for_cash(entered)
    waiting = add_profile(bob, event, "Bob")
    add_profile(bob, other, "Elsewhere")
    for query, found in (
        ("", {"=HYPERLINK(1)", "Bob", "Elsewhere"}),
        (f"event__id__exact={event.pk}", {"=HYPERLINK(1)", "Bob"}),
        ("entered=yes", {"=HYPERLINK(1)"}),
        (f"q={waiting.pk.hex}", {"Bob"}),
        ("q=bob@example.com", {"Bob", "Elsewhere"}),
    ):
        page = office.get(f"{ENTRIES}?{query}").content.decode()
        shown = {name for name in ("=HYPERLINK(1)", "Bob", "Elsewhere") if f">{name}</a>" in page}
        assert shown == found, query
    assert str(order.number) in office.get(f"{ENTRIES}{entered.pk}/change/").content.decode()
    answer: Any = office.get(f"{EXPORT}?event__id__exact={event.pk}")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [(row["name"], row["entered"], row["status"], row["amount"]) for row in rows] == [
        ("'=HYPERLINK(1)", "yes", "Paid", "500.00"),
        ("Bob", "no", "", ""),
    ]


def test_who_may_not_see_entries_takes_none_along(db: None, ada: Shopper) -> None:
    add_profile(ada, add_event())
    client = Client()
    client.force_login(shops.hire())
    assert client.get(EXPORT).status_code == 403
    assert client.post(ADD, form()).status_code == 403
    assert Event.objects.count() == 1
