"""What members see over the API: their own, and of others no more than the names and ids of those below."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from customers.genealogy.placing import place
from customers.memberships import acts, upgrades
from customers.models import Customer
from kit.ids import new_id
from tests.customers.conftest import Account
from tests.customers.test_genealogy import join
from tests.customers.test_memberships import Tiers
from tests.members import DAYS, on_day, open_tiers
from tests.statements import statements

pytestmark = pytest.mark.without_orders


@pytest.fixture
def tiers(db: None) -> Tiers:
    """Three packages of thirty days."""
    return open_tiers()


def get(api: Client, account: Account, path: str) -> Any:
    """An answer that is one."""
    response = api.get(path if path.startswith("http") else f"/api/v1/{path}", headers=account.header)
    assert response.status_code == 200, response.content
    return response.json()


def stamp(moment: Any) -> str:
    """As the API writes it."""
    return str(moment.isoformat().replace("+00:00", "Z"))


# --- membership -----------------------------------------------------------------------------------------------------


def test_a_member_sees_membership_upgrade_and_history(api: Client, ada: Account, tiers: Tiers) -> None:
    first, second = new_id(), new_id()
    with on_day(0):
        membership = acts.begin(ada.customer.pk, tiers[0], order_id=first).membership
        process = upgrades.begin_upgrade(ada.customer.pk, tiers[2], order_id=second)
    (row,) = membership.history.all()
    assert get(api, ada, "membership/") == {
        "membership": {
            "id": str(membership.pk),
            "product_id": str(tiers[0].product_id),
            "product_number": tiers[0].product_number,
            "title": "Bronze Package",
            "tier": 10,
            "starts_at": stamp(membership.starts_at),
            "ends_at": stamp(membership.ends_at),
        },
        "upgrade": {
            "kind": "ordered",
            "product_id": str(tiers[2].product_id),
            "tier": 30,
            "order_id": str(second),
            "begun_at": stamp(process.begun_at),
        },
        "next": None,
        "results": [
            {
                "id": row.pk,
                "membership_id": str(membership.pk),
                "tier": 10,
                "event": "begun",
                "days": DAYS,
                "ends_at": stamp(membership.ends_at),
                "order_id": str(first),
                "at": stamp(row.at),
            }
        ],
    }


def test_nobody_sees_anothers_membership(api: Client, ada: Account, bob: Account, tiers: Tiers) -> None:
    with on_day(0):
        acts.begin(ada.customer.pk, tiers[0])
    assert get(api, bob, "membership") == {"membership": None, "upgrade": None, "next": None, "results": []}


def test_a_membership_whose_time_is_over_is_none(api: Client, ada: Account, tiers: Tiers) -> None:
    # A quarter of an hour ago: the job has not been there yet.
    with on_day(-DAYS - 0.01):
        acts.begin(ada.customer.pk, tiers[0])
    told = get(api, ada, "membership/")
    assert (told["membership"], [row["event"] for row in told["results"]]) == (None, ["begun"])


def test_the_history_comes_page_by_page_in_as_many_statements(api: Client, ada: Account, tiers: Tiers) -> None:
    with on_day(0):
        acts.begin(ada.customer.pk, tiers[0])
        for _ in range(4):
            acts.renew(ada.customer.pk, tiers[0])
    get(api, ada, "membership/?limit=1")
    with statements() as few:
        page = get(api, ada, "membership/?limit=2")
    events, sizes = [row["event"] for row in page["results"]], [2]
    with statements() as many:
        get(api, ada, "membership/")
    assert len(many) == len(few) <= 8
    while page["next"]:
        page = get(api, ada, page["next"])
        events += [row["event"] for row in page["results"]]
        sizes.append(len(page["results"]))
    assert (events, sizes) == (["renewed"] * 4 + ["begun"], [2, 2, 1])
    assert api.get("/api/v1/membership/?state=active", headers=ada.header).status_code == 400


# --- genealogy ------------------------------------------------------------------------------------------------------


@pytest.fixture
def family(ada: Account, bob: Account) -> dict[str, Customer]:
    """Bob above Ada, three below her, and one below one of these."""
    people = join("cy", "dee", "eve", "fay")
    place(bob.customer.pk, sponsor_id=None, by_id=None)
    place(ada.customer.pk, sponsor_id=bob.customer.pk, by_id=None)
    for name, sponsor in (("cy", ada.customer), ("dee", ada.customer), ("eve", ada.customer), ("fay", people["cy"])):
        place(people[name].pk, sponsor_id=sponsor.pk, by_id=None)
    return people


def test_a_member_sees_those_right_below_by_name_and_id_alone(
    api: Client, ada: Account, family: dict[str, Customer]
) -> None:
    Customer.objects.filter(pk=family["eve"].pk).update(first_name="")
    told = get(api, ada, "genealogy/")
    assert told == {
        "placed": True,
        "placed_at": told["placed_at"],
        "next": None,
        "results": [
            {"id": str(family["cy"].pk), "name": "Cy"},
            {"id": str(family["dee"].pk), "name": "Dee"},
            {"id": str(family["eve"].pk), "name": ""},
        ],
    }
    page, names = get(api, ada, "genealogy/?limit=2"), []
    names += [row["name"] for row in page["results"]]
    names += [row["name"] for row in get(api, ada, page["next"])["results"]]
    assert names == ["Cy", "Dee", ""]


def test_nobody_sees_who_is_above_or_beside(api: Client, bob: Account, family: dict[str, Customer]) -> None:
    raw = api.get("/api/v1/genealogy/", headers=bob.header).content.decode()
    assert "@" not in raw
    assert not any(str(customer.pk) in raw for customer in family.values())


def test_whoever_waits_is_told_so(api: Client, ada: Account) -> None:
    assert get(api, ada, "genealogy") == {"placed": False, "placed_at": None, "next": None, "results": []}


def test_whether_somebody_is_below_is_all_that_is_told(
    api: Client, ada: Account, bob: Account, family: dict[str, Customer]
) -> None:
    for asked, below in (
        (family["cy"].pk, True),
        (family["fay"].pk, True),
        (ada.customer.pk, False),
        (bob.customer.pk, False),
        (new_id(), False),
    ):
        assert get(api, ada, f"genealogy/below/{asked}/") == {"below": below}
    assert get(api, bob, f"genealogy/below/{family['fay'].pk}") == {"below": True}
    for nonsense in ("me", "7", "%00", "{x}"):
        assert api.get(f"/api/v1/genealogy/below/{nonsense}/", headers=ada.header).status_code == 404
