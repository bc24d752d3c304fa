"""Razorpay's events, made from the entities as they are at this moment."""

from __future__ import annotations

from typing import Any

from payments.sandbox.events import Happening, Mode, record
from payments.sandbox.instants import unix_now
from payments.sandbox.models import Gateway
from payments.sandbox.names import razorpay_id

ACCOUNT_ID = "acc_SandboxAccount"


def announce(*happenings: tuple[str, dict[str, dict[str, Any]]], mode: Mode = Mode.NORMAL) -> None:
    """Record events of one act, each a type and the entities it shows, by name: {"payment": ..., "order": ...}."""
    record(Gateway.RAZORPAY, [_event(type_, entities) for type_, entities in happenings], mode)


def _event(type_: str, entities: dict[str, dict[str, Any]]) -> Happening:
    now = unix_now()
    document = {
        "entity": "event",
        "account_id": ACCOUNT_ID,
        "event": type_,
        "contains": list(entities),
        "payload": {name: {"entity": entity} for name, entity in entities.items()},
        "created_at": now,
    }
    return Happening(razorpay_id("evt"), type_, document, now)
