"""Reading what a gateway answered: a value of another type than documented is noticed here, not in our books."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from payments.gateways.base import GatewayError, OutcomeUnknown, Reason


def read[Result](parse: Callable[[], Result]) -> Result:
    """What `parse` makes of an answer; whatever it trips over is an answer that cannot be used."""
    try:
        return parse()
    except GatewayError:
        raise
    except Exception:
        raise OutcomeUnknown(Reason.UNREADABLE) from None


def name(value: object) -> str:
    """An id or a word: text, and not empty. TypeError otherwise."""
    if not isinstance(value, str) or not value:
        raise TypeError("not a name")
    return value


def minor(value: object) -> int:
    """An amount: a whole number that is not below zero. TypeError otherwise."""
    if type(value) is not int or value < 0:
        raise TypeError("not an amount")
    return value


def signed(value: object) -> int:
    """An amount that may be below zero: a whole number. TypeError otherwise."""
    if type(value) is not int:
        raise TypeError("not an amount")
    return value


def instant(value: object) -> datetime:
    """A time in Unix seconds. TypeError otherwise."""
    if type(value) is not int:
        raise TypeError("not a time")
    return datetime.fromtimestamp(value, UTC)


def first_second(moment: datetime) -> int:
    """The first whole Unix second that is not before a moment. Gateways date things by the second: what they made at or
    after `since` and before `until` has a second from the first of `since` up to, without it, the first of `until`."""
    return math.ceil(moment.timestamp())


def text(value: object) -> str:
    """Text that may be missing. TypeError for anything else."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def things(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The items of a list that a gateway answers. KeyError or TypeError for anything else."""
    items = answer["items"]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TypeError("not a list")
    return items


def the_one[Entity: Any](entity: Entity, name: str) -> Entity:
    """What was asked for by its id. TypeError for something else."""
    if entity["id"] != name:
        raise TypeError("another one")
    return entity
