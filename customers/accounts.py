"""Accounts: creating one, and changing its password."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F

from customers import throttling
from customers.authentication import end_sessions, sign_in_limits, start_session
from customers.models import Customer, User, normalised_email
from customers.throttling import Limit
from customers.tokens import NotAuthenticated, Tokens
from kit.errors import DomainError, Fault

TAKEN_ADDRESSES_PER_ADDRESS = 30
"""Registrations from one network address that hit an account that exists, in a window; then 429."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A new customer, signed in."""

    customer: Customer
    tokens: Tokens


class EmailTaken(DomainError):
    """There is an account with this e-mail. Without sending mail this cannot be kept from whoever registers."""

    def __init__(self) -> None:
        super().__init__([Fault("email_taken", at=("email",))])


class WeakPassword(DomainError):
    """The password does not pass the rules; each fault's code and `detail` are the validator's."""

    def __init__(self, error: ValidationError) -> None:
        super().__init__(
            [
                Fault(reason.code or "password_weak", {"detail": " ".join(reason.messages)}, ("password",))
                for reason in error.error_list
            ]
        )


class WrongPassword(DomainError):
    """The present password was not the one given."""

    def __init__(self) -> None:
        super().__init__([Fault("wrong_password", at=("current_password",))])


def register(
    email: str, password: str, address: str, *, first_name: str = "", last_name: str = "", phone: str = ""
) -> Registered:
    """A user and a customer, signed in. `address` is the peer's, for counting tries at e-mails that exist.

    Raises WeakPassword, EmailTaken (also for the slower of two registrations at once) or TooManyFailures.
    """
    limits = [Limit("register.address", throttling.network_of(address), TAKEN_ADDRESSES_PER_ADDRESS)]
    throttling.refuse_when_exhausted(limits)
    email = normalised_email(email)
    user = User(email=email)
    _refuse_weak(password, user)
    user.set_password(password)
    try:
        with transaction.atomic(durable=True):
            if User.objects.filter(email=email).exists():
                raise EmailTaken
            user.save(force_insert=True)
            customer = Customer.objects.create(user=user, first_name=first_name, last_name=last_name, phone=phone)
            issued = start_session(user)
    except (EmailTaken, IntegrityError):
        throttling.count_failure(limits)
        raise EmailTaken from None
    return Registered(customer, issued)


def change_password(user: User, current: str, new: str, address: str) -> Tokens:
    """The new password counts and every session has ended but the fresh one that is returned.

    Raises WrongPassword (counted like a failed sign-in), WeakPassword, TooManyFailures; NotAuthenticated when the
    account changed at the same time. Hashes outside any transaction; no row is locked for that long.
    """
    limits = sign_in_limits(user.email, address)
    throttling.refuse_when_exhausted(limits)
    if not check_password(current, user.password):
        throttling.count_failure(limits)
        raise WrongPassword
    _refuse_weak(new, user)
    seen, encoded = user.token_version, make_password(new)
    with transaction.atomic(durable=True):
        changed = User.objects.filter(pk=user.pk, token_version=seen, is_active=True).update(
            password=encoded, token_version=F("token_version") + 1
        )
        if not changed:
            raise NotAuthenticated("outdated_token")
        end_sessions(user.pk)
        user.password, user.token_version = encoded, seen + 1
        return start_session(user)


def _refuse_weak(password: str, user: User) -> None:
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise WeakPassword(error) from None
