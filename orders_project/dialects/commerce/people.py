"""Whom somebody orders for: themselves, anybody below them in the genealogy, and for staff anybody."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from customers.authentication import Caller
from customers.genealogy import tree
from customers.models import Customer, User
from kit.ids import parse_id
from orders import actors
from orders.actors import Actor

_SEE_ORDERS = "orders.view_order"


@dataclass(frozen=True, slots=True)
class Person:
    """The customer that an order is for."""

    customer_id: uuid.UUID
    tax_number: str


def find_person(uid: str, caller: Caller) -> Person | None:
    """The customer with that id, if the caller may order for them; whoever may not is told no more than who made the
    id up."""
    wanted = parse_id(uid)
    if wanted is None:
        return None
    if wanted == caller.customer_id:
        return Person(wanted, caller.tax_number)
    if not sees_all(caller) and not (caller.customer_id and tree.is_below(wanted, caller.customer_id)):
        return None
    numbers = Customer.objects.filter(pk=wanted).values_list("tax_number", flat=True)
    return next((Person(wanted, number) for number in numbers), None)


def sees_all(caller: Caller) -> bool:
    """Whether the caller is a member of staff who may see everybody's orders."""
    if not caller.is_staff:
        return False
    return User.objects.get(pk=caller.user_id).has_perm(_SEE_ORDERS)


def actor_for(person: Person, caller: Caller) -> Actor:
    """As who the caller orders: a sponsor is a customer, too; staff are staff unless it is for themselves."""
    if caller.is_staff and person.customer_id != caller.customer_id:
        return actors.staff(caller.user_id)
    return actors.customer(caller.user_id)
