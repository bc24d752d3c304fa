"""Asking the genealogy. Reads only, without locks: each answer is of one moment.

A placement knows its sponsor alone, so whether somebody stands below somebody is found by walking up: one look-up by
key for each level, whatever the size of the tree.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from customers.models import Customer, Placement, User, Waiting, normalised_email
from kit.ids import parse_id

MOST_SHOWN = 100
"""How many of those above, and how many of those found by a search, are told at once."""
_SHORTEST_PREFIX = 3

_UP = """
WITH RECURSIVE up (sponsor_id) AS (
    SELECT sponsor_id FROM customers_placement WHERE customer_id = %(customer)s
    UNION ALL
    SELECT p.sponsor_id FROM up JOIN customers_placement p ON p.customer_id = up.sponsor_id
)
"""
# The walk ends at the first that is meant: rows of the recursion are made as they are asked for.
IS_BELOW = f"SELECT EXISTS (SELECT FROM ({_UP} SELECT sponsor_id FROM up) above WHERE sponsor_id = %(above)s)"  # noqa: S608
_PATH = """
WITH RECURSIVE up (customer_id, sponsor_id, distance) AS (
    SELECT customer_id, sponsor_id, 0 FROM customers_placement WHERE customer_id = %(customer)s
    UNION ALL
    SELECT p.customer_id, p.sponsor_id, up.distance + 1
    FROM up JOIN customers_placement p ON p.customer_id = up.sponsor_id WHERE up.distance < %(most)s
)
SELECT up.customer_id, c.first_name, c.last_name, u.email, -up.distance FROM up
JOIN customers_customer c ON c.id = up.customer_id JOIN customers_user u ON u.id = c.user_id
WHERE up.distance > 0 ORDER BY up.distance
"""
_BELOW = """
SELECT b.customer_id, c.first_name, c.last_name, u.email, b.level
FROM customers_below(%(top)s, %(after)s, %(most)s) WITH ORDINALITY AS b (customer_id, level, position)
JOIN customers_customer c ON c.id = b.customer_id JOIN customers_user u ON u.id = c.user_id
ORDER BY b.position
"""

_BRANCH = """
SELECT p.customer_id, c.first_name, c.last_name, u.email, 1,
       EXISTS (SELECT FROM customers_placement deeper WHERE deeper.sponsor_id = p.customer_id)
FROM customers_placement p JOIN customers_customer c ON c.id = p.customer_id JOIN customers_user u ON u.id = c.user_id
WHERE p.sponsor_id {sponsor} AND p.customer_id > %(after)s ORDER BY p.customer_id LIMIT %(most)s
"""
_FIRST = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the tree; `level` counts from whom was asked about: below zero above them, above zero below them.

    Whether they have anybody below is told by `branch` alone.
    """

    customer_id: uuid.UUID
    first_name: str
    last_name: str
    email: str
    level: int
    is_sponsor: bool = False

    @property
    def name(self) -> str:
        """What they call themselves; may be empty."""
        return f"{self.first_name} {self.last_name}".strip()


def is_placed(customer_id: uuid.UUID) -> bool:
    """Whether the customer has a place."""
    return Placement.objects.filter(pk=customer_id).exists()


def is_below(customer_id: uuid.UUID, above_id: uuid.UUID) -> bool:
    """Whether the one stands below the other, on whatever level. Nobody stands below themselves."""
    with connection.cursor() as cursor:
        cursor.execute(IS_BELOW, {"customer": customer_id, "above": above_id})
        return bool(cursor.fetchone()[0])


def path_to_root(customer_id: uuid.UUID, *, most: int = MOST_SHOWN) -> list[Person]:
    """Those above somebody, the sponsor first and the top last, at most so many. Nobody above who is not placed."""
    return _people(_PATH, {"customer": customer_id, "most": most})


def below(top_id: uuid.UUID, *, after: uuid.UUID | None = None, most: int) -> list[Person]:
    """A page of everybody below somebody: a sponsor before those below them, and these by id.

    `after` is the last of the page before. Nobody, if that one does not stand below `top_id` any more.
    """
    return _people(_BELOW, {"top": top_id, "after": after, "most": most})


def branch(sponsor_id: uuid.UUID | None, *, after: uuid.UUID | None = None, most: int) -> list[Person]:
    """A page of those right below a sponsor, or at the top, by id; `after` is the last of the page before."""
    sponsor = "IS NULL" if sponsor_id is None else "= %(sponsor)s"
    values = {"sponsor": sponsor_id, "after": after or _FIRST, "most": most}
    return _people(_BRANCH.format(sponsor=sponsor), values)


def children(sponsor_id: uuid.UUID) -> QuerySet[Placement]:
    """Those right below a sponsor, each with its customer."""
    return Placement.objects.filter(sponsor=sponsor_id).select_related("customer")


def waiting() -> QuerySet[Waiting]:
    """Those who are not placed yet, the newest customer first, each with its customer and account."""
    return Waiting.objects.select_related("customer__user", "customer__placement").order_by("-pk")


def find_people(text: str) -> QuerySet[Customer]:
    """Customers by id, by e-mail or by its beginning, placed or not; at most MOST_SHOWN."""
    term = text.strip()
    people = Customer.objects.select_related("user", "placement").order_by("user__email")
    identifier = parse_id(term)
    if identifier is not None:
        return people.filter(pk=identifier)
    email = normalised_email(term)
    if not email or "\0" in email:
        return people.none()
    named: dict[str, Any] = {"email": email} if len(email) < _SHORTEST_PREFIX else {"email__startswith": email}
    # The accounts first: joined at once, the customers might be read whole.
    users = User.objects.filter(**named, customer__isnull=False).order_by("email").values_list("pk", flat=True)
    return people.filter(user__in=list(users[:MOST_SHOWN]))


def _people(statement: str, values: dict[str, Any]) -> list[Person]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Person(*row) for row in cursor.fetchall()]
