"""A genealogy out of a file: every row or none, sponsors before those below them, and twice is once."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from customers.genealogy import importing, tree
from customers.genealogy.importing import BadGenealogy, import_file
from customers.genealogy.placing import place
from customers.models import Placement, User, Waiting
from tests.concurrency.racing import no_deadlocks, together
from tests.customers.test_genealogy import Tree, join, sponsors
from tests.shop import written

ROWS = (("dee", "cy"), ("bob", "ann"), ("ann", ""), ("cy", "ann"))
WANTED = {"ann": None, "bob": "ann", "cy": "ann", "dee": "cy"}


@pytest.fixture
def people(db: None) -> Tree:
    """Five who wait."""
    return join("ann", "bob", "cy", "dee", "eve")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "tree.csv"


def email(name: str) -> str:
    """As it is in a file; nobody has none."""
    return f"{name}@example.com" if name else ""


def lines(*rows: tuple[str, str]) -> str:
    """A file of e-mails."""
    return "\n".join(["customer,sponsor", *(f"{email(who)},{email(sponsor)}" for who, sponsor in rows)]) + "\n"


def run(file: Path, *options: str) -> dict[str, Any]:
    """What the command says, as JSON."""
    out = io.StringIO()
    call_command("import_genealogy", file, "--json", *options, stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def run_refused(file: Path) -> list[tuple[int | None, str]]:
    """The faults that the command names, after it has said the same to people; nothing may have been written."""
    before, stood = written(), sponsors()
    out = io.StringIO()
    with pytest.raises(SystemExit) as exit_:
        call_command("import_genealogy", file, "--json", stdout=out)
    assert exit_.value.code == 2
    told = json.loads(out.getvalue())
    with pytest.raises(CommandError) as refusal:
        call_command("import_genealogy", file, stdout=io.StringIO())
    assert refusal.value.returncode == 2
    faults = [(fault["line"], fault["why"]) for fault in told["faults"]]
    assert str(refusal.value).splitlines() == [
        "nobody placed, because:",
        *(f"{file.name}, line {line}: {why}" if line else f"{file.name}: {why}" for line, why in faults),
    ]
    assert (written(), sponsors(), told["placed"]) == (before, stood, 0)
    return faults


def test_everybody_is_placed_in_whatever_order_the_rows_come(people: Tree, file: Path) -> None:
    file.write_text(lines(*ROWS))
    assert run(file) == {"dry_run": False, "rows": 4, "placed": 4, "unchanged": 0, "faults": []}
    assert sponsors() == WANTED
    assert [waiting.customer.first_name for waiting in tree.waiting()] == ["Eve"]
    assert set(Placement.objects.values_list("placed_by", flat=True)) == {None}


def test_importing_it_again_changes_nothing(people: Tree, file: Path) -> None:
    file.write_text(lines(*ROWS))
    run(file)
    before, stood = written(), list(Placement.objects.order_by("pk").values())
    assert run(file) == {"dry_run": False, "rows": 4, "placed": 0, "unchanged": 4, "faults": []}
    assert (written(), list(Placement.objects.order_by("pk").values())) == (before, stood)


def test_a_dry_run_checks_and_places_nobody(people: Tree, file: Path) -> None:
    place(people["ann"].pk, sponsor_id=None, by_id=None)
    before = written()
    file.write_text(lines(*ROWS))
    assert run(file, "--dry-run") == {"dry_run": True, "rows": 4, "placed": 3, "unchanged": 1, "faults": []}
    out = io.StringIO()
    call_command("import_genealogy", file, "--dry-run", stdout=out)
    assert out.getvalue() == "4 rows: 3 customers would be placed, 1 stand there already.\n"
    assert (written(), sponsors()) == (before, {"ann": None})


def test_people_are_named_by_email_or_by_id_in_any_spelling(people: Tree, file: Path) -> None:
    ids = {name: str(customer.pk) for name, customer in people.items()}
    file.write_bytes(
        "\ufeff Sponsor ;Note; CUSTOMER\r\n"
        f"{ids['ann'].upper()};below Ann;BOB@Example.com\r\n"
        "\r\n"
        f';"at the top; first";{ids["ann"]}\r\n'
        f' ann@example.com ;"two\nlines";\uff43y@example.com\r\n'
        f"{ids['cy']};;dee@example.com".encode()
    )
    assert run(file)["placed"] == 4
    assert sponsors() == WANTED


def test_a_file_goes_below_those_who_are_placed_already(people: Tree, file: Path) -> None:
    for name, sponsor in (("ann", None), ("cy", "ann")):
        place(people[name].pk, sponsor_id=people[sponsor].pk if sponsor else None, by_id=None)
    file.write_text(lines(("eve", "dee"), ("dee", "cy")))
    assert run(file)["placed"] == 2
    assert sponsors() == {"ann": None, "cy": "ann", "dee": "cy", "eve": "dee"}


FAULTS: dict[str, tuple[str, list[tuple[int, str]]]] = {
    "an unknown customer": (lines(("ann", ""), ("zed", "ann")), [(3, "nobody is called 'zed@example.com'")]),
    "an unknown sponsor": (lines(("ann", ""), ("bob", "zed")), [(3, "nobody is called 'zed@example.com'")]),
    "an unknown id": (
        "customer,sponsor\n00000000-0000-7000-8000-000000000007,\n",
        [(2, "nobody is called '00000000-0000-7000-8000-000000000007'")],
    ),
    "somebody who is staff and no customer": (
        lines(("ann", ""), ("clerk", "ann")),
        [(3, "nobody is called 'clerk@example.com'")],
    ),
    "no customer": ("customer,sponsor\n,ann@example.com\n", [(2, "no customer")]),
    "somebody twice": (
        lines(("ann", ""), ("bob", "ann"), ("bob", "ann")),
        [(4, "'bob@example.com' is in line 3 already")],
    ),
    "somebody below themselves": (lines(("ann", "ann")), [(2, "a circle: 'ann@example.com' below themselves")]),
    "a circle of two": (
        lines(("ann", ""), ("bob", "cy"), ("cy", "bob")),
        [(3, "a circle: lines 3, 4 put each other below themselves")],
    ),
    "a circle with somebody below it": (
        lines(("eve", "dee"), ("ann", ""), ("dee", "cy"), ("cy", "bob"), ("bob", "dee")),
        [(4, "a circle: lines 4, 5, 6 put each other below themselves")],
    ),
    "somebody who is placed elsewhere": (
        lines(("ann", ""), ("old", "ann")),
        [(3, "'old@example.com' is placed elsewhere already")],
    ),
    "a sponsor who is not placed": (
        lines(("ann", ""), ("bob", "eve")),
        [(3, "the sponsor 'eve@example.com' is not placed, nor is a line of this file about them")],
    ),
    "several faults at once, in the order of the file": (
        lines(("zed", ""), ("ann", "yan"), ("bob", "bob"), ("bob", "")),
        [
            (2, "nobody is called 'zed@example.com'"),
            (3, "nobody is called 'yan@example.com'"),
            (4, "a circle: 'bob@example.com' below themselves"),
            (5, "'bob@example.com' is in line 4 already"),
        ],
    ),
    "another file": ("sku,price\nHEAD-1,5\n", [(1, "no column customer")]),
    "a column that is missing": ("customer\nann@example.com\n", [(1, "no column sponsor")]),
    "a field too many": (lines(("ann", "")) + "bob@example.com,ann@example.com,\n", [(3, "3 fields, not 2")]),
    "a NUL": (lines(("ann", "")) + "bob@exa\0mple.com,\n", [(3, "a NUL character")]),
    "nothing": ("", [(1, "no column customer")]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_in_any_line_and_nothing_is_placed(people: Tree, file: Path, name: str) -> None:
    User.objects.create_user("clerk@example.com", is_staff=True)
    place(join("old")["old"].pk, sponsor_id=None, by_id=None)
    content, faults = FAULTS[name]
    file.write_text(content)
    assert run_refused(file) == faults


@pytest.mark.parametrize(
    ("content", "line", "why"),
    [
        (lines(("ann", "")).encode() + b"b\xf6b@example.com,ann@example.com\n", 3, "not UTF-8"),
        (lines(("ann", "")).encode("utf-16"), 1, "not UTF-8"),
        (lines(("ann", "")).encode() + b'"bob@example.com,ann@example.com\nx,y', 3, "unexpected end of data"),
        (lines(("ann", "")).encode() + b"x" * 70_000, 3, "longer than 65536 bytes"),
    ],
)
def test_bytes_that_are_no_table_are_refused_with_their_line(
    people: Tree, file: Path, content: bytes, line: int, why: str
) -> None:
    file.write_bytes(content)
    assert run_refused(file) == [(line, why)]


def test_a_file_that_is_not_there_is_refused(db: None, file: Path) -> None:
    assert run_refused(file) == [(None, "No such file or directory")]


def test_no_more_faults_are_told_than_somebody_can_read(people: Tree, file: Path) -> None:
    file.write_text(lines(*[(f"zed{number}", "") for number in range(50)]))
    assert [line for line, _ in run_refused(file)] == list(range(2, 22))


def test_a_long_circle_is_told_by_some_of_its_lines(db: None, file: Path) -> None:
    names = [f"c{number}" for number in range(60)]
    join(*names)
    file.write_text(lines(*zip(names, [*names[1:], names[0]], strict=True)))
    ((line, why),) = run_refused(file)
    assert line == int(why.removeprefix("a circle: lines ").partition(",")[0])
    assert why.endswith(" and more put each other below themselves")
    assert why.count(",") == 19


def test_a_forest_of_any_shape_comes_out_as_it_was(db: None, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 7)
    chance = random.Random(5)
    names = [f"c{number}" for number in range(120)]
    join(*names)
    wanted = {
        name: None if index < 3 or chance.random() < 0.1 else names[chance.randrange(max(0, index - 4), index)]
        for index, name in enumerate(names)
    }
    rows = [(name, sponsor or "") for name, sponsor in wanted.items()]
    chance.shuffle(rows)
    file.write_text(lines(*rows))
    assert run(file)["placed"] == 120
    assert sponsors() == wanted
    assert not Waiting.objects.exists()


def test_a_chain_is_as_good_as_a_bush(db: None, file: Path) -> None:
    """Deeper than anything that calls itself could follow, and given from its end."""
    names = [f"c{number}" for number in range(3_000)]
    people = join(*names)
    rows = list(zip(names, ["", *names[:-1]], strict=True))
    file.write_text(lines(*reversed(rows)))
    assert run(file)["placed"] == 3_000
    assert tree.is_below(people[names[-1]].pk, people[names[0]].pk)


# --- broken off, and at once ----------------------------------------------------------------------------------------


class Killed(Exception):
    """In a test's place of SIGKILL: what is committed is committed."""


def test_after_a_break_it_goes_on_where_it_stopped(people: Tree, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)

    def killed_at_the_second_batch(items: Iterable[Any], what: str, _total: int | None) -> Iterable[Any]:
        for number, item in enumerate(items):
            if what.startswith("Placing") and number == 1:
                raise Killed
            yield item

    file.write_text(lines(*ROWS))
    with pytest.raises(Killed):
        import_file(file, watch=killed_at_the_second_batch)
    assert len(sponsors()) == 2
    assert sponsors().items() <= WANTED.items()
    assert run(file) == {"dry_run": False, "rows": 4, "placed": 2, "unchanged": 2, "faults": []}
    assert sponsors() == WANTED


def test_whoever_is_placed_elsewhere_meanwhile_ends_it_and_is_named(
    people: Tree, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH", 2)

    def somebody_places_dee(items: Iterable[Any], what: str, _total: int | None) -> Iterable[Any]:
        for number, item in enumerate(items):
            if what.startswith("Placing") and number == 1:
                place(people["dee"].pk, sponsor_id=people["ann"].pk, by_id=None)
            yield item

    file.write_text(lines(*ROWS))
    with pytest.raises(BadGenealogy) as refusal:
        import_file(file, watch=somebody_places_dee)
    assert [(fault.line, fault.why) for fault in refusal.value.faults] == [
        (2, "the customer was placed elsewhere meanwhile")
    ]
    # The batch before stays, as the file wanted it; of this one nothing does.
    assert (refusal.value.placed, sponsors()) == (2, {"ann": None, "bob": "ann", "dee": "ann"})


def test_whoever_is_placed_as_the_file_wants_meanwhile_is_no_fault(people: Tree, file: Path) -> None:
    def somebody_places_bob(items: Iterable[Any], what: str, _total: int | None) -> Iterable[Any]:
        if what.startswith("Placing"):
            place(people["ann"].pk, sponsor_id=None, by_id=None)
            place(people["bob"].pk, sponsor_id=people["ann"].pk, by_id=None)
        yield from items

    file.write_text(lines(*ROWS))
    counts = import_file(file, watch=somebody_places_bob)
    assert (counts.placed, counts.unchanged, sponsors()) == (2, 2, WANTED)


def test_twice_at_once_is_once(db: None, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "BATCH", 3)
    names = [f"c{number}" for number in range(60)]
    join(*names)
    wanted = {name: names[index // 2 - 1] if index > 1 else None for index, name in enumerate(names)}
    rows = [(name, sponsor or "") for name, sponsor in wanted.items()]
    file.write_text(lines(*reversed(rows)))
    with no_deadlocks():
        counts = together([lambda: import_file(file)] * 3)
    assert sum(one.placed for one in counts) == 60
    assert sponsors() == wanted


def test_nothing_is_left_behind(people: Tree, file: Path) -> None:
    file.write_text(lines(*ROWS))
    run(file)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relname ~ '(told|known|next)_'")
        assert cursor.fetchone()[0] == 0
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone()[0] == "15s"
