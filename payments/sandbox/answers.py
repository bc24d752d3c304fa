"""Idempotency keys: the first answer is kept, and given again to every later call with the key.

A lock on the key is taken without waiting and held to the end of the transaction in which the act, its events and the
answer are stored together: whoever finds it taken came while the first call was in flight.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction

from payments.sandbox.instants import unix_now
from payments.sandbox.models import StoredAnswer


class KeyInUse(Exception):
    """Another call with the same key is being worked on."""


class KeyReused(Exception):
    """The key was used before, for another call."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer on its way out."""

    status: int
    body: dict[str, Any]
    request_id: str = ""
    # False for what is refused before the work began: the key stays unused.
    kept: bool = True
    # Set when it is an earlier call's answer: the id of that call.
    original_request: str = ""


def once(gateway: str, key: str, fingerprint: str, work: Callable[[], Reply]) -> Reply:
    """The work's reply, or the one stored under the key. The work runs in a transaction with the storing of its reply.

    Raises KeyInUse and KeyReused.
    """
    with transaction.atomic(using="sandbox"):
        if not _try_lock(f"{gateway} {key}"):
            raise KeyInUse
        stored = StoredAnswer.objects.filter(gateway=gateway, key=key).first()
        if stored is not None:
            if stored.fingerprint != fingerprint:
                raise KeyReused
            return Reply(stored.status, json.loads(stored.body), stored.request_id, original_request=stored.request_id)
        reply = work()
        if reply.kept:
            StoredAnswer.objects.create(
                gateway=gateway,
                key=key,
                fingerprint=fingerprint,
                status=reply.status,
                body=json.dumps(reply.body),
                request_id=reply.request_id,
                created=unix_now(),
            )
        return reply


def fingerprint(path: str, params: Any) -> str:
    """Tells one call from another: SHA-256 of its path and parameters, whatever their order."""
    return hashlib.sha256(json.dumps([path, params], sort_keys=True, default=str).encode()).hexdigest()


def _try_lock(text: str) -> bool:
    with connections["sandbox"].cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [text])
        return bool(cursor.fetchone()[0])
