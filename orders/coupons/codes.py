"""How coupon codes are read and made up."""

from __future__ import annotations

import re
import secrets

# Without what is mistaken for something else on paper: I, L, O, U and the digits 0 and 1.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 12
_LETTERS = re.compile(r"[A-Z0-9]{1,40}", re.ASCII)


def normalised(text: str) -> str | None:
    """The one spelling of a code, however it was typed: capitals, no blanks, no hyphens. None for what is no code."""
    code = "".join(text.split()).replace("-", "").upper()
    return code if _LETTERS.fullmatch(code) else None


def made_up() -> str:
    """A new code that nobody can guess: 58 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def printed(code: str) -> str:
    """A made-up code as it is printed, in groups of four."""
    if len(code) != _LENGTH:
        return code
    return "-".join(code[start : start + 4] for start in range(0, _LENGTH, 4))
