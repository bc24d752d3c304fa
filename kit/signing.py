"""Keyed signatures (HMAC-SHA256) whose keys can be rotated: the first key signs, every key verifies."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence


class Signer:
    """Signs text for one purpose; what was signed for another purpose does not verify.

    An empty key is refused: HMAC accepts it, and then anybody can sign.
    """

    def __init__(self, keys: Sequence[str], *, purpose: str) -> None:
        if not keys or not all(keys):
            raise ValueError("signing needs at least one key, and none of them empty")
        self._keys = [hashlib.sha256(f"{purpose}\0{key}".encode()).digest() for key in keys]

    def sign(self, message: str) -> str:
        """64 lower-case hex digits."""
        return _mac(self._keys[0], message)

    def verify(self, message: str, signature: object) -> bool:
        """True when any of the keys made the signature; anything but text is simply not a signature."""
        if not isinstance(signature, str):
            return False
        given = signature.encode("utf-8", "replace")
        # Every key is tried, so that the time taken does not tell which one matched.
        matches = [hmac.compare_digest(_mac(key, message).encode(), given) for key in self._keys]
        return any(matches)


def _mac(key: bytes, message: str) -> str:
    return hmac.new(key, message.encode(), hashlib.sha256).hexdigest()
