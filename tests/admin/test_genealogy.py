"""The genealogy's pages: opened branch by branch, and changed by those alone who may."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from customers.admin import genealogy as pages
from customers.genealogy.placing import move, place
from customers.models import Customer, Placement, PlacementMove, User
from tests.admin.conftest import ANONYMOUS, CUSTOMER, EVERYBODY, SUPERUSER, SignIn, messages_of
from tests.admin.test_search import GARBAGE
from tests.customers.test_genealogy import SHAPE, Tree, join, sponsors
from tests.shop import written

TREE = "/admin/customers/placement/"
MAY_SEE = {"support", "network", SUPERUSER}
MAY_ACT = {"network", SUPERUSER}


@pytest.fixture
def people(db: None) -> Tree:
    """Those of SHAPE in their places, and one who waits."""
    people = join(*SHAPE, "gus")
    for name, sponsor in SHAPE.items():
        place(people[name].pk, sponsor_id=people[sponsor].pk if sponsor else None, by_id=None)
    return people


def page(customer: Customer, what: str = "change") -> str:
    """The address of somebody's page, or of an act."""
    return f"{TREE}{customer.pk}/{what}/"


def shown(response: Any) -> list[str]:
    """Whose pages an answer leads to, each once."""
    assert response.status_code == 200
    ids = re.findall(rf'href="{TREE}([0-9a-f-]{{36}})/change/"', response.content.decode())
    names = {str(customer.pk): customer.first_name.lower() for customer in Customer.objects.all()}
    return list(dict.fromkeys(names[id_] for id_ in ids))


# --- looking --------------------------------------------------------------------------------------------------------


def test_the_tree_begins_at_the_top_and_opens_branch_by_branch(root: Client, people: Tree) -> None:
    top = root.get(TREE)
    assert shown(top) == ["top", "other"]
    assert f'hx-get="{page(people["top"], "branch")}"' in top.content.decode()
    assert page(people["other"], "branch") not in top.content.decode()
    assert shown(root.get(page(people["top"], "branch"))) == ["ann", "bob"]
    assert shown(root.get(page(people["fay"], "branch"))) == []


def test_a_branch_comes_page_by_page(root: Client, people: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 1)
    first = root.get(page(people["top"], "branch"))
    (more,) = re.findall(r'hx-get="([^"]+\?after=[^"]+)"', first.content.decode())
    second = root.get(more)
    assert [shown(first), shown(second)] == [["ann"], ["bob"]]
    assert "Show more" not in second.content.decode()
    (more,) = re.findall(r'hx-get="([^"]+\?after=[^"]+)"', root.get(TREE).content.decode())
    assert shown(root.get(more)) == ["other"]


def test_somebodys_page_shows_the_way_up_those_below_and_the_moves(root: Client, people: Tree) -> None:
    clerk = User.objects.get(email="superuser@example.com")
    move(people["dee"].pk, sponsor_id=people["bob"].pk, reason="Asked for it", by_id=clerk.pk)
    response = root.get(page(people["dee"]))
    # Her own name leads back from the pages behind hers.
    assert shown(response) == ["dee", "eve", "top", "bob"]
    content = " ".join(response.content.decode().split())
    for part in ("dee@example.com", str(people["dee"].pk), "From below Ann to below Bob", "Asked for it", clerk.email):
        assert part in content
    assert f'href="{page(people["dee"], "move")}"' in content


def test_whoever_waits_has_a_page_too(root: Client, people: Tree) -> None:
    content = root.get(page(people["gus"])).content.decode()
    assert "Waits to be placed" in content
    assert f'href="{page(people["gus"], "place")}"' in content
    assert "Right below" not in content


def test_everybody_below_is_listed_page_by_page(root: Client, people: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE", 4)
    address = page(people["top"], "below")
    first = root.get(address)
    (more,) = re.findall(r'href="(\?after=[^"]+)"', first.content.decode())
    assert shown(first) == ["top", "ann", "cy", "dee", "eve"]
    second = root.get(address + more)
    assert shown(second) == ["top", "fay", "bob"]
    assert "?after=" not in second.content.decode()
    assert root.get(page(people["gus"], "below")).status_code == 404
    assert "Nobody stands below" in root.get(page(people["fay"], "below")).content.decode()
    gone = root.get(f"{page(people['ann'], 'below')}?after={people['bob'].pk}")
    assert "has left this branch" in gone.content.decode()


def test_the_waiting_room_shows_the_newest_first(root: Client, people: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    join("hal", "ida")
    monkeypatch.setattr(pages, "PAGE", 2)
    first = root.get(f"{TREE}waiting/")
    (more,) = re.findall(r'href="(\?after=[^"]+)"', first.content.decode())
    assert [shown(first), shown(root.get(f"{TREE}waiting/{more}"))] == [["ida", "hal"], ["gus"]]


def test_people_are_found_placed_or_not(root: Client, people: Tree) -> None:
    assert shown(root.get(TREE, {"q": "fay@"})) == ["fay"]
    assert shown(root.get(TREE, {"q": str(people["gus"].pk)})) == ["gus"]
    found = root.get(TREE, {"q": "gus@example.com"}).content.decode()
    assert "Waits" in found
    assert f'href="{page(people["gus"], "place")}"' in found
    assert "Nobody has an e-mail" in root.get(TREE, {"q": "zed@"}).content.decode()


def test_nothing_that_is_typed_breaks_a_page(root: Client, people: Tree) -> None:
    for text in GARBAGE:
        assert root.get(TREE, {"q": text}).status_code == 200, text
        assert root.get(f"{TREE}waiting/", {"after": text}).status_code == 200, text
        assert root.get(page(people["top"], "branch"), {"after": text}).status_code == 200, text
        assert root.get(page(people["top"], "below"), {"after": text}).status_code == 200, text
        typed = {"sponsor": text, "reason": text}
        assert root.post(page(people["ann"], "move"), typed).status_code == 200, text
    assert sponsors() == SHAPE
    for what in ("change", "place", "move", "branch", "below"):
        response = root.get(f"{TREE}{uuid.UUID(int=7)}/{what}/")
        assert response.status_code in (200, 302, 404), what


def test_every_page_costs_the_same_however_many_people_there_are(root: Client, people: Tree) -> None:
    addresses = (
        TREE,
        f"{TREE}?q=fay@",
        f"{TREE}waiting/",
        page(people["top"]),
        page(people["top"], "branch"),
        page(people["top"], "below"),
    )

    def statements() -> dict[str, int]:
        counted = {}
        for address in addresses:
            root.get(address)
            with CaptureQueriesContext(connection) as captured:
                assert root.get(address).status_code == 200
            counted[address] = len(captured)
            assert not [one for one in captured.captured_queries if "COUNT(" in one["sql"].upper()]
        return counted

    few = statements()
    crowd = join(*(f"c{number}" for number in range(60)))
    for number, customer in enumerate(crowd.values()):
        if number % 2:
            place(customer.pk, sponsor_id=people["top"].pk, by_id=None)
    assert statements() == few
    assert max(few.values()) <= 9


# --- acting ---------------------------------------------------------------------------------------------------------


def test_whoever_waits_is_placed_below_a_sponsor(root: Client, people: Tree) -> None:
    response = root.post(page(people["gus"], "place"), {"sponsor": " FAY@example.com "}, follow=True)
    assert response.redirect_chain == [(page(people["gus"]), 302)]
    assert messages_of(response) == ["Gus stands below Fay now."]
    assert sponsors() == {**SHAPE, "gus": "fay"}
    assert Placement.objects.get(pk=people["gus"].pk).placed_by == User.objects.get(email="superuser@example.com")


def test_the_top_has_to_be_asked_for(root: Client, people: Tree) -> None:
    for typed in ({"sponsor": ""}, {"sponsor": "fay@example.com", "at_top": "on"}):
        response = root.post(page(people["gus"], "place"), typed)
        assert "one of the two" in response.content.decode()
    assert sponsors() == SHAPE
    root.post(page(people["gus"], "place"), {"sponsor": str(people["ann"].pk)})
    root.post(page(people["eve"], "move"), {"at_top": "on", "reason": "A shop of her own"})
    assert sponsors() == {**SHAPE, "gus": "ann", "eve": None}


def test_a_move_is_made_with_a_reason_and_by_whom_is_kept(root: Client, people: Tree) -> None:
    explained = root.get(page(people["dee"], "move")).content.decode()
    assert "Dee (dee@example.com), now below Ann, comes right below another sponsor" in explained
    response = root.post(
        page(people["dee"], "move"), {"sponsor": "bob@example.com", "reason": "Asked for it"}, follow=True
    )
    assert messages_of(response) == ["Dee stands below Bob now, with all who stand below."]
    (written_down,) = PlacementMove.objects.all()
    assert (written_down.reason, written_down.moved_by.email) == ("Asked for it", "superuser@example.com")
    assert "Asked for it" in root.get("/admin/customers/placementmove/").content.decode()


@pytest.mark.parametrize(
    ("who", "what", "typed", "says"),
    [
        ("ann", "move", {"sponsor": "fay@example.com", "reason": "why not"}, "Nobody can stand below themselves"),
        ("ann", "move", {"sponsor": "top@example.com", "reason": "why not"}, "They stand there already."),
        ("ann", "move", {"sponsor": "gus@example.com", "reason": "why not"}, "This sponsor is not placed yet."),
        ("ann", "move", {"sponsor": "zed@example.com", "reason": "why not"}, "There is no customer with this e-mail"),
        ("ann", "move", {"sponsor": "bob@example.com", "reason": ""}, "This field is required."),
        ("ann", "move", {"sponsor": "bob@example.com", "reason": "   "}, "This field is required."),
        ("gus", "move", {"sponsor": "bob@example.com", "reason": "why not"}, "They are not placed yet"),
        ("ann", "place", {"sponsor": "bob@example.com"}, "They are placed already"),
        ("gus", "place", {"sponsor": "gus@example.com"}, "Nobody can stand below themselves"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    root: Client, people: Tree, who: str, what: str, typed: dict[str, str], says: str
) -> None:
    before = written()
    response = root.post(page(people[who], what), typed)
    assert response.status_code == 200
    assert says in response.content.decode().replace("&#x27;", "'")
    assert (written(), sponsors()) == (before, SHAPE)


@pytest.mark.parametrize("role", EVERYBODY)
def test_each_role_sees_and_does_what_it_may(role: str, sign_in: SignIn, people: Tree) -> None:
    client = sign_in(role)
    refusal = 302 if role in (CUSTOMER, ANONYMOUS) else 403
    looks = [TREE, f"{TREE}?q=fay@", f"{TREE}waiting/", f"{TREE}top/branch/"]
    looks += [page(people["top"], what) for what in ("change", "branch", "below")]
    assert {client.get(address).status_code for address in looks} == {200 if role in MAY_SEE else refusal}
    before = written()
    acts = [
        (page(people["gus"], "place"), {"sponsor": "fay@example.com"}),
        (page(people["dee"], "move"), {"sponsor": "bob@example.com", "reason": "why not"}),
    ]
    for address, typed in acts:
        assert client.get(address).status_code == (200 if role in MAY_ACT else refusal)
        assert client.post(address, typed).status_code == (302 if role in MAY_ACT else refusal)
    assert (written() == before) is (role not in MAY_ACT)
    if role in MAY_SEE:
        content = client.get(page(people["ann"])).content.decode()
        assert (f'href="{page(people["ann"], "move")}"' in content) is (role in MAY_ACT)
        assert client.post(page(people["ann"]), {"sponsor": ""}).status_code == 403
