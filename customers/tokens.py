"""Access and refresh tokens: JSON Web Tokens signed with HS256 under keys that can be rotated.

Reading a token proves who made it, for what and when; whether it still counts is asked of the database elsewhere.
The header of a token is never believed: the algorithm comes from an allow-list and keys are never looked up by it.
"""

from __future__ import annotations

import functools
import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import jwt
from django.conf import settings

from kit import clock
from kit.errors import DomainError, Fault
from kit.ids import new_id, parse_id

_ALGORITHM = "HS256"
_ISSUER = "quittance"
_AUDIENCE = "quittance"
_REQUIRED = ["iss", "aud", "sub", "typ", "jti", "sid", "ver", "iat", "nbf", "exp"]
# The times are checked below, against the clock that the whole project reads.
_OPTIONS: Any = {
    "require": _REQUIRED,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "strict_aud": True,
}
# Clocks of two servers differ a little; a token is good at once on the one that is behind.
_NOT_BEFORE_LEEWAY_S = 10
_LONGEST_TOKEN = 4096


class NotAuthenticated(DomainError):
    """Nobody known is calling: the token, password or account does not count. `reason` is for logs and tests."""

    def __init__(self, reason: str) -> None:
        super().__init__([Fault("not_authenticated", {"reason": reason})])
        self.reason = reason


class TokenType(StrEnum):
    """What a token is good for; one is never taken for the other."""

    ACCESS = "access"  # shown with every request
    REFRESH = "refresh"  # exchanged, once, for a new pair


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, after its signature, purpose and times were checked."""

    user_id: uuid.UUID
    session_id: uuid.UUID
    token_id: uuid.UUID
    token_version: int


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair as the wire has it."""

    access: str
    refresh: str


def issue(*, user_id: uuid.UUID, session_id: uuid.UUID, refresh_id: uuid.UUID, token_version: int) -> Tokens:
    """A new pair of one session. `refresh_id` is what the session keeps as its only unused refresh token."""
    instant = clock.now()

    def token(kind: TokenType, token_id: uuid.UUID, lifetime: timedelta) -> str:
        seconds = int(instant.timestamp())
        payload = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": str(user_id),
            "typ": kind.value,
            "jti": str(token_id),
            "sid": str(session_id),
            "ver": token_version,
            "iat": seconds,
            "nbf": seconds,
            "exp": int((instant + lifetime).timestamp()),
        }
        return jwt.encode(payload, _keys(tuple(settings.SECRET_KEYS))[0], algorithm=_ALGORITHM)

    return Tokens(
        access=token(TokenType.ACCESS, new_id(), settings.ACCESS_TOKEN_LIFETIME),
        refresh=token(TokenType.REFRESH, refresh_id, settings.REFRESH_TOKEN_LIFETIME),
    )


def read(token: str, kind: TokenType) -> Claims:
    """The claims of a token of that kind. Raises NotAuthenticated, and nothing else, whatever the text is."""
    payload = _payload(token)
    if payload["typ"] != kind.value:
        raise NotAuthenticated("wrong_token_type")
    user_id, session_id, token_id = (parse_id(payload[claim]) for claim in ("sub", "sid", "jti"))
    numbers = [payload[claim] for claim in ("ver", "iat", "nbf", "exp")]
    if user_id is None or session_id is None or token_id is None or any(type(number) is not int for number in numbers):
        raise NotAuthenticated("malformed_token")
    version, _, not_before, expires = numbers
    instant = clock.now().timestamp()
    if expires <= instant:
        raise NotAuthenticated("expired_token")
    if not_before > instant + _NOT_BEFORE_LEEWAY_S:
        raise NotAuthenticated("premature_token")
    return Claims(user_id, session_id, token_id, version)


def refresh_expiry() -> datetime:
    """When a refresh token issued now stops counting."""
    lifetime: timedelta = settings.REFRESH_TOKEN_LIFETIME
    return clock.now() + lifetime


def _payload(token: str) -> dict[str, Any]:
    if len(token) > _LONGEST_TOKEN:
        raise NotAuthenticated("malformed_token")
    for key in _keys(tuple(settings.SECRET_KEYS)):
        try:
            return jwt.decode(token, key, algorithms=[_ALGORITHM], audience=_AUDIENCE, issuer=_ISSUER, options=_OPTIONS)
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
            raise NotAuthenticated("malformed_token") from None
    raise NotAuthenticated("bad_signature")


@functools.lru_cache(maxsize=8)
def _keys(secrets: tuple[str, ...]) -> tuple[bytes, ...]:
    """One 256-bit key per secret, for tokens alone: what else the secret signs cannot be passed off as a token."""
    if not secrets or not all(secrets):
        raise ValueError("tokens need at least one secret, and none of them empty")
    return tuple(hashlib.sha256(f"customers.tokens\0{secret}".encode()).digest() for secret in secrets)
