"""Keys of integrations: issued, revoked; and which integration is calling with one.

A key is returned once, by the act that makes it. Whoever calls is told by one statement, which also counts the call and
notes when the key was last used, at most once a minute. Takes no locks but those of that statement.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from django.conf import settings
from django.db import connection

from customers import throttling
from customers.integrations.models import Integration, Scope
from customers.models import User
from customers.throttling import Limit
from kit import clock
from kit.errors import DomainError, Fault

FAILURES_PER_ADDRESS = 300
"""Keys that do not count, from one address in a window of `throttling.WINDOW_S`; then 429. A good key always counts."""
_BEGINS = "qk_"
_SHOWN = 9
_RANDOM_BYTES = 32
_LONGEST = 100
# More digits than any amount that can be asked about has: nothing is rounded.
_PRECISION = 80

_CALLER = """
WITH known AS (
    SELECT id, scopes, max_discount_percent, last_used_at FROM integrations_integration
    WHERE key_digest = %(digest)s AND revoked_at IS NULL
), counted AS (
    INSERT INTO integrations_integrationuse AS use (integration_id, second, calls)
    SELECT id, %(second)s::bigint, 1 FROM known
    ON CONFLICT (integration_id) DO UPDATE SET second = greatest(use.second, excluded.second),
        calls = CASE WHEN use.second >= excluded.second THEN use.calls + 1 ELSE 1 END
    RETURNING calls
), noted AS (
    UPDATE integrations_integration i SET last_used_at = %(now)s::timestamptz FROM known
    WHERE i.id = known.id
      AND (known.last_used_at IS NULL OR known.last_used_at < %(now)s::timestamptz - interval '1 minute')
)
SELECT known.id, known.scopes, known.max_discount_percent, counted.calls FROM known CROSS JOIN counted
"""


@dataclass(frozen=True, slots=True)
class CallingIntegration:
    """Which integration called, and what it may do."""

    id: uuid.UUID
    scopes: frozenset[str]
    max_discount_percent: Decimal

    def may(self, scope: Scope) -> bool:
        """Whether it may do that."""
        return scope.value in self.scopes

    def may_discount(self, discount: Decimal, price: Decimal) -> bool:
        """Whether it may take so much off something of that price. Nothing is never too much."""
        if not discount:
            return True
        if not self.may(Scope.DISCOUNT) or discount < 0:
            return False
        with localcontext(prec=_PRECISION):
            return discount * 100 <= price * self.max_discount_percent


class UnknownKey(DomainError):
    """No key, one that nobody has, or one that was revoked."""

    def __init__(self) -> None:
        super().__init__([Fault("unknown_key")])


class TooManyCalls(DomainError):
    """More calls with one key within a second than are allowed. Nothing was done."""

    def __init__(self) -> None:
        super().__init__([Fault("too_many_calls", {"retry_after_s": 1})])


def caller_of(key: str | None, address: str) -> CallingIntegration:
    """Whose key this is. One statement for a key that counts. `address` is the client's, for counting failures.

    Raises UnknownKey, TooManyCalls, and TooManyFailures for an address from which bad keys keep coming.
    """
    now = clock.now()
    row = None
    if key and len(key) <= _LONGEST and key.isascii():
        values: dict[str, Any] = {"digest": digest(key), "now": now, "second": int(now.timestamp())}
        with connection.cursor() as cursor:
            cursor.execute(_CALLER, values)
            row = cursor.fetchone()
    if row is None:
        limits = [Limit("integration.address", throttling.network_of(address), FAILURES_PER_ADDRESS)]
        throttling.refuse_when_exhausted(limits)
        throttling.count_failure(limits)
        raise UnknownKey
    integration_id, scopes, percent, calls = row
    if calls > settings.INTEGRATION_CALLS_PER_SECOND:
        raise TooManyCalls
    return CallingIntegration(integration_id, frozenset(scopes), percent)


def admit(integration: Integration, *, by: User | None = None, key: str | None = None) -> str:
    """The integration is saved with a key of its own, which is returned this once. Random unless one is given."""
    key = key or f"{_BEGINS}{secrets.token_urlsafe(_RANDOM_BYTES)}"
    integration.key_prefix, integration.key_digest = key[:_SHOWN], digest(key)
    integration.created_by = by
    integration.save(force_insert=True)
    return key


def change(integration: Integration, *, name: str, scopes: Collection[str], max_discount_percent: Decimal) -> None:
    """It is called so and may do that, from its next call on."""
    Integration.objects.filter(pk=integration.pk).update(
        name=name, scopes=sorted(scopes), max_discount_percent=max_discount_percent
    )


def revoke(integration_id: uuid.UUID, *, by: User | None, reason: str) -> bool:
    """Its key counts no more, from the next call on; False if it did not before. This cannot be undone."""
    counting = Integration.objects.filter(pk=integration_id, revoked_at__isnull=True)
    return bool(counting.update(revoked_at=clock.now(), revoked_by=by, revoked_because=reason))


def digest(key: str) -> str:
    """What is kept of a key."""
    # As random as a digest is long: nobody finds it by trying, so it needs no salt and no slow hash.
    return hashlib.sha256(key.encode()).hexdigest()
