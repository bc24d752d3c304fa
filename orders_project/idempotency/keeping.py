"""Idempotency-Key: the first answer to a key is kept and given again, byte for byte; nothing is done twice.

The same key with another request is refused, and so is one whose first request is still being worked on. What an act
answers is kept, whatever its status; what it refuses by raising NothingDone is not, and its key is free again. A
request that was cut off half-way, or broke, is taken up again by its retry, under the same id, by which the core finds
what it had already done.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from kit import clock
from kit.crashpoints import Seam, crashpoint
from kit.ids import new_id
from orders_project.idempotency.models import KeptAnswer

# Longer than any request may take: two gateway calls at their limits, and the database's own.
ABANDONED_AFTER = timedelta(seconds=45)
MAX_KEY_LENGTH = 255
_KEPT_HEADERS = ("Content-Type", "Location")


class BadKey(Exception):
    """The header is empty, too long or not printable ASCII."""


class KeyReused(Exception):
    """The key was used by this caller for another request."""


class StillWorking(Exception):
    """The first request with this key is still being worked on."""


class NothingDone(Exception):
    """Raised by an act instead of returning: `response` refuses the request, and a repeated one is looked at anew.

    For what was refused before it was begun, for 409, 429 and 503, and for whatever may be asked again under its key.
    """

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do a request. `key` is None without the header; `resumed` when an earlier try was cut off."""

    key: uuid.UUID | None
    resumed: bool = False


# Claimed without waiting for the disk: what the request commits later is flushed after the claim, never without it.
_CLAIM = """
WITH lazily AS (SELECT set_config('synchronous_commit', 'off', true))
INSERT INTO idempotency_keptanswer (id, principal, key, fingerprint, locked_at, created_at, headers, body)
SELECT %s, %s, %s, %s, %s::timestamptz, %s::timestamptz, '{}'::jsonb, ''::bytea FROM lazily
ON CONFLICT (principal, key) DO NOTHING
"""
# Kept without waiting for the disk: an answer that a crash of the database takes away is made again by the retry.
_FINISH = """
WITH lazily AS (SELECT set_config('synchronous_commit', 'off', true))
UPDATE idempotency_keptanswer SET status = %s, headers = %s, body = %s FROM lazily WHERE id = %s AND locked_at = %s
"""


def once(request: HttpRequest, *, principal: str, act: Callable[[Claim], HttpResponse]) -> HttpResponse:
    """The answer of `act`, or the kept one if this caller has sent this request under this key before.

    Raises BadKey, KeyReused and StillWorking, which every dialect words for itself. Without the header `act` simply
    runs. Two statements beside those of `act`.
    """
    key = request.headers.get("Idempotency-Key")
    if key is None:
        try:
            return act(Claim(None))
        except NothingDone as refusal:
            return refusal.response
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isascii() or not key.isprintable():
        raise BadKey
    fingerprint = _fingerprint(request)
    kept = _claim(principal, key, fingerprint)
    if kept.status is not None:
        return _again(kept)
    try:
        response = act(Claim(kept.pk, resumed=kept.created_at != kept.locked_at))
        crashpoint(Seam.ANSWER_DUE)
    except NothingDone as refusal:
        _mine(kept).delete()
        return refusal.response
    except BaseException:
        # Nobody knows how far it got: the retry takes it up at once instead of waiting for the lock to grow old.
        _abandon(kept)
        raise
    _finish(kept, response)
    crashpoint(Seam.ANSWER_KEPT)
    return response


def forget_old() -> int:
    """Delete what is older than it has to be kept; returns how many."""
    return KeptAnswer.objects.filter(created_at__lt=clock.now() - settings.IDEMPOTENCY_KEPT).delete()[0]


def _again(kept: KeptAnswer) -> HttpResponse:
    response = HttpResponse(bytes(kept.body), status=kept.status, headers=kept.headers)
    if "Content-Type" not in kept.headers:
        # Django adds one of its own, which the first answer did not have.
        del response["Content-Type"]
    return response


def _fingerprint(request: HttpRequest) -> bytes:
    what = f"{request.method} {request.path.rstrip('/')}?{request.META.get('QUERY_STRING', '')}\n".encode()
    return hashlib.sha256(what + request.body).digest()


def _claim(principal: str, key: str, fingerprint: bytes) -> KeptAnswer:
    """A row of ours to answer under, or the kept answer of an earlier one."""
    now = clock.now()
    mine = KeptAnswer(
        id=new_id(), principal=principal, key=key, fingerprint=fingerprint, locked_at=now, created_at=now, status=None
    )
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, [mine.pk, principal, key, fingerprint, now, now])
            if cursor.rowcount == 1:
                return mine
        kept = KeptAnswer.objects.filter(principal=principal, key=key).first()
        if kept is None:
            continue
        if kept.created_at < now - settings.IDEMPOTENCY_KEPT:
            _mine(kept).delete()
            continue
        return _take_up(kept, fingerprint)


def _take_up(kept: KeptAnswer, fingerprint: bytes) -> KeptAnswer:
    if bytes(kept.fingerprint) != fingerprint:
        raise KeyReused
    if kept.status is not None:
        return kept
    now = clock.now()
    if kept.locked_at > now - ABANDONED_AFTER or not _mine(kept).update(locked_at=now):
        raise StillWorking
    kept.locked_at = now
    return kept


def _mine(kept: KeptAnswer) -> QuerySet[KeptAnswer]:
    """The row as long as nobody has taken it over."""
    return KeptAnswer.objects.filter(pk=kept.pk, locked_at=kept.locked_at)


def _abandon(kept: KeptAnswer) -> None:
    _mine(kept).update(locked_at=clock.now() - 2 * ABANDONED_AFTER)


def _finish(kept: KeptAnswer, response: HttpResponse) -> None:
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    with connection.cursor() as cursor:
        cursor.execute(_FINISH, [response.status_code, json.dumps(headers), response.content, kept.pk, kept.locked_at])
