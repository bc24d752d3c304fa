"""A customer's own orders on /api/v1: list, detail with tracking, cancellation; another's do not exist."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from orders import actors
from orders.cash import collect_cash
from orders.fulfilment import send_order
from tests import shop as shops
from tests.shop import Shop, Shopper, place, send, written
from tests.statements import statements


def get(path: str, by: Shopper | None = None) -> tuple[int, Any]:
    """Status and value of a GET."""
    response = send("GET", f"/api/v1/{path}", by=by)
    return response.status_code, json.loads(response.content)


def test_the_newest_comes_first_and_another_customers_not_at_all(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    mine = [place(ada, shop.cash, (shop.cable, 1)) for _ in range(3)]
    place(bob, shop.cash, (shop.cable, 1))
    status, page = get("orders/", ada)
    assert (status, page["next"]) == (200, None)
    assert [row["number"] for row in page["results"]] == [order.number for order in reversed(mine)]
    row = dict(page["results"][-1])
    assert row.pop("placed_at").endswith("Z")
    assert row == {
        "id": str(mine[0].pk),
        "number": mine[0].number,
        "status": "Payment Pending",
        "fulfilment": "unfulfilled",
        "payment_terms": "on_delivery",
        "total": "14.50",
        "currency": "USD",
    }


def test_a_list_comes_in_pages_and_by_status(shop: Shop, ada: Shopper) -> None:
    orders = [place(ada, shop.cash, (shop.cable, 1)) for _ in range(5)]
    collect_cash(orders[1].pk, amount=orders[1].total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    seen: list[int] = []
    path: str | None = "orders/?limit=2"
    while path:
        _, page = get(path, ada)
        seen += [row["number"] for row in page["results"]]
        path = page["next"] and page["next"].partition("/api/v1/")[2]
    assert seen == [order.number for order in reversed(orders)]
    _, paid = get("orders/?status=Paid", ada)
    assert [row["number"] for row in paid["results"]] == [orders[1].number]
    assert get("orders/?status=Cancelled", ada) == (200, {"next": None, "results": []})


@pytest.mark.parametrize(
    "query", ["status=paid", "status=", "limit=0", "limit=101", "limit=x", "cursor=x", "customer=1", "ordering=email"]
)
def test_a_filter_that_is_none_is_refused(ada: Shopper, query: str) -> None:
    status, problem = get(f"orders/?{query}", ada)
    if query == "status=":
        assert status in (200, 400)
    else:
        assert (status, problem["type"]) == (400, "validation_error")


def test_an_order_is_found_by_id_and_by_number_with_all_that_happened(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.headphones, 2), (shop.shirt_large, 1), notes="Ring")
    send_order(order.pk, actor=actors.SYSTEM, carrier="UPS", tracking_number="1Z")
    status, whole = get(f"orders/{order.pk}/", ada)
    assert (status, get(f"orders/{order.number}", ada)) == (200, (200, whole))
    assert get(f"orders/{str(order.pk).upper()}/", ada) == (200, whole)
    assert whole["tracking"]["fulfilment"] == "sent"
    assert (whole["tracking"]["carrier"], whole["tracking"]["tracking_number"]) == ("UPS", "1Z")
    amounts = ("products", "discount", "tax", "delivery", "credits", "total", "collected", "refunded")
    assert [whole[name] for name in amounts] == ["421.98", "0.00", "0.00", "5.00", "0.00", "426.98", "0.00", "0.00"]
    assert whole["payment_status"] == "unpaid"
    assert whole["address"] == {
        "street": "123 Main St",
        "city": "New York",
        "state": "NY",
        "postal_code": "10001",
        "country": "US",
    }
    assert [(line["sku"], line["quantity"], line["unit_price"], line["amount"]) for line in whole["lines"]] == [
        ("HEAD-1", 2, "199.99", "399.98"),
        ("SHIRT-L", 1, "22.00", "22.00"),
    ]
    assert [(entry["event"], entry["status"], entry["actor"]) for entry in whole["history"]] == [
        ("placed", "Payment Pending", "customer"),
        ("sent", "Payment Pending", "system"),
    ]
    assert (whole["notes"], whole["delivery_method"], whole["expires_at"]) == ("Ring", "Cash on delivery", None)


def test_nothing_from_inside_is_shown(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1), placement_key=uuid.uuid4())
    _, whole = get(f"orders/{order.pk}/", ada)
    text = json.dumps(whole)
    for secret in (order.placement_key, ada.user.pk, ada.customer.pk, "client_secret", "reservation"):
        assert str(secret) not in text


NOWHERE = ["{other}", str(uuid.UUID(int=7)), "0", "-1", "x", "9" * 18, "9" * 19, "%00", "\N{FULLWIDTH DIGIT ONE}"]


@pytest.mark.parametrize("key", NOWHERE)
def test_another_customers_order_and_none_are_one_answer(shop: Shop, ada: Shopper, bob: Shopper, key: str) -> None:
    other = place(bob, shop.cash, (shop.cable, 1))
    before = written()
    for method, path in (("GET", "orders/{}/"), ("POST", "orders/{}/cancel/")):
        keys = [str(other.pk), str(other.number)] if key == "{other}" else [key]
        for wanted in keys:
            response = send(method, f"/api/v1/{path.format(wanted)}", b"{}", by=ada)
            assert (response.status_code, json.loads(response.content)) == (
                404,
                {"type": "client_error", "errors": [{"code": "not_found", "detail": "Not found.", "attr": None}]},
            )
    assert written() == before


def test_a_customer_cancels_while_it_is_not_sent(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    response = send("POST", f"/api/v1/orders/{order.pk}/cancel/", {"reason": "too late"}, by=ada)
    assert (response.status_code, json.loads(response.content)["status"]) == (200, "Cancelled")
    assert shops.left(shop.cable) == 1000
    again = send("POST", f"/api/v1/orders/{order.number}/cancel", b"", by=ada)
    assert (again.status_code, json.loads(again.content)["errors"][0]["code"]) == (409, "already_cancelled")


def test_what_is_sent_is_not_cancelled(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    send_order(order.pk, actor=actors.SYSTEM)
    before = written()
    response = send("POST", f"/api/v1/orders/{order.pk}/cancel/", {}, by=ada)
    assert (response.status_code, json.loads(response.content)["errors"][0]["code"]) == (409, "already_sent")
    assert written() == before


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        b"false",
        b'""',
        b'"x"',
        b'{"reason": 1e999}',
        b'{"reason": ["a"]}',
        b'{"reason": "\\u0000"}',
    ],
)
def test_a_bad_reason_cancels_nothing(shop: Shop, ada: Shopper, body: bytes) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    response = send("POST", f"/api/v1/orders/{order.pk}/cancel/", body, by=ada)
    assert response.status_code == 400, response.content
    order.refresh_from_db()
    assert order.status == "payment_pending"


def test_list_and_detail_cost_the_same_for_any_number_of_rows(shop: Shop, ada: Shopper) -> None:
    counts = []
    for orders, lines in ((1, 1), (20, 10)):
        for _ in range(orders):
            order = place(ada, shop.cash, *[(shop.cable, 1), (shop.shirt_large, 1)] * lines)
        with statements() as listed:
            assert get("orders/", ada)[0] == 200
        with statements() as detailed:
            assert get(f"orders/{order.pk}/", ada)[0] == 200
        counts.append((len(listed), len(detailed)))
    assert counts == [(2, 7), (2, 7)]
