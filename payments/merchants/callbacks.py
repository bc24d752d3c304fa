"""Which addresses a merchant may register for payers to be sent to."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

LONGEST_URL = 500
_PRINTABLE = re.compile(r"[!-~]+")


class CallbackRefused(ValueError):
    """Payers are sent to no such address; the text says why."""


def check_callback(url: str, *, https_only: bool) -> None:
    """Raises CallbackRefused unless it is a plain address of a web page. It is a payer's browser that goes there, so it
    may be near; but nothing in it may be read in two ways."""
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise CallbackRefused("This is not an address.")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise CallbackRefused("This is not an address.") from None
    if parts.scheme not in ("https", "http") or (https_only and parts.scheme != "https"):
        raise CallbackRefused("The address has to begin with https://.")
    if not host:
        raise CallbackRefused("The address has no host.")
    if "@" in parts.netloc:
        raise CallbackRefused("The address must not contain a user or a password.")
    if "#" in url:
        raise CallbackRefused("The address must not contain a #.")
