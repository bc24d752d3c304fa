"""What must never be shown or logged, recognised wherever it turns up in a text."""

from __future__ import annotations

import re

# Keys of gateways and webhooks, what lets a payer's browser pay, bearer tokens.
_SECRET = re.compile(
    r"\b(?:sk|rk|ek|whsec|mailkey)_\w{6,}|(?:pi|seti)_\w+_secret_\w+|Bearer\s+[\w.~+/-]+=*|eyJ[\w-]+\.[\w-]+\.[\w-]+"
)

SECRET_NAMES = frozenset(
    {
        "access",
        "access_token",
        "apikey",
        "authorization",
        "client_secret",
        "clientsecret",
        "key_secret",
        "password",
        "refresh",
        "secret",
        "token",
    }
)
"""Names, in lower case, of fields whose values are secrets whatever they look like."""

MASK = "[secret]"


def scrub(text: str) -> str:
    """The text without anything that looks like a key, a token or a client secret."""
    return _SECRET.sub(MASK, text)
