"""Idempotency-Key under /api/v1: a repeated write gets the first answer and is not done again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from customers.models import Address
from orders.models import Order, OrderHistory
from orders_project.idempotency.models import KeptAnswer
from tests.shop import Shop, Shopper, place, sign_up

pytestmark = pytest.mark.django_db

HOME = {"street": "1 Main Street", "city": "Springfield", "postal_code": "12345", "country": "US"}


def send(method: str, path: str, body: Any, by: Shopper, key: str) -> Any:
    client = Client(raise_request_exception=False)
    headers = {"Authorization": f"Bearer {by.access}", "Idempotency-Key": key}
    return client.generic(method, path, json.dumps(body), content_type="application/json", headers=headers)


def test_a_repeated_address_is_one_address(ada: Shopper) -> None:
    first, again = (send("POST", "/api/v1/addresses/", HOME, ada, "home") for _ in range(2))
    assert (first.status_code, first.content, first["Content-Type"]) == (
        again.status_code,
        again.content,
        again["Content-Type"],
    )
    assert first.status_code == 201
    assert Address.objects.count() == 1


def test_a_repeated_cancellation_gets_the_first_answer(shop: Shop, ada: Shopper) -> None:
    order: Order = place(ada, shop.cash, (shop.cable, 1))
    path = f"/api/v1/orders/{order.pk}/cancel/"
    first, again = (send("POST", path, {}, ada, "cancel") for _ in range(2))
    assert (first.status_code, first.content) == (200, again.content)
    assert again.status_code == 200
    assert OrderHistory.objects.filter(order=order, event="cancelled").count() == 1


def test_another_body_under_the_key_is_refused(ada: Shopper) -> None:
    send("POST", "/api/v1/addresses/", HOME, ada, "home")
    response = send("POST", "/api/v1/addresses/", {**HOME, "city": "Shelbyville"}, ada, "home")
    assert response.status_code == 422
    assert Address.objects.count() == 1


def test_another_callers_key_is_another_key(ada: Shopper) -> None:
    bob = sign_up("bob@example.com")
    for shopper in (ada, bob):
        assert send("POST", "/api/v1/addresses/", HOME, shopper, "home").status_code == 201
    assert Address.objects.count() == 2


def test_a_refusal_is_not_kept(ada: Shopper) -> None:
    assert send("POST", "/api/v1/addresses/", {}, ada, "home").status_code == 400
    assert send("POST", "/api/v1/addresses/", HOME, ada, "home").status_code == 201


def test_a_bad_key_is_refused_before_anything_is_written(ada: Shopper) -> None:
    assert send("POST", "/api/v1/addresses/", HOME, ada, "x" * 256).status_code == 400
    assert (Address.objects.count(), KeptAnswer.objects.count()) == (0, 0)


def test_tokens_are_not_kept(ada: Shopper) -> None:
    send("POST", "/api/v1/auth/logout/", {}, ada, "out")
    assert KeptAnswer.objects.count() == 0
