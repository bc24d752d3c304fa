"""Numbers of businesses, in one spelling, or refused."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from customers.models import Customer
from customers.tax_numbers import normalised_tax_number
from tests.customers.conftest import Account


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("DE136695976", "DE136695976"),
        ("de 136,695 976", "DE136695976"),
        ("EL 094259216", "EL094259216"),
        ("27AAPFU0939F1ZV", "27AAPFU0939F1ZV"),
        ("27 aapfu0939f1zv", "27AAPFU0939F1ZV"),
        ("DE136695977", None),  # a check digit is off
        ("27AAPFU0939F1ZW", None),
        ("136695976", None),
        ("", None),
        ("\0", None),
        ("DE\uff11\uff13\uff16\uff16\uff19\uff15\uff19\uff17\uff16", "DE136695976"),
    ],
)
def test_a_number_has_one_spelling_or_is_none(typed: str, number: str | None) -> None:
    assert normalised_tax_number(typed) == number


def test_a_customer_names_their_number_and_takes_it_back(ada: Account, api: Client) -> None:
    def change(number: str) -> int:
        body = json.dumps({"tax_number": number})
        return api.patch("/api/v1/customers/me/", body, content_type="application/json", headers=ada.header).status_code

    assert (change("de 136,695 976"), Customer.objects.get(pk=ada.customer.pk).tax_number) == (200, "DE136695976")
    assert (change("DE1"), Customer.objects.get(pk=ada.customer.pk).tax_number) == (400, "DE136695976")
    assert (change(""), Customer.objects.get(pk=ada.customer.pk).tax_number) == (200, "")
