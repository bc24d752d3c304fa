"""Secrets that sign for us, encrypted at rest: who reads the database or a backup of it cannot sign.

The keys come from SECRET_KEY: the first seals, all open, so that rotating it loses nothing, once everything is sealed
anew. Each purpose has keys of its own.
"""

from __future__ import annotations

import base64
import functools
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Unsealable(Exception):
    """None of the present keys sealed it: the key that did was taken out of SECRET_KEY too early."""


class Sealer:
    """Seals for one purpose; what was sealed for another does not open."""

    def __init__(self, purpose: str) -> None:
        self._purpose = purpose

    def seal(self, secret: str) -> str:
        """The secret as it may be stored."""
        return self._keys().encrypt(secret.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """The secret itself, for signing and for nothing else. Raises Unsealable."""
        try:
            return self._keys().decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise Unsealable from None

    def reseal(self, sealed: str) -> str:
        """Sealed with the newest key; as it was if no key opens it: the operator may put the lost one back."""
        try:
            return self.seal(self.unseal(sealed))
        except Unsealable:
            return sealed

    def _keys(self) -> MultiFernet:
        return _derived(self._purpose, tuple(settings.SECRET_KEYS))


@functools.lru_cache(maxsize=16)
def _derived(purpose: str, keys: tuple[str, ...]) -> MultiFernet:
    # Derived, so that what signs sessions and tokens never encrypts as well.
    derived = [hashlib.sha256(f"{purpose}\0{key}".encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in derived])
