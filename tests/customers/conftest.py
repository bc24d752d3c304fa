"""Customers to sign in as, and a cheap password hash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from customers import authentication
from customers.models import Customer, User
from customers.tokens import Tokens

PASSWORD = "correct horse 9 battery"
PEER = "203.0.113.7"


@dataclass(frozen=True, slots=True)
class Account:
    """A customer with a session."""

    user: User
    customer: Customer
    tokens: Tokens

    @property
    def header(self) -> dict[str, str]:
        """What a signed-in client sends."""
        return {"Authorization": f"Bearer {self.tokens.access}"}


@pytest.fixture(autouse=True)
def cheap_hash(settings: Any) -> None:
    """A password costs 50 ms to hash on purpose; no test but the one about time wants to wait for that."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def open_account(email: str) -> Account:
    """An account that has just signed in."""
    user = User.objects.create_user(email, PASSWORD)
    customer = Customer.objects.create(user=user, first_name="Ada", last_name="Byron", phone="+44 20 7946 0000")
    return Account(user, customer, authentication.start_session(user))


@pytest.fixture
def ada(db: None) -> Account:
    """A customer."""
    return open_account("ada@example.com")


@pytest.fixture
def bob(db: None) -> Account:
    """Another customer."""
    return open_account("bob@example.com")


@pytest.fixture
def clerk(db: None) -> User:
    """Staff, and nobody who buys."""
    return User.objects.create_user("clerk@example.com", PASSWORD, is_staff=True)


@pytest.fixture
def api() -> Client:
    """A client that sees what the wire carries: an error is an answer, not an exception."""
    return Client(raise_request_exception=False, REMOTE_ADDR=PEER)
