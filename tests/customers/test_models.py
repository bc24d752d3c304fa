"""The walls of the database behind the rules."""

from __future__ import annotations

import unicodedata

import pytest
from django.db import IntegrityError, transaction

from customers.models import Address, User, normalised_email
from tests.customers.conftest import PASSWORD, Account


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        (" Ada@Example.COM ", "ada@example.com"),
        ("\uff21da@example.com", "ada@example.com"),
        (unicodedata.normalize("NFD", "zoë@example.com"), unicodedata.normalize("NFC", "zoë@example.com")),
    ],
)
def test_an_email_has_one_spelling(typed: str, stored: str) -> None:
    assert normalised_email(typed) == stored
    assert normalised_email(stored) == stored


@pytest.mark.parametrize("email", ["ADA2@example.com", ""])
def test_the_database_keeps_normalised_emails_only(db: None, email: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(email=email)])


def test_two_accounts_cannot_share_an_email(ada: Account) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("ADA@example.com", PASSWORD)
    assert User.objects.count() == 1


def test_a_new_password_outdates_every_token(ada: Account) -> None:
    before = ada.user.token_version
    ada.user.set_password("a wholly new secret")
    assert ada.user.token_version == before + 1


def test_an_address_has_a_country_code(ada: Account) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Address.objects.create(customer=ada.customer, street="a", city="b", country="us")
