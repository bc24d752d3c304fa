"""Events and one's own entries under /api/v1/."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from customers.models import EventProfile
from kit import clock
from orders import actors, cancellation
from tests import shop as shops
from tests.events import add_event, add_profile, enter_for_cash
from tests.shop import Shopper, send, written
from tests.statements import statements


def get(path: str, by: Shopper | None = None) -> Any:
    """The body of an answer."""
    response = send("GET", f"/api/v1/{path}", by=by)
    assert response.status_code == 200, response.content
    return json.loads(response.content)


def test_everybody_sees_the_events_that_take_entries(db: None, ada: Shopper) -> None:
    now = clock.now()
    event = add_event()
    add_event(slug="later", opens_at=now + timedelta(hours=1))
    add_event(slug="over", opens_at=now - timedelta(days=3), closes_at=now - timedelta(hours=1))
    enter_for_cash(add_profile(ada, event))
    assert get("events/") == {
        "next": None,
        "results": [
            {
                "slug": "photography-2020",
                "name": "Photography - 2020",
                "amount": "500.00",
                "currency": "INR",
                "opens_at": event.opens_at.isoformat().replace("+00:00", "Z"),
                "closes_at": event.closes_at.isoformat().replace("+00:00", "Z"),
                "places_left": 9,
            }
        ],
    }


def test_an_entry_from_its_beginning_to_its_end(db: None, ada: Shopper) -> None:
    event = add_event()
    path = f"/api/v1/events/{event.slug}/entries/"
    begun = send("POST", path, {"name": "Ada", "description": "Portraits"}, by=ada, key="once")
    assert begun.status_code == 201
    entry = json.loads(begun.content)
    assert send("POST", path, {"name": "Ada", "description": "Portraits"}, by=ada, key="once").content == begun.content
    profile = EventProfile.objects.get()
    assert (entry["id"], entry["entered"], entry["order"]) == (profile.pk.hex, False, None)
    assert entry["event"] == {"slug": event.slug, "name": event.name}
    order = enter_for_cash(profile)
    shown = get(f"entries/{entry['id']}/", ada)
    assert shown["order"] == {"id": str(order.pk), "number": order.number, "status": "Paid"}
    assert (shown["entered"], shown["entered_at"] is not None) == (True, True)
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    shown = get(f"entries/{entry['id']}", ada)
    assert (shown["entered"], shown["entered_at"], shown["order"]) == (False, None, None)


@pytest.mark.parametrize(
    ("slug", "body", "status"),
    [
        ("no-such-event", {"name": "Ada"}, 404),
        ("%00", {"name": "Ada"}, 404),
        ("over", {"name": "Ada"}, 409),
        ("photography-2020", {}, 400),
        ("photography-2020", {"name": ""}, 400),
        ("photography-2020", {"name": 1}, 400),
        ("photography-2020", {"name": "x" * 121}, 400),
        ("photography-2020", {"name": "Ada", "entered_by": "me"}, 400),
    ],
)
def test_what_begins_no_entry_writes_nothing(
    db: None, ada: Shopper, slug: str, body: dict[str, Any], status: int
) -> None:
    now = clock.now()
    add_event()
    add_event(slug="over", opens_at=now - timedelta(days=3), closes_at=now - timedelta(hours=1))
    before = written()
    assert send("POST", f"/api/v1/events/{slug}/entries/", body, by=ada).status_code == status
    assert written() == before
    assert not EventProfile.objects.exists()


def test_everybody_sees_their_own_entries_alone(db: None, ada: Shopper, bob: Shopper) -> None:
    event = add_event()
    own, other = add_profile(ada, event), add_profile(bob, event)
    assert [entry["id"] for entry in get("entries/", ada)["results"]] == [own.pk.hex]
    for wrong in (other.pk.hex, str(own.pk), own.pk.hex.upper(), "0" * 32, "x"):
        assert send("GET", f"/api/v1/entries/{wrong}/", by=ada).status_code == 404


def test_a_page_of_entries_costs_the_same_however_long_it_is(db: None, ada: Shopper) -> None:
    event = add_event(places=100)
    counts = []
    for number in range(3):
        for _ in range(number * 5 + 1):
            enter_for_cash(add_profile(ada, event, f"Entry {number}"))
        with statements() as told:
            get("entries/?limit=100", ada)
        counts.append(len(told))
    assert counts == [3, 3, 3]


def test_customers_without_an_account_here_are_refused(db: None) -> None:
    assert send("GET", "/api/v1/entries/", by=shops.access_of(shops.hire())).status_code == 403
