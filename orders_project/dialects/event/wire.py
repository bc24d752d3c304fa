"""Entries and their payment orders as event sites read them. Pure but for the rows that come along."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any

from catalog.models import Event
from customers.models import EventProfile, User
from kit import strict_json
from orders.entering import PayableEntry
from payments.models import AttemptState, PaymentRequest

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
# The one role that whoever enters an event has, by the id that a site may know it by.
_ENTRANT = uuid.uuid5(uuid.NAMESPACE_URL, "quittance:role:entrant").hex


def profile_id(text: str) -> uuid.UUID | None:
    """The id in the spelling of this interface, else None: a receipt of 40 characters has no room for hyphens."""
    return uuid.UUID(text) if _ID.fullmatch(text) else None


def receipt(profile: EventProfile) -> str:
    """The receipt of an entry's payment order."""
    return f"orderID_{profile.pk.hex}"


def answer(profile: EventProfile, payable: PayableEntry) -> bytes:
    """The profile with its event and user, and the payment order."""
    return strict_json.dumps({"profile": _profile(profile), "order": _order(profile, payable.request)})


def _profile(profile: EventProfile) -> dict[str, Any]:
    return {
        "_id": profile.pk.hex,
        "name": profile.name,
        "description": profile.description,
        "createdAt": _instant(profile.created_at),
        "updatedAt": _instant(profile.updated_at),
        "__v": 0,
        "event": _event(profile.event),
        "user": _user(profile.customer.user),
        "isLive": profile.live,
        "updated_by": _user(profile.updated_by or profile.customer.user),
        "id": profile.pk.hex,
    }


def _event(event: Event) -> dict[str, Any]:
    price = event.variant.price
    return {
        "settings": {"amount": price.minor, "currency": price.currency},
        "_id": event.pk.hex,
        "createdAt": _instant(event.created_at),
        "updatedAt": _instant(event.updated_at),
        "__v": 0,
        "created_by": event.created_by.hex if event.created_by else None,
        "updated_by": event.updated_by.hex if event.updated_by else None,
        "name": event.name,
        "slug": event.slug,
        "id": event.pk.hex,
    }


def _user(user: User) -> dict[str, Any]:
    customer = getattr(user, "customer", None)
    name = f"{customer.first_name} {customer.last_name}".strip() if customer else ""
    return {
        "confirmed": True,
        "blocked": not user.is_active,
        "_id": user.pk.hex,
        "fullname": name,
        "username": user.email.partition("@")[0],
        "email": user.email,
        "provider": "local",
        "createdAt": _instant(user.created_at),
        "updatedAt": _instant(user.last_login or user.created_at),
        "__v": 0,
        "role": _ENTRANT,
        "id": user.pk.hex,
    }


def _order(profile: EventProfile, request: PaymentRequest) -> dict[str, Any]:
    """As Razorpay has it; every try to pay that we have heard of counts."""
    attempts = list(request.attempts.all())
    paid = sum(attempt.captured_minor for attempt in attempts if attempt.state == AttemptState.CAPTURED)
    return {
        "id": request.gateway_reference,
        "entity": "order",
        "amount": request.amount_minor,
        "amount_paid": paid,
        "amount_due": request.amount_minor - paid,
        "currency": request.currency,
        "receipt": receipt(profile),
        "offer_id": None,
        "status": "attempted" if attempts else "created",
        "attempts": len(attempts),
        "notes": [],
        "created_at": int(request.created_at.timestamp()),
    }


def _instant(instant: datetime) -> str:
    """2020-08-14T05:20:18.624Z"""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
