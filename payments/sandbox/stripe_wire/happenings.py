"""Stripe's events, made from the objects as they are at this moment."""

from __future__ import annotations

from typing import Any

from payments.sandbox.events import Happening, Mode, record
from payments.sandbox.instants import unix_now
from payments.sandbox.models import Gateway
from payments.sandbox.names import stripe_id
from payments.sandbox.stripe_wire.objects import API_VERSION


def announce(
    *happenings: tuple[str, dict[str, Any]],
    mode: Mode = Mode.NORMAL,
    request_id: str | None = None,
    idempotency_key: str | None = None,
) -> None:
    """Record events of one act, each a type and the object's snapshot; the call that caused them is named in them."""
    request = {"id": request_id, "idempotency_key": idempotency_key}
    record(Gateway.STRIPE, [_event(type_, snapshot, request) for type_, snapshot in happenings], mode)


def _event(type_: str, snapshot: dict[str, Any], request: dict[str, str | None]) -> Happening:
    public_id, now = stripe_id("evt"), unix_now()
    document = {
        "id": public_id,
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": {"object": snapshot},
        "livemode": False,
        "pending_webhooks": 1,
        "request": request,
        "type": type_,
    }
    return Happening(public_id, type_, document, now)
