"""Who reads which order, and what everybody else is told: one answer, whether it exists or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpResponse

from customers.models import Customer
from orders.models import Order
from tests.flyers import flyer_order
from tests.orders.test_api_flyers import worker
from tests.shop import Shop, Shopper, access_of, hire, send, written
from tests.statements import statements

NOT_YOURS = (403, {"message": "You are not authorized to access this order."})
UNKNOWN = (401, {"message": "Unauthenticated."})
NONE = (404, {"message": "Order not found."})
NO_NUMBERS = (
    *("0", "-1", "+1", "1.0", "1e3", "x", "{number}x", "0{number}", " {number}", "{number}%20", "{number}%0A", "%00"),
    *("{number}%00", "\N{FULLWIDTH DIGIT ONE}", "\u0661", "9" * 18, str(2**63 - 1), str(2**63), "9" * 40, "'", "%25"),
    "01a1fd72-0000-7000-8000-000000000000",
)


def ask(key: Any, by: Shopper | str | None, method: str = "GET", **sent: Any) -> tuple[int, Any]:
    """Status and value."""
    response = send(method, f"/api/order/{key}", by=by, **sent)
    return response.status_code, read(response)


def read(response: HttpResponse) -> Any:
    assert response["Content-Type"] == "application/json"
    return json.loads(response.content)


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """Ada's."""
    return flyer_order(ada, shop)


def test_its_customer_reads_it_with_and_without_a_slash(order: Order, ada: Shopper) -> None:
    status, body = ask(order.number, ada)
    assert (status, body["id"]) == (200, order.number)
    assert ask(f"{order.number}/", ada) == (200, body)
    assert ask(f"{order.number}?x=1", ada) == (200, body)


def test_everybody_else_is_told_the_same_whether_it_exists_or_not(order: Order, bob: Shopper) -> None:
    for by in (bob, access_of(hire()), worker("catalogue"), worker("integrations")):
        costs = set()
        for key in (order.number, order.number + 1):
            with statements() as told:
                assert ask(key, by) == NOT_YOURS
            costs.add(len(told))
        assert len(costs) == 1


@pytest.mark.parametrize("role", ["support", "warehouse", "accounting", "campaigns"])
def test_staff_who_may_view_orders_read_any_one(order: Order, ada: Shopper, role: str) -> None:
    by = worker(role)
    assert ask(order.number, by) == ask(order.number, ada)
    assert ask(order.number + 1, by) == NONE


def test_a_superuser_reads_any_one(order: Order) -> None:
    root = access_of(hire("root@example.com", is_superuser=True))
    assert ask(order.number, root)[0] == 200
    assert ask(order.number + 1, root) == NONE


def test_the_right_without_being_staff_is_none(order: Order, bob: Shopper) -> None:
    bob.user.user_permissions.add(Permission.objects.get(codename="view_order"))
    assert ask(order.number, bob) == NOT_YOURS


def test_staff_read_their_own_orders_as_customers_do(shop: Shop, order: Order) -> None:
    clerk = hire()
    customer = Customer.objects.create(user=clerk)
    own = flyer_order(Shopper(clerk, customer, access_of(clerk)), shop)
    assert ask(own.number, access_of(clerk))[0] == 200
    assert ask(order.number, access_of(clerk)) == NOT_YOURS


@pytest.mark.parametrize("token", [None, "", "x", "x.y.z"])
def test_without_a_token_nobody_is_told_anything(order: Order, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    for key in (order.number, order.number + 1, "x"):
        response = send("GET", f"/api/order/{key}", headers=headers)
        assert (response.status_code, read(response)) == UNKNOWN
        assert response["WWW-Authenticate"] == "Bearer"


def test_an_account_that_is_off_has_no_token(order: Order, ada: Shopper) -> None:
    ada.user.is_active = False
    ada.user.save()
    assert ask(order.number, ada) == UNKNOWN


@pytest.mark.parametrize("key", NO_NUMBERS)
def test_what_is_no_number_is_an_order_that_does_not_exist(order: Order, ada: Shopper, key: str) -> None:
    key = key.format(number=order.number)
    assert ask(key, ada) == NOT_YOURS
    assert ask(key, worker("support")) == NONE


def test_head_is_get_without_its_body(order: Order, ada: Shopper, bob: Shopper) -> None:
    for by, status in ((ada, 200), (bob, 403), (None, 401)):
        response = send("HEAD", f"/api/order/{order.number}", by=by)
        assert (response.status_code, response.content) == (status, b"")


def test_options_says_what_there_is(order: Order) -> None:
    response = send("OPTIONS", f"/api/order/{order.number}")
    assert (response.status_code, response["Allow"], response.content) == (204, "GET, HEAD, OPTIONS", b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW", "TRACE"])
def test_an_order_is_only_read_here(order: Order, ada: Shopper, method: str) -> None:
    before = written()
    response = send(method, f"/api/order/{order.number}", {"status": "Paid"}, by=ada)
    assert (response.status_code, read(response)) == (405, {"message": "An order can only be read here."})
    assert response["Allow"] == "GET, HEAD, OPTIONS"
    assert written() == before


@pytest.mark.parametrize("path", ["", "/", "/7/x", "/7/invoice", "//7", "/7//"])
def test_around_it_there_is_nothing(db: None, path: str) -> None:
    response = send("GET", f"/api/order{path}")
    assert (response.status_code, read(response)) == (404, {"message": "There is nothing here."})


def test_a_body_that_is_too_large_is_refused_in_the_same_words(order: Order, ada: Shopper, settings: Any) -> None:
    status, body = ask(order.number, ada, "POST", body=b"x" * (settings.MAX_BODY_BYTES + 1))
    assert (status, body) == (413, {"message": "The body is too large."})


def test_browsers_of_allowed_origins_may_ask(order: Order, ada: Shopper, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    preflight = send("OPTIONS", f"/api/order/{order.number}", headers=asked)
    assert preflight["Access-Control-Allow-Origin"] == "https://shop.example"
    answer = send("GET", f"/api/order/{order.number}", by=ada, headers={"Origin": "https://shop.example"})
    assert answer["Access-Control-Allow-Origin"] == "https://shop.example"
