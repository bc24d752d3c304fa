"""Ids as Razorpay's users know them: a prefix and fourteen random letters and digits."""

from __future__ import annotations

import secrets
import string

BASE62 = string.digits + string.ascii_letters
LENGTH = 14


def account_id() -> str:
    """A merchant's, as its webhooks name it."""
    return f"acc_{random_text(LENGTH)}"


def random_text(length: int) -> str:
    """Letters and digits that nobody can guess."""
    return "".join(secrets.choice(BASE62) for _ in range(length))
