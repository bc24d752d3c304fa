"""How a receiver knows that an event is ours and recent. docs/outgoing-events.md shows how to verify it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence


def signature(body: bytes, *, secrets: Sequence[str], at: int) -> str:
    """`t=<at>,v1=<hex>` with one v1 for each secret: HMAC-SHA256 of "<at>.<body>". `at` is in Unix seconds."""
    signed = f"{at}.".encode() + body
    macs = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={mac}" for mac in macs)])


def razorpay_signature(body: bytes, *, secret: str) -> str:
    """The value of `X-Razorpay-Signature`: the hex HMAC-SHA256 of the body and of nothing else."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
