"""Delivery methods that fit an address, a weight, a currency and what is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from catalog.models import DeliveryMethod


@pytest.fixture
def methods(db: None) -> None:
    """Four methods, one of them switched off."""
    make = DeliveryMethod.objects.create
    make(
        name="Post", price_minor=500, currency="USD", countries=["US", "CA"], max_weight_grams=2000, kinds=["physical"]
    )
    make(
        name="Courier",
        price_minor=2500,
        currency="USD",
        kinds=["physical", "flyer"],
        cash_on_delivery=True,
        position=1,
    )
    make(name="E-mail", price_minor=0, currency="JPY", kinds=["package"], position=2)
    make(name="Pigeon", price_minor=1, currency="USD", kinds=["physical"], active=False, position=3)


def names(api: Client, query: str) -> list[str]:
    """The names of the methods that fit."""
    response = api.get(f"/api/v1/delivery-methods/?{query}")
    assert response.status_code == 200, response.content
    return [method["name"] for method in response.json()["results"]]


def test_a_method_is_shown_with_all_that_it_serves(methods: None, api: Client) -> None:
    post = DeliveryMethod.objects.get(name="Post")
    response = api.get("/api/v1/delivery-methods")
    assert response.json()["results"][0] == {
        "id": str(post.pk),
        "name": "Post",
        "price": "5.00",
        "currency": "USD",
        "countries": ["US", "CA"],
        "max_weight_grams": 2000,
        "cash_on_delivery": False,
        "tax_category": "standard",
        "kinds": ["physical"],
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Post", "Courier", "E-mail"]),
        ("country=USA", ["Post", "Courier", "E-mail"]),
        ("country=germany", ["Courier", "E-mail"]),
        ("currency=USD", ["Post", "Courier"]),
        ("currency=JPY", ["E-mail"]),
        ("weight_grams=2000", ["Post", "Courier", "E-mail"]),
        ("weight_grams=2001", ["Courier", "E-mail"]),
        ("kinds=physical", ["Post", "Courier"]),
        ("kinds=physical,flyer", ["Courier"]),
        ("kinds=physical,package", []),
        ("kinds=,physical,", ["Post", "Courier"]),
        ("cash_on_delivery=true", ["Courier"]),
        ("cash_on_delivery=0", ["Post", "E-mail"]),
        ("country=CA&weight_grams=1&currency=USD&kinds=physical&cash_on_delivery=false", ["Post"]),
    ],
)
def test_only_what_fits_is_listed(methods: None, api: Client, query: str, found: list[str]) -> None:
    assert names(api, query) == found


@pytest.mark.parametrize(
    "query",
    [
        "country=Atlantis",
        "country=%00",
        "currency=usd",
        "weight_grams=-1",
        "weight_grams=1.5",
        "weight_grams=%EF%BC%91",
        "weight_grams=2147483648",
        "weight_grams=" + "9" * 5000,
        "kinds=nothing",
        "cash_on_delivery=perhaps",
        "active=false",
    ],
)
def test_a_bad_parameter_is_a_400_with_its_name(methods: None, api: Client, query: str) -> None:
    response = api.get(f"/api/v1/delivery-methods/?{query}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["attr"] == query.split("=", maxsplit=1)[0]


def test_the_list_is_one_statement(methods: None, api: Client, django_assert_num_queries: Callable[..., Any]) -> None:
    with django_assert_num_queries(1):
        names(api, "country=US&weight_grams=5&kinds=physical")
