"""The tree of customers: asking it, placing and moving, and what the database refuses whoever writes."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from customers.genealogy import tree
from customers.genealogy.placing import PlacementRefused, move, place
from customers.models import Customer, Genealogy, Placement, PlacementMove, User, Waiting
from kit.errors import NotFound
from kit.ids import new_id
from tests.shop import written
from tests.statements import statements

Tree = dict[str, Customer]

# Who stands right below whom.
SHAPE = {"top": None, "ann": "top", "bob": "top", "cy": "ann", "dee": "ann", "eve": "dee", "fay": "eve", "other": None}


def join(*names: str) -> Tree:
    """Customers who wait, by name; their ids are in the order of their names."""
    ids = sorted(new_id() for _ in names)
    people = {
        name: Customer(id=id_, user=User(email=f"{name}@example.com"), first_name=name.title())
        for name, id_ in zip(names, ids, strict=True)
    }
    User.objects.bulk_create(customer.user for customer in people.values())
    Customer.objects.bulk_create(people.values())
    return people


@pytest.fixture
def people(db: None) -> Tree:
    """Those of SHAPE in their places, and one who waits."""
    people = join(*SHAPE, "gus")
    for name, sponsor in SHAPE.items():
        place(people[name].pk, sponsor_id=people[sponsor].pk if sponsor else None, by_id=None)
    return people


@pytest.fixture
def clerk(db: None) -> User:
    """Who moves people."""
    return User.objects.create_user("clerk@example.com", is_staff=True)


def names(found: Iterable[Any]) -> list[str]:
    """Of people, customers, placements or those who wait."""
    return [(one.customer if hasattr(one, "customer") else one).first_name.lower() for one in found]


def sponsors() -> dict[str, str | None]:
    """Who stands right below whom, as it is in the database."""
    rows = Placement.objects.values_list("customer__first_name", "sponsor__customer__first_name")
    return {name.lower(): sponsor and sponsor.lower() for name, sponsor in rows}


# --- asking ---------------------------------------------------------------------------------------------------------


def above(name: str) -> set[str]:
    """By SHAPE itself."""
    sponsor = SHAPE.get(name)
    return {sponsor, *above(sponsor)} if sponsor else set()


def test_below_is_every_level_down_and_nobody_is_below_themselves(people: Tree) -> None:
    told = {
        (one, other)
        for one, customer in people.items()
        for other, another in people.items()
        if tree.is_below(customer.pk, another.pk)
    }
    assert told == {(name, other) for name in SHAPE for other in above(name)}
    assert not tree.is_below(uuid.uuid4(), people["top"].pk)
    assert not tree.is_below(people["fay"].pk, uuid.uuid4())


def test_whether_somebody_is_below_is_one_statement(people: Tree) -> None:
    with statements() as sent:
        assert tree.is_below(people["fay"].pk, people["top"].pk)
    assert len(sent) == 1


def test_the_way_up_is_told_from_the_sponsor_to_the_top(people: Tree) -> None:
    with statements() as sent:
        path = tree.path_to_root(people["fay"].pk)
    assert [(person.name, person.level) for person in path] == [("Eve", -1), ("Dee", -2), ("Ann", -3), ("Top", -4)]
    assert path[0].email == "eve@example.com"
    assert len(sent) == 1
    assert names(tree.path_to_root(people["fay"].pk, most=2)) == ["eve", "dee"]
    assert tree.path_to_root(people["top"].pk) == tree.path_to_root(people["gus"].pk) == []


def test_those_right_below_are_told_by_id_and_whether_somebody_is_below_them(people: Tree) -> None:
    with statements() as sent:
        found = tree.branch(people["top"].pk, most=9)
    assert [(person.name, person.email, person.level, person.is_sponsor) for person in found] == [
        ("Ann", "ann@example.com", 1, True),
        ("Bob", "bob@example.com", 1, False),
    ]
    assert len(sent) == 1
    assert names(tree.branch(None, most=9)) == ["top", "other"]
    assert names(tree.branch(None, most=1)) == ["top"]
    assert names(tree.branch(None, after=people["top"].pk, most=9)) == ["other"]
    assert tree.branch(people["fay"].pk, most=9) == []


def test_everybody_below_is_told_page_by_page_a_sponsor_first(people: Tree) -> None:
    whole = tree.below(people["top"].pk, most=100)
    assert [(person.name, person.level) for person in whole] == [
        ("Ann", 1),
        ("Cy", 2),
        ("Dee", 2),
        ("Eve", 3),
        ("Fay", 4),
        ("Bob", 1),
    ]
    for most in range(1, 8):
        paged, after = list[tree.Person](), None
        while page := tree.below(people["top"].pk, after=after, most=most):
            assert len(page) <= most
            paged += page
            after = page[-1].customer_id
        assert paged == whole
    assert names(tree.below(people["ann"].pk, most=100)) == ["cy", "dee", "eve", "fay"]
    assert tree.below(people["fay"].pk, most=100) == tree.below(people["gus"].pk, most=100) == []


def test_a_page_behind_somebody_who_has_left_the_branch_is_empty(people: Tree, clerk: User) -> None:
    assert tree.below(people["ann"].pk, after=people["bob"].pk, most=9) == []
    assert tree.below(people["ann"].pk, after=people["gus"].pk, most=9) == []
    assert tree.below(people["ann"].pk, after=uuid.uuid4(), most=9) == []


def test_who_is_not_placed_waits_the_newest_first(people: Tree) -> None:
    join("hal")
    assert names(tree.waiting()) == ["hal", "gus"]
    place(people["gus"].pk, sponsor_id=people["bob"].pk, by_id=None)
    assert names(tree.waiting()) == ["hal"]
    assert [tree.is_placed(people["gus"].pk), tree.is_placed(Waiting.objects.get().pk)] == [True, False]


def test_people_are_found_by_id_and_by_the_beginning_of_their_email(people: Tree) -> None:
    assert names(tree.find_people(f" {people['gus'].pk} ")) == ["gus"]
    assert names(tree.find_people("FAY@example.com")) == ["fay"]
    assert names(tree.find_people("fay@e")) == ["fay"]
    for nobody in ("fa", "", "  ", "example.com", "\0", "%", str(uuid.uuid4())):
        assert names(tree.find_people(nobody)) == []
    User.objects.create_user("fayette@example.com", is_staff=True)
    assert names(tree.find_people("fay")) == ["fay"]


# --- placing --------------------------------------------------------------------------------------------------------


def test_placing_says_when_and_by_whom(people: Tree, clerk: User) -> None:
    placed = place(people["gus"].pk, sponsor_id=people["fay"].pk, by_id=clerk.pk)
    placed.refresh_from_db()
    assert (placed.sponsor_id, placed.placed_by_id) == (people["fay"].pk, clerk.pk)
    assert placed.placed_at is not None
    assert tree.is_below(people["gus"].pk, people["top"].pk)


def test_placing_somebody_where_they_are_changes_nothing(people: Tree, clerk: User) -> None:
    before = Placement.objects.values().get(pk=people["fay"].pk)
    place(people["fay"].pk, sponsor_id=people["eve"].pk, by_id=clerk.pk)
    place(people["top"].pk, sponsor_id=None, by_id=clerk.pk)
    assert Placement.objects.values().get(pk=people["fay"].pk) == before


@pytest.mark.parametrize(
    ("who", "sponsor", "code"),
    [
        ("fay", "top", "already_placed"),
        ("fay", None, "already_placed"),
        ("gus", "gus", "below_itself"),
        ("gus", "hal", "sponsor_not_placed"),
    ],
)
def test_a_place_that_cannot_be_is_refused(people: Tree, who: str, sponsor: str | None, code: str) -> None:
    people |= join("hal")
    before, stood = written(), sponsors()
    with pytest.raises(PlacementRefused) as refusal:
        place(people[who].pk, sponsor_id=people[sponsor].pk if sponsor else None, by_id=None)
    assert refusal.value.first.code == code
    assert (written(), sponsors()) == (before, stood)


def test_nobody_is_placed_who_does_not_exist(people: Tree) -> None:
    with pytest.raises(NotFound):
        place(uuid.uuid4(), sponsor_id=None, by_id=None)


# --- moving ---------------------------------------------------------------------------------------------------------


def test_a_move_takes_everybody_below_along_and_is_written_down(people: Tree, clerk: User) -> None:
    move(people["dee"].pk, sponsor_id=people["bob"].pk, reason=" Asked for it ", by_id=clerk.pk)
    assert sponsors() == {**SHAPE, "dee": "bob"}
    assert tree.is_below(people["fay"].pk, people["bob"].pk)
    assert not tree.is_below(people["fay"].pk, people["ann"].pk)
    move(people["dee"].pk, sponsor_id=None, reason="A shop of her own", by_id=clerk.pk)
    assert names(tree.path_to_root(people["fay"].pk)) == ["eve", "dee"]
    moves = PlacementMove.objects.order_by("pk").values_list(
        "placement_id", "from_sponsor_id", "to_sponsor_id", "reason", "moved_by_id"
    )
    assert list(moves) == [
        (people["dee"].pk, people["ann"].pk, people["bob"].pk, "Asked for it", clerk.pk),
        (people["dee"].pk, people["bob"].pk, None, "A shop of her own", clerk.pk),
    ]
    assert Genealogy.objects.get().moves == 2


@pytest.mark.parametrize(
    ("who", "sponsor", "reason", "code"),
    [
        ("ann", "fay", "why not", "below_itself"),
        ("ann", "ann", "why not", "below_itself"),
        ("ann", "dee", "why not", "below_itself"),
        ("ann", "top", "why not", "not_moved"),
        ("top", None, "why not", "not_moved"),
        ("ann", "gus", "why not", "sponsor_not_placed"),
        ("gus", "ann", "why not", "not_placed"),
        ("ann", "bob", "  ", "reason_missing"),
    ],
)
def test_a_move_that_cannot_be_is_refused(
    people: Tree, clerk: User, who: str, sponsor: str | None, reason: str, code: str
) -> None:
    before = written()
    with pytest.raises(PlacementRefused) as refusal:
        move(
            people[who].pk,
            sponsor_id=people[sponsor].pk if sponsor else None,
            reason=reason,
            by_id=clerk.pk,
        )
    assert refusal.value.first.code == code
    assert (written(), sponsors()) == (before, SHAPE)


# --- the database's own word ----------------------------------------------------------------------------------------


def run(statement: str, **values: Any) -> None:
    """One statement by hand, committed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def refused(why: str) -> Any:
    """An IntegrityError that says so."""
    return pytest.raises(IntegrityError, match=why)


def test_no_circle_can_be_written_by_hand(people: Tree) -> None:
    ids = {name: customer.pk for name, customer in people.items()}
    with refused("would stand below itself"):
        run("UPDATE customers_placement SET sponsor_id = %(fay)s WHERE customer_id = %(ann)s", **ids)
    with refused("would stand below itself|placement_not_below_itself"):
        run("UPDATE customers_placement SET sponsor_id = %(ann)s WHERE customer_id = %(ann)s", **ids)
    swap = "UPDATE customers_placement SET sponsor_id = CASE customer_id WHEN %(ann)s THEN %(bob)s ELSE %(ann)s END "
    with refused("would stand below itself"):
        run(swap + "WHERE customer_id IN (%(ann)s, %(bob)s)", **ids)
    assert sponsors() == SHAPE


def test_no_circle_comes_in_with_new_places_either(people: Tree) -> None:
    ids = {name: customer.pk for name, customer in (people | join("hal")).items()}
    with refused("is not placed"):
        run(
            "INSERT INTO customers_placement (customer_id, sponsor_id) VALUES (%(gus)s, %(hal)s), (%(hal)s, %(gus)s)",
            **ids,
        )
    with refused("is not placed"):
        run("INSERT INTO customers_placement (customer_id, sponsor_id) VALUES (%(gus)s, %(gus)s)", **ids)
    run(
        "INSERT INTO customers_placement (customer_id, sponsor_id) VALUES (%(gus)s, %(fay)s), (%(hal)s, %(gus)s)", **ids
    )
    assert sponsors() == {**SHAPE, "gus": "fay", "hal": "gus"}


def test_no_place_goes_away_and_no_sponsor_changes_without_a_word(people: Tree, clerk: User) -> None:
    ids = {name: customer.pk for name, customer in people.items()} | {"clerk": clerk.pk}
    for statement in (
        "DELETE FROM customers_placement WHERE customer_id = %(fay)s",
        "TRUNCATE customers_placement CASCADE",
        "UPDATE customers_placement SET placed_at = now() WHERE customer_id = %(fay)s",
        "UPDATE customers_placement SET placed_by_id = %(clerk)s WHERE customer_id = %(fay)s",
    ):
        with refused("append-only"):
            run(statement, **ids)
    with refused("is not in its moves"):
        run("UPDATE customers_placement SET sponsor_id = %(bob)s WHERE customer_id = %(fay)s", **ids)
    with refused("is not in its moves"):
        run(
            "INSERT INTO customers_placementmove (placement_id, to_sponsor_id, reason, moved_by_id) "
            "VALUES (%(fay)s, %(bob)s, 'made up', %(clerk)s)",
            **ids,
        )
    assert sponsors() == SHAPE
    assert not PlacementMove.objects.exists()


def test_a_move_is_never_rewritten(people: Tree, clerk: User) -> None:
    move(people["dee"].pk, sponsor_id=people["bob"].pk, reason="Asked for it", by_id=clerk.pk)
    for statement in (
        "UPDATE customers_placementmove SET reason = 'another'",
        "DELETE FROM customers_placementmove",
        "TRUNCATE customers_placementmove",
    ):
        with refused("append-only"):
            run(statement)
    assert PlacementMove.objects.get().reason == "Asked for it"


def test_many_who_come_at_once_all_wait(db: None) -> None:
    with transaction.atomic():
        people = join(*(f"c{number}" for number in range(50)))
    assert set(Waiting.objects.values_list("pk", flat=True)) == {customer.pk for customer in people.values()}
