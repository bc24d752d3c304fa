"""Secrets that sign for us, encrypted at rest: who reads the database or a backup of it cannot sign.

The keys come from SECRET_KEY: the first seals, all open, so that rotating it loses nothing (`subscriptions.reseal`).
"""

from __future__ import annotations

import base64
import functools
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unsealable(Exception):
    """None of the present keys sealed it: the key that did was taken out of SECRET_KEY too early."""


def seal(secret: str) -> str:
    """The secret as it may be stored."""
    return _keys(tuple(settings.SECRET_KEYS)).encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret itself, for signing and for nothing else. Raises Unsealable."""
    try:
        return _keys(tuple(settings.SECRET_KEYS)).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unsealable from None


@functools.lru_cache(maxsize=8)
def _keys(keys: tuple[str, ...]) -> MultiFernet:
    # Derived, so that what signs sessions and tokens never encrypts as well.
    derived = [hashlib.sha256(f"payments.outgoing.sealing\0{key}".encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
