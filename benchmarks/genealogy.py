"""How long the database takes over a genealogy of many people, fifty levels deep: who stands below whom, everybody
below somebody page by page, and a move.

Run as `python -m benchmarks.genealogy PEOPLE` in the environment of the servers, because it needs Django; fills the
tree, measures and prints the figures as JSON. The tree's guards are put aside for the filling alone: what is written is
whole, and `check_books` judges it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.figures import percentile, ratio
from benchmarks.placing import WrongAnswer
from benchmarks.system import System

PEOPLE = 1_000_000
FEW = 50_000
DEPTH = 50
# Asked about, of those on the lowest level.
_ASKED = 1_000
_PAGES = 200
_PAGE = 50
_MOVES = 50

# As many people on each level. Everybody's sponsor is somebody of the level above, chosen by a hash: some have many
# below them, and most have few.
_FILL = """
CREATE TEMPORARY TABLE told AS
SELECT n, n / {width} AS level,
       (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-' || substr(md5(n::text), 1, 12))::uuid AS id
FROM generate_series(0, {people} - 1) n;
CREATE INDEX ON told (n);
INSERT INTO customers_user (id, password, is_superuser, email, is_active, is_staff, token_version, created_at)
SELECT id, '!', false, 'member' || n || '@example.com', true, false, 0, now() FROM told;
INSERT INTO customers_customer (id, user_id, first_name, last_name, phone, created_at)
SELECT id, id, 'Ada', 'Number ' || n, '', now() FROM told;
INSERT INTO customers_placement (customer_id, sponsor_id)
SELECT t.id, s.id FROM told t
LEFT JOIN told s ON t.level > 0 AND s.n = (t.level - 1) * {width} + abs(hashint4(t.n)) % {width};
"""
_DEEPEST = """
SELECT customer_id FROM customers_placement p JOIN customers_user u ON u.id = p.customer_id
WHERE u.email IN (SELECT 'member' || n || '@example.com' FROM generate_series({first}, {last}) n)
"""
_LOOK_UP = "SELECT sponsor_id FROM customers_placement WHERE customer_id = %(customer)s"
_BELOW = "SELECT * FROM customers_below(%(top)s, %(after)s, %(most)s)"


@dataclass(frozen=True)
class Genealogy:
    """What the database takes for a statement that is prepared, in milliseconds; for a move, what the act takes."""

    people: int
    depth: int
    is_below_p50_ms: float
    is_below_p99_ms: float
    is_not_below_p50_ms: float
    look_up_p50_ms: float
    page_below_p50_ms: float
    move_p50_ms: float
    # Whether somebody stands below somebody fifty levels up, to one look-up of a row by its key.
    ratio: float | None


def measure(system: System, people: int) -> Genealogy:
    """Fills the running system's database and measures. Raises WrongAnswer."""
    done = subprocess.run(
        (sys.executable, "-m", "benchmarks.genealogy", str(people)),
        env=dict(system.programs.settings),
        cwd=system.programs.checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WrongAnswer(f"The genealogy could not be asked:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return Genealogy(**json.loads(done.stdout))


def fill(people: int) -> None:
    """The people are in the database, committed and analyzed."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET session_replication_role = replica")
        for statement in _FILL.format(people=people, width=people // DEPTH).split(";"):
            if statement.strip():
                cursor.execute(statement)
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM ANALYZE customers_user, customers_customer, customers_placement")


def ask(people: int) -> Genealogy:
    """The figures. Raises WrongAnswer where the tree is not as it was filled."""
    from customers.genealogy import tree

    deepest = _ids(_DEEPEST.format(first=people - _ASKED, last=people - 1))
    tops = {customer: path[-1].customer_id for customer in deepest if (path := tree.path_to_root(customer))}
    beside = dict(zip(deepest, [*list(tops.values())[1:], tops[deepest[0]]], strict=True))
    is_below = _Question("is_below", tree.IS_BELOW, customer="uuid", above="uuid")
    look_up = _Question("look_up", _LOOK_UP, customer="uuid")
    page_below = _Question("page_below", _BELOW, top="uuid", after="uuid", most="int")
    yes = [is_below.taken(one, top) for one, top in tops.items()]
    no = [is_below.taken(one, one) for one in deepest]
    if not all(tree.is_below(one, top) for one, top in tops.items()) or len(tree.path_to_root(deepest[0])) != DEPTH - 1:
        raise WrongAnswer("the lowest level does not stand below the top")
    look_ups = [look_up.taken(one) for one in deepest]
    sponsors = {one: tree.path_to_root(one, most=1)[0].customer_id for one in deepest[:_PAGES]}
    pages = [page_below.taken(tops[one], sponsor, _PAGE) for one, sponsor in sponsors.items()]
    return Genealogy(
        people=people,
        depth=DEPTH,
        is_below_p50_ms=percentile(yes, 50),
        is_below_p99_ms=percentile(yes, 99),
        is_not_below_p50_ms=percentile(no, 50),
        look_up_p50_ms=percentile(look_ups, 50),
        page_below_p50_ms=percentile(pages, 50),
        move_p50_ms=percentile(_moves(tops, beside), 50),
        ratio=ratio(percentile(yes, 50), percentile(look_ups, 50)),
    )


def _moves(tops: dict[Any, Any], beside: dict[Any, Any]) -> Sequence[float]:
    """A whole tree comes below somebody on the lowest level of another, and back, by the act that staff use."""
    from customers.genealogy.placing import move
    from customers.genealogy.tree import is_below
    from customers.models import User

    by = User.objects.create_user("mover@example.com", is_staff=True)
    taken = []
    for one, top in list(tops.items())[:_MOVES]:
        whole = beside[one]
        if whole == top or is_below(one, whole):
            continue
        begun = time.perf_counter()
        move(whole, sponsor_id=one, reason="Benchmark", by_id=by.pk)
        taken.append((time.perf_counter() - begun) * 1_000)
        move(whole, sponsor_id=None, reason="Benchmark", by_id=by.pk)
    return taken


def _ids(query: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query)
        return [row[0] for row in cursor.fetchall()]


class _Question:
    """A statement as the application asks it: prepared, and planned once."""

    def __init__(self, name: str, statement: str, **types: str) -> None:
        self._name, self._types = name, types
        numbered = statement % {name: f"${number}" for number, name in enumerate(types, start=1)}
        self._execute(f"PREPARE {name} ({', '.join(types.values())}) AS {numbered}")

    def taken(self, *values: Any) -> float:
        """What the database says that it took, in milliseconds."""
        asked = ", ".join(f"'{value}'" for value in values)
        ((plan,),) = self._execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) EXECUTE {self._name} ({asked})")
        return float(plan[0]["Planning Time"] + plan[0]["Execution Time"])

    def _execute(self, statement: str) -> list[Any]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def main(arguments: Sequence[str]) -> int:
    """Fills, measures and prints."""
    import django

    django.setup()
    people = int(arguments[0])
    fill(people)
    json.dump(asdict(ask(people)), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
