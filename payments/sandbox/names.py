"""Ids as the gateways make them: a prefix and random letters and digits."""

from __future__ import annotations

import re
import secrets
import string

_BASE62 = string.digits + string.ascii_letters
_RAZORPAY_ID = re.compile(r"[a-z]+_[0-9A-Za-z]{14}", re.ASCII)


def stripe_id(prefix: str) -> str:
    """`pi_` and the like with 24 random characters."""
    return f"{prefix}_{_random(24)}"


def razorpay_id(prefix: str) -> str:
    """`order_` and the like with 14 random characters."""
    return f"{prefix}_{_random(14)}"


def client_secret(intent_id: str) -> str:
    """What a browser needs to confirm the intent: its id, and a part nobody can guess."""
    return f"{intent_id}_secret_{_random(25)}"


def is_razorpay_id(text: str) -> bool:
    """Whether the text has the form of any of Razorpay's ids."""
    return bool(_RAZORPAY_ID.fullmatch(text))


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))
