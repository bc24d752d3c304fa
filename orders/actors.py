"""Who does something to an order."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from orders.models import ActorKind


@dataclass(frozen=True, slots=True)
class Actor:
    """The kind of actor and, for people, who exactly. Every line of an order's history names one."""

    kind: ActorKind
    user_id: uuid.UUID | None = None


SYSTEM = Actor(ActorKind.SYSTEM)
GATEWAY = Actor(ActorKind.GATEWAY)


def customer(user_id: uuid.UUID) -> Actor:
    """The customer with this account."""
    return Actor(ActorKind.CUSTOMER, user_id)


def staff(user_id: uuid.UUID) -> Actor:
    """The member of staff with this account."""
    return Actor(ActorKind.STAFF, user_id)
