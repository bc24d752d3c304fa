"""Who is calling: signing in and out, refresh, and the check of the token that comes with every request.

A refresh token is good once. One that comes a second time was copied by somebody, and since nobody can tell which
of the two is the thief, the whole session ends. Locks: a refresh locks its session row, nothing else here waits.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.db import connection, transaction
from django.db.models import F
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from customers import throttling, tokens
from customers.models import Session, User, normalised_email
from customers.throttling import Limit
from customers.tokens import Claims, NotAuthenticated, Tokens, TokenType
from kit import clock
from kit.ids import new_id

FAILURES_PER_ACCOUNT_AND_ADDRESS = 10
"""Failed sign-ins to one account from one address in a window of `throttling.WINDOW_S`; then 429."""
FAILURES_PER_ACCOUNT = 30
"""Failed sign-ins to one account from anywhere: bounds a guess spread over many addresses."""
FAILURES_PER_ADDRESS = 100
"""Failed sign-ins from one address to any account: bounds one password tried on many accounts."""

# Every request runs this: written out, since composing it costs more than the database does.
_CALLER = """
SELECT c.id, u.email, u.is_staff, coalesce(c.tax_number, '')
FROM customers_user u LEFT JOIN customers_customer c ON c.user_id = u.id
WHERE u.id = %s AND u.is_active AND u.token_version = %s
"""
_BEARER = re.compile(r"Bearer +([A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, as its token and one look into the database say. Staff may have no customer."""

    user_id: uuid.UUID
    customer_id: uuid.UUID | None
    email: str
    is_staff: bool
    tax_number: str


def caller_of(authorization: str | None) -> Caller:
    """The caller behind an `Authorization: Bearer ...` header. Exactly one SQL statement, none for a bad token.

    Raises NotAuthenticated: no bearer token, a bad, expired or outdated one, or an account that is gone or off.
    """
    claims = tokens.read(_bearer_token(authorization), TokenType.ACCESS)
    with connection.cursor() as cursor:
        cursor.execute(_CALLER, [claims.user_id, claims.token_version])
        row = cursor.fetchone()
    if row is None:
        raise NotAuthenticated("outdated_token")
    return Caller(claims.user_id, *row)


def sign_in(email: str, password: str, address: str) -> Tokens:
    """Start a session: a new pair of tokens. `address` is the client's, for counting failures.

    Raises NotAuthenticated alike, and after the same work, for an unknown account, a wrong password and an account
    that is switched off; TooManyFailures before any password is hashed.
    """
    email = normalised_email(email)
    limits = sign_in_limits(email, address)
    throttling.refuse_when_exhausted(limits)
    user = User.objects.filter(email=email).only("id", "password", "is_active", "token_version").first()
    if user is None:
        make_password(password)  # the time that a check takes
        known = False
    else:
        known = check_password(password, user.password, _rehash(user)) and user.is_active
    if user is None or not known:
        throttling.count_failure(limits)
        raise NotAuthenticated("wrong_credentials")
    User.objects.filter(pk=user.pk).update(last_login=clock.now())
    return start_session(user)


def start_session(user: User) -> Tokens:
    """A session of its own for a user who was just identified, and its first pair of tokens."""
    session = Session.objects.create(user=user, current_token=new_id(), expires_at=tokens.refresh_expiry())
    return _issue(session, user.token_version)


def refresh_session(token: str) -> Tokens:
    """Exchange a refresh token for a new pair; the old one is used up.

    Raises NotAuthenticated for anything else. A token of the session that is not its current one ends the session:
    of two parallel calls with one token one gets the new pair, which is then good for nothing but its access token.
    Locks the session row.
    """
    claims = tokens.read(token, TokenType.REFRESH)
    # The refusal is raised outside: inside it would roll the revocation back.
    refreshed = _rotate(claims)
    if refreshed is None:
        raise NotAuthenticated("refresh_token_used")
    return refreshed


@transaction.atomic(durable=True)
def _rotate(claims: Claims) -> Tokens | None:
    instant = clock.now()
    session = (
        Session.objects.select_for_update(of=("self",), no_key=True)
        .select_related("user")
        .filter(pk=claims.session_id, user_id=claims.user_id)
        .first()
    )
    if session is None or session.revoked_at is not None or session.expires_at <= instant:
        raise NotAuthenticated("session_ended")
    if not session.user.is_active or session.user.token_version != claims.token_version:
        raise NotAuthenticated("outdated_token")
    if session.current_token != claims.token_id:
        Session.objects.filter(pk=session.pk).update(revoked_at=instant)
        return None
    session.current_token, session.expires_at = new_id(), tokens.refresh_expiry()
    session.save(update_fields=("current_token", "expires_at"))
    return _issue(session, claims.token_version)


@transaction.atomic
def sign_out(user_id: uuid.UUID) -> None:
    """End every session of the user: no token made before this, access or refresh, counts afterwards."""
    User.objects.filter(pk=user_id).update(token_version=F("token_version") + 1)
    end_sessions(user_id)


def end_sessions(user_id: uuid.UUID) -> None:
    """Revoke the user's refresh tokens. Access tokens end with the user's token version, or by themselves."""
    Session.objects.filter(user_id=user_id, revoked_at=None).update(revoked_at=clock.now())


def forget_ended_sessions() -> int:
    """Delete sessions whose tokens have all expired; how many there were. For a periodic job."""
    return Session.objects.filter(expires_at__lt=clock.now()).delete()[0]


def sign_in_limits(email: str, address: str) -> list[Limit]:
    """What bounds guessing the password of this account from this address."""
    network = throttling.network_of(address)
    return [
        Limit("sign_in.account_and_address", f"{email} {network}", FAILURES_PER_ACCOUNT_AND_ADDRESS),
        Limit("sign_in.account", email, FAILURES_PER_ACCOUNT),
        Limit("sign_in.address", network, FAILURES_PER_ADDRESS),
    ]


class BearerAuthentication(BaseAuthentication):
    """For REST framework: request.user is the User with its customer, request.auth the token's Claims."""

    def authenticate(self, request: Request) -> tuple[User, Claims] | None:
        """None without the header; AuthenticationFailed when there is one that does not count. One SQL statement."""
        authorization = request.META.get("HTTP_AUTHORIZATION")
        if authorization is None:
            return None
        try:
            claims = tokens.read(_bearer_token(authorization), TokenType.ACCESS)
        except NotAuthenticated:
            raise AuthenticationFailed from None
        user = (
            User.objects.select_related("customer")
            .filter(pk=claims.user_id, is_active=True, token_version=claims.token_version)
            .first()
        )
        if user is None:
            raise AuthenticationFailed
        return user, claims

    def authenticate_header(self, _request: Request) -> str:
        """The challenge of a 401."""
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself on definition
    """How the OpenAPI document describes the tokens."""

    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, _auto_schema: Any) -> dict[str, Any]:
        """A bearer token, a JWT."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


def _bearer_token(authorization: str | None) -> str:
    if authorization is None:
        raise NotAuthenticated("no_token")
    match = _BEARER.fullmatch(authorization)
    if match is None:
        raise NotAuthenticated("malformed_token")
    return match[1]


def _issue(session: Session, token_version: int) -> Tokens:
    return tokens.issue(
        user_id=session.user_id,
        session_id=session.pk,
        refresh_id=session.current_token,
        token_version=token_version,
    )


def _rehash(user: User) -> Any:
    """Stores the same password under the hasher's present parameters; unlike a new password it ends no session."""

    def setter(password: str) -> None:
        User.objects.filter(pk=user.pk, password=user.password).update(password=make_password(password))

    return setter
