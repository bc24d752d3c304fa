"""Identifiers: time-ordered UUIDs, so that new rows land side by side in their index."""

from __future__ import annotations

import os
import re
import time
import uuid

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


def new_id() -> uuid.UUID:
    """A UUID version 7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, then 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    return uuid.UUID(int=value | 0b10 << 62 | random & (2**62 - 1))


def parse_id(text: object) -> uuid.UUID | None:
    """The UUID in its canonical hyphenated spelling, else None: never braces, urn: or bare hex."""
    if isinstance(text, str) and _CANONICAL.fullmatch(text):
        return uuid.UUID(text)
    return None
