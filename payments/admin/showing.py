"""How states look, where the subject of a payment is shown, and a received body without the secrets in it."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from kit.secrets import MASK, SECRET_NAMES, scrub
from payments.models import OwedTo

REQUEST_TONES: Mapping[str, str] = {
    "initiated": "info",
    "unknown": "warning",
    "open": "warning",
    "paid": "success",
    "closed": "success",
    "cancelled": "danger",
    "refused": "danger",
}
ATTEMPT_TONES: Mapping[str, str] = {
    "started": "info",
    "failed": "danger",
    "authorized": "warning",
    "cancelled": "danger",
    "captured": "success",
}
REFUND_TONES: Mapping[str, str] = {
    "requested": "warning",
    "approved": "warning",
    "unknown": "warning",
    "sent": "info",
    "succeeded": "success",
    "failed": "danger",
}
DISPUTE_TONES: Mapping[str, str] = {
    "needs_response": "danger",
    "under_review": "warning",
    "won": "success",
    "lost": "default",
}
EVENT_TONES: Mapping[str, str] = {"received": "info", "worked": "success", "orphaned": "warning", "failed": "danger"}

# The page of what a payment is for. It belongs to an app above, where that is known; hence by name.
SUBJECT_PAGES: Mapping[str, str] = {
    OwedTo.RECEIVABLE.value: "admin:orders_order_change",
    OwedTo.MERCHANT_FUNDS.value: "admin:merchants_merchantorder_change",
}

_LONGEST_BODY = 64 * 1024


def subject_link(subject_id: uuid.UUID, text: str = "", *, owed_to: str = OwedTo.RECEIVABLE) -> str:
    """A link to what the money is for; its bare id where no app shows it."""
    try:
        address = reverse(SUBJECT_PAGES[owed_to], args=[subject_id])
    except NoReverseMatch:
        return str(subject_id)
    return format_html(
        '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', address, text or subject_id
    )


def readable(body: bytes) -> str:
    """A body as indented JSON, or as text if it is none. Secrets are cut out of it, and what is endless is cut."""
    text = body[:_LONGEST_BODY].decode(errors="replace")
    with contextlib.suppress(ValueError, RecursionError):
        text = json.dumps(_without_secrets(json.loads(text)), indent=2, ensure_ascii=False)
    return scrub(text)


def _without_secrets(value: Any) -> Any:
    match value:
        case dict():
            return {
                key: MASK if key.lower() in SECRET_NAMES and isinstance(part, str) else _without_secrets(part)
                for key, part in value.items()
            }
        case list():
            return [_without_secrets(part) for part in value]
    return value
