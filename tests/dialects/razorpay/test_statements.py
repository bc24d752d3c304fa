"""How often PostgreSQL is asked: the same number of times however many orders, payments and refunds there are."""

from __future__ import annotations

import pytest

from payments.merchants.models import MerchantOrder
from tests.gateway_process import SandboxProcess
from tests.merchants import ORDERS, Integration, call, order, paid
from tests.statements import statements


def cost(method: str, path: str, body: object = None, *, by: Integration, key: str | None = None) -> int:
    """The statements of one call that is answered with 200."""
    with statements() as told:
        response = call(method, path, body, by=by, key=key)
    assert response.status_code == 200, response.content
    return len(told)


@pytest.mark.parametrize("orders", [1, 30])
def test_lists_cost_two(sandbox: SandboxProcess, books: Integration, orders: int) -> None:
    for number in range(orders):
        order(books, receipt=f"r{number % 3}")
    queries = ("", "?count=100", "?receipt=r0", "?authorized=1", "?authorized=0", "?from=0&to=9999999999", "?skip=5")
    assert [cost("GET", ORDERS + query, by=books) for query in queries] == [2] * len(queries)


def test_creating_costs_five_beside_the_gateway(sandbox: SandboxProcess, books: Integration) -> None:
    wish = {"amount": 50000, "currency": "INR", "receipt": "r", "notes": {"a": "b"}}
    order(books)
    assert cost("POST", ORDERS, wish, by=books) == 3
    assert cost("POST", ORDERS, wish, by=books, key="k") == 5
    assert cost("POST", ORDERS, wish, by=books, key="k") <= 3


def test_fetching_costs_two_or_three(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)
    reference = MerchantOrder.objects.get().reference
    assert cost("GET", f"{ORDERS}/{reference}", by=books) == 2
    assert cost("GET", f"{ORDERS}/{reference}/payments", by=books) == 3
    assert cost("GET", f"/v1/payments/{payment}", by=books) == 3
    for _ in range(3):
        call("POST", f"/v1/payments/{payment}/refund", {"amount": 100}, by=books)
    assert cost("GET", f"/v1/payments/{payment}/refunds", by=books) == 4
    assert cost("PATCH", f"{ORDERS}/{reference}", {"notes": {"a": "b"}}, by=books) == 3


def test_a_refusal_of_the_keys_costs_one_and_none_without(db: None, books: Integration) -> None:
    with statements() as told:
        call("GET", ORDERS, by=None)
    assert told == []
    with statements() as told:
        call("GET", ORDERS, by=Integration(books.merchant, books.key, "wrong"))
    assert len(told) == 1
