"""Keys of merchants: issued, replaced with an overlap, revoked; and who is calling with one.

A secret is returned once, by the act that makes it. Whoever calls is told from everybody else by one statement, which
also counts the call and notes when the key was last used: its parts run for the right secret alone, since a key's id is
no secret and others must not use up its calls. Takes no locks but those of that statement.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from kit import clock
from kit.errors import DomainError, Fault
from payments.merchants.models import Merchant, MerchantKey, MerchantOrder
from payments.merchants.names import LENGTH, random_text
from payments.sealing import Sealer, Unsealable

OVERLAP = timedelta(hours=24)
SECRET_LENGTH = 24
_LONGEST = 100
_sealer = Sealer("payments.merchants.keys")

_CALLER = """
WITH known AS (
    SELECT k.id, k.merchant_id, k.last_used_at FROM merchants_merchantkey k
    JOIN merchants_merchant m ON m.id = k.merchant_id
    WHERE k.key_id = %(key_id)s AND k.secret_digest = %(digest)s AND m.active AND k.revoked_at IS NULL
      AND (k.valid_until IS NULL OR k.valid_until > %(now)s::timestamptz)
), counted AS (
    INSERT INTO merchants_merchantkeyuse AS use (key_id, second, calls) SELECT id, %(second)s::bigint, 1 FROM known
    ON CONFLICT (key_id) DO UPDATE SET second = greatest(use.second, excluded.second),
        calls = CASE WHEN use.second >= excluded.second THEN use.calls + 1 ELSE 1 END
    RETURNING calls
), noted AS (
    UPDATE merchants_merchantkey k SET last_used_at = %(now)s::timestamptz FROM known
    WHERE k.id = known.id
      AND (known.last_used_at IS NULL OR known.last_used_at < %(now)s::timestamptz - interval '1 minute')
)
SELECT known.id, known.merchant_id, counted.calls FROM known CROSS JOIN counted
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Which merchant called, and with which key."""

    merchant_id: uuid.UUID
    key_id: int


class NotAuthenticated(DomainError):
    """No key, a wrong one, one that counts no more, or that of a merchant who is switched off."""

    def __init__(self) -> None:
        super().__init__([Fault("not_authenticated")])


class TooManyCalls(DomainError):
    """More calls with one key within a second than are allowed. Nothing was done."""

    def __init__(self) -> None:
        super().__init__([Fault("too_many_calls", {"retry_after_s": 1})])


def caller_of(key_id: str, secret: str) -> Caller:
    """Whose key this is. One statement. Raises NotAuthenticated and TooManyCalls."""
    if not 0 < len(key_id) <= _LONGEST or not key_id.isascii() or "\0" in key_id:
        raise NotAuthenticated
    now = clock.now()
    values: dict[str, Any] = {"key_id": key_id, "digest": _digest(secret), "now": now, "second": int(now.timestamp())}
    with connection.cursor() as cursor:
        cursor.execute(_CALLER, values)
        row = cursor.fetchone()
    if row is None:
        raise NotAuthenticated
    key, merchant_id, calls = row
    if calls > settings.MERCHANT_CALLS_PER_SECOND:
        raise TooManyCalls
    return Caller(merchant_id, key)


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key with its secret, for the one answer that shows it."""

    key: MerchantKey
    secret: str


def issue(merchant: Merchant, *, secret: str | None = None, key_id: str | None = None) -> Issued:
    """A further key of the merchant, with a secret of its own unless one is given."""
    secret = secret or random_text(SECRET_LENGTH)
    key = MerchantKey.objects.create(
        merchant=merchant,
        key_id=key_id or new_key_id(),
        sealed_secret=_sealer.seal(secret),
        secret_digest=_digest(secret),
    )
    return Issued(key, secret)


def new_key_id() -> str:
    """The id of a key: it says whether real money moves with it."""
    return f"rzp_{'live' if settings.PRODUCTION else 'test'}_{random_text(LENGTH)}"


def replace(key_pk: int) -> Issued | None:
    """Another key takes this one's place, which counts for OVERLAP more; None, and nothing happens, if it was replaced
    or revoked before: a second click of the same button."""
    with transaction.atomic():
        key = MerchantKey.objects.select_for_update(no_key=True).select_related("merchant").get(pk=key_pk)
        if not is_current(key):
            return None
        key.valid_until = clock.now() + OVERLAP
        key.save(update_fields=["valid_until"])
        return issue(key.merchant)


def revoke(key_pk: int) -> bool:
    """The key counts no more, from the next call on; False if it did not before."""
    keys = MerchantKey.objects.filter(pk=key_pk, revoked_at__isnull=True)
    return bool(keys.update(revoked_at=clock.now()))


def is_current(key: MerchantKey) -> bool:
    """Whether nothing has been said against the key yet."""
    return key.revoked_at is None and key.valid_until is None


def counting(now: datetime) -> Q:
    """Which keys count at that moment."""
    return Q(revoked_at__isnull=True) & (Q(valid_until__isnull=True) | Q(valid_until__gt=now))


def counting_keys(merchant_id: uuid.UUID) -> QuerySet[MerchantKey]:
    """The merchant's keys that count now, the newest first."""
    keys = MerchantKey.objects.filter(counting(clock.now()), merchant_id=merchant_id, merchant__active=True)
    return keys.order_by("-pk")


def secrets_of(merchant_id: uuid.UUID) -> list[str]:
    """The secrets of the keys that count now. Those that cannot be opened are left out."""
    return [secret for key in counting_keys(merchant_id) if (secret := _opened(key)) is not None]


def signing_secret(order: MerchantOrder) -> str | None:
    """What signs the outcome of an order for its merchant: the secret of the key that it was made with, while that
    counts, else of the newest that does; None if there is none."""
    keys = sorted(counting_keys(order.merchant_id), key=lambda key: key.pk != order.key_id)
    return next((secret for key in keys if (secret := _opened(key)) is not None), None)


def checkout_secret(reference: str) -> str | None:
    """What a checkout signs the outcome of an order with, by the order's id; None for one that is no merchant's."""
    order = MerchantOrder.objects.filter(reference=reference).first()
    return None if order is None else signing_secret(order)


def reseal() -> None:
    """Every secret that can still be opened is sealed with the newest key: after this one that was replaced may leave
    SECRET_KEY."""
    with transaction.atomic():
        rows = list(MerchantKey.objects.select_for_update(no_key=True).order_by("pk"))
        for row in rows:
            row.sealed_secret = _sealer.reseal(row.sealed_secret)
        MerchantKey.objects.bulk_update(rows, ["sealed_secret"], batch_size=500)


def _opened(key: MerchantKey) -> str | None:
    try:
        return _sealer.unseal(key.sealed_secret)
    except Unsealable:
        return None


def _digest(secret: str) -> str:
    # As random as a digest is long: nobody finds it by trying, so it needs no salt and no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
