"""Keys of mailing systems: issued and revoked by staff, shown once by the act that makes them."""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid

from django.db import connection

from kit import clock
from orders.models import MailingKey

# Recognised by `kit.secrets`, wherever one turns up by mistake.
_PREFIX = "mailkey_"
_KEY = re.compile(r"mailkey_[0-9a-f]{64}", re.ASCII)

_USE = """
WITH noted AS (
    UPDATE orders_mailingkey SET last_used_at = %(now)s::timestamptz
    WHERE digest = %(digest)s AND revoked_at IS NULL
      AND (last_used_at IS NULL OR last_used_at < %(now)s::timestamptz - interval '1 minute')
)
SELECT id, name FROM orders_mailingkey WHERE digest = %(digest)s AND revoked_at IS NULL
"""


def issue_key(key: MailingKey, *, by: uuid.UUID | None) -> str:
    """The new key is saved; returns it, which nobody can read again."""
    secret = _PREFIX + secrets.token_hex(32)
    key.digest, key.hint, key.issued_by_id = _digest(secret), secret[-4:], by
    key.save(force_insert=True)
    return secret


def revoke_key(key_id: int) -> bool:
    """It counts no more; False if it did not before."""
    return bool(MailingKey.objects.filter(pk=key_id, revoked_at__isnull=True).update(revoked_at=clock.now()))


def find_key(secret: object) -> MailingKey | None:
    """The key that counts and reads so, with its name alone. One statement, none for what cannot be one."""
    if not isinstance(secret, str) or not _KEY.fullmatch(secret):
        return None
    with connection.cursor() as cursor:
        cursor.execute(_USE, {"digest": _digest(secret), "now": clock.now()})
        row = cursor.fetchone()
    return MailingKey(pk=row[0], name=row[1]) if row else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
