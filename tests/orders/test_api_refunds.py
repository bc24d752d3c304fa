"""Refunds on /api/v1: staff give money back and agree to it, the customer looks on, for anybody else there are none."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.contrib.auth.models import Group

from orders import actors
from orders.approval_limits import read_limits
from orders.cash import collect_cash
from orders.fulfilment import deliver_order, send_order
from orders.models import Order, OrderRefund
from orders_project.idempotency.models import KeptAnswer
from orders_project.roles import ensure_roles
from tests import shop as shops
from tests.shop import Shop, Shopper, access_of, give_back, place, send, written
from tests.statements import statements


def worker(role: str, name: str = "") -> str:
    """The access token of a member of staff in a role."""
    ensure_roles()
    user = shops.hire(f"{name or role}@example.com")
    user.groups.add(Group.objects.get(name=role))
    return access_of(user)


@pytest.fixture
def clerk(db: None) -> str:
    """Who gives money back."""
    return worker("accounting", "clerk")


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """Three cables and a shirt for 50.50, delivered for 5.00 USD, paid in cash."""
    placed = place(ada, shop.cash, (shop.cable, 3), (shop.shirt_large, 1))
    collect_cash(placed.pk, amount=placed.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    send_order(placed.pk, actor=actors.SYSTEM)
    return deliver_order(placed.pk, actor=actors.SYSTEM)


def ask(order: Order, body: Any, by: Shopper | str | None, key: str | None = None, what: str = "") -> tuple[int, Any]:
    """Status and value of a POST."""
    response = send("POST", f"/api/v1/orders/{order.pk}/refunds/{what}", body, by=by, key=key)
    return response.status_code, json.loads(response.content)


def get(path: str, by: Shopper | str | None) -> tuple[int, Any]:
    """Status and value of a GET."""
    response = send("GET", f"/api/v1/{path}", by=by)
    return response.status_code, json.loads(response.content)


def faults(value: Any) -> list[tuple[str, str | None]]:
    """The codes of a refusal and the fields they are about."""
    return [(error["code"], error["attr"]) for error in value["errors"]]


def test_lines_go_back_and_the_answer_says_so(shop: Shop, order: Order, clerk: str) -> None:
    body = {"lines": [{"line": 1, "quantity": 2, "restock": True}], "delivery": True, "reason": "Broken"}
    response = send("POST", f"/api/v1/orders/{order.number}/refunds", body, by=clerk)
    refund = json.loads(response.content)
    assert (response.status_code, response["Location"]) == (201, f"/api/v1/orders/{order.pk}/refunds/{refund['id']}/")
    assert refund.pop("requested_at").endswith("Z")
    assert refund == {
        "id": str(OrderRefund.objects.get().pk),
        "order_id": str(order.pk),
        "kind": "lines",
        "state": "succeeded",
        "destination": "original",
        "amount": "24.00",
        "currency": "USD",
        "tax": "0.00",
        "delivery": "5.00",
        "credits": "0.00",
        "returned": "24.00",
        "failed": "0.00",
        "reason": "Broken",
        "needs_approval": False,
        "decided_at": None,
        "lines": [
            {
                "line": 1,
                "sku": "CABLE-1",
                "title": "Cable",
                "quantity": 2,
                "amount": "19.00",
                "discount": "0.00",
                "tax": "0.00",
                "restock": True,
            }
        ],
    }
    assert shops.left(shop.cable) == 999
    status, one = get(f"orders/{order.pk}/refunds/{refund['id']}/", clerk)
    assert (status, one["id"]) == (200, refund["id"])


@pytest.mark.parametrize(
    ("body", "kind", "amount"),
    [
        ({"amount": "1.50", "reason": "Late"}, "partial", "1.50"),
        ({"amount": "1.50", "kind": "goodwill", "reason": "Late"}, "goodwill", "1.50"),
        ({"kind": "full", "reason": "Late"}, "full", "55.50"),
        ({"delivery": True, "reason": "Late"}, "lines", "5.00"),
        ({"lines": [{"line": 2, "quantity": 1}], "amount": "20", "reason": "Worn"}, "lines", "20.00"),
    ],
)
def test_what_is_left_out_follows_from_what_is_there(
    order: Order, clerk: str, body: Any, kind: str, amount: str
) -> None:
    status, refund = ask(order, body, clerk)
    assert (status, refund["kind"], refund["amount"]) == (201, kind, amount)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"reason": "x"}, [("required", "kind")]),
        ({"kind": "full"}, [("required", "reason")]),
        ({"kind": "full", "reason": ""}, [("blank", "reason")]),
        ({"kind": "full", "reason": "a\nb"}, [("invalid", "reason")]),
        ({"kind": "full", "reason": "x" * 201}, [("max_length", "reason")]),
        ({"kind": "whole", "reason": "x"}, [("invalid_choice", "kind")]),
        ({"amount": 12.5, "reason": "x"}, [("invalid", "amount")]),
        ({"amount": 12, "reason": "x"}, [("invalid", "amount")]),
        ({"amount": "1.505", "reason": "x"}, [("amount_invalid", "amount")]),
        ({"amount": "1e1", "reason": "x"}, [("amount_invalid", "amount")]),
        ({"amount": "\u0661", "reason": "x"}, [("amount_invalid", "amount")]),
        ({"amount": "0", "reason": "x"}, [("amount_not_left", "amount")]),
        ({"amount": "-1", "reason": "x"}, [("amount_not_left", "amount")]),
        ({"amount": "55.51", "reason": "x"}, [("amount_not_left", "amount")]),
        ({"ammount": "5", "kind": "full", "reason": "x"}, [("unknown", "ammount")]),
        ({"lines": [{"line": 1, "quantity": "1"}], "reason": "x"}, [("invalid", "lines.0.quantity")]),
        ({"lines": [{"line": 1, "quantity": 1.0}], "reason": "x"}, [("invalid", "lines.0.quantity")]),
        ({"lines": [{"line": True, "quantity": 1}], "reason": "x"}, [("invalid", "lines.0.line")]),
        ({"lines": [{"line": 1, "quantity": 0}], "reason": "x"}, [("min_value", "lines.0.quantity")]),
        ({"lines": [{"line": 1, "quantity": 1, "restock": "yes"}], "reason": "x"}, [("invalid", "lines.0.restock")]),
        ({"lines": [{"line": 1, "quantity": 1, "stock": True}], "reason": "x"}, [("unknown", "lines.0.stock")]),
        ({"lines": [{"line": 1, "quantity": 4}], "reason": "x"}, [("quantity_invalid", "lines.0.quantity")]),
        ({"lines": [{"line": 7, "quantity": 1}], "reason": "x"}, [("line_unknown", "lines.0.line")]),
        ({"lines": [], "reason": "x"}, [("required", "kind")]),
        ({"lines": [], "kind": "lines", "reason": "x"}, [("lines_missing", "lines")]),
        ({"delivery": 1, "reason": "x"}, [("invalid", "delivery")]),
        ({"kind": "full", "amount": "1", "reason": "x"}, [("amount_not_expected", "amount")]),
        ({"kind": "full", "destination": "cash", "reason": "x"}, [("invalid_choice", "destination")]),
        (["x"], [("invalid", "non_field_errors")]),
        (b"{", [("parse_error", None)]),
    ],
)
def test_what_cannot_be_read_or_done_is_refused_by_field(order: Order, clerk: str, body: Any, expected: Any) -> None:
    before = written()
    status, value = ask(order, body, clerk)
    assert (status, faults(value)) == (400, expected)
    assert written() == before


def test_when_nothing_is_left_it_is_a_conflict(order: Order, clerk: str) -> None:
    give_back(order.pk, order.total)
    before = written()
    status, value = ask(order, {"kind": "full", "reason": "x"}, clerk)
    assert (status, faults(value)) == (409, [("nothing_to_refund", None)])
    assert written() == before


def test_a_second_person_agrees(order: Order, clerk: str, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:10")
    second = worker("accounting", "second")
    status, refund = ask(order, {"kind": "full", "reason": "x"}, clerk)
    assert (status, refund["state"], refund["needs_approval"], refund["returned"]) == (201, "requested", True, "0.00")
    before = written()
    status, value = ask(order, {}, clerk, what=f"{refund['id']}/approve/")
    assert (status, faults(value)) == (403, [("second_person_needed", None)])
    status, value = ask(order, {"force": True}, second, what=f"{refund['id']}/approve/")
    assert (status, faults(value)) == (400, [("unknown", "force")])
    assert written() == before
    status, approved = ask(order, {}, second, what=f"{refund['id']}/approve/")
    assert (status, approved["state"], approved["returned"]) == (200, "succeeded", "55.50")
    assert approved["decided_at"]
    status, value = ask(order, {}, second, what=f"{refund['id']}/approve/")
    assert (status, faults(value)) == (409, [("already_decided", None)])


def test_a_second_person_refuses(order: Order, clerk: str, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:10")
    _, refund = ask(order, {"kind": "full", "reason": "x"}, clerk)
    second = worker("accounting", "second")
    status, value = ask(order, {}, second, what=f"{refund['id']}/refuse/")
    assert (status, faults(value)) == (400, [("required", "reason")])
    status, refused = ask(order, {"reason": "Not seen"}, second, what=f"{refund['id']}/refuse/")
    assert (status, refused["state"]) == (200, "refused")


def test_who_may_do_what(shop: Shop, order: Order, ada: Shopper, bob: Shopper, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:10")
    support, warehouse, nobody = worker("support"), worker("warehouse"), access_of(shops.hire("new@example.com"))
    _, refund = ask(order, {"kind": "full", "reason": "x"}, support)
    before = written()
    asked = {"amount": "1", "reason": "x"}
    callers: dict[str, Shopper | str | None] = {
        "owner": ada,
        "other": bob,
        "warehouse": warehouse,
        "new": nobody,
        "none": None,
    }
    answers = {
        name: (
            get(f"orders/{order.pk}/refunds/", by)[0],
            get(f"orders/{order.pk}/refunds/{refund['id']}/", by)[0],
            ask(order, asked, by)[0],
            ask(order, {}, by, what=f"{refund['id']}/approve/")[0],
            ask(order, {"reason": "x"}, by, what=f"{refund['id']}/refuse/")[0],
        )
        for name, by in callers.items()
    }
    assert answers == {
        "owner": (200, 200, 403, 403, 403),
        "other": (404, 404, 404, 404, 404),
        "warehouse": (200, 200, 403, 403, 403),
        "new": (404, 404, 404, 404, 404),
        "none": (401, 401, 401, 401, 401),
    }
    assert ask(order, {}, support, what=f"{refund['id']}/approve/")[0] == 403
    assert written() == before
    # Its own request, it may take back.
    assert ask(order, {"reason": "A mistake"}, support, what=f"{refund['id']}/refuse/")[0] == 200


def test_staff_sign_in_as_everybody_does(order: Order) -> None:
    ensure_roles()
    user = shops.hire("pat@example.com", password="correct horse battery")
    user.groups.add(Group.objects.get(name="accounting"))
    told = {"email": "pat@example.com", "password": "correct horse battery"}
    token = json.loads(send("POST", "/api/v1/auth/token/", told).content)["access"]
    assert ask(order, {"amount": "1", "reason": "x"}, token)[0] == 201


def test_a_refund_of_another_order_is_not_found(shop: Shop, ada: Shopper, order: Order, clerk: str) -> None:
    give_back(order.pk, order.total)
    other = place(ada, shop.cash, (shop.cable, 1))
    refund = OrderRefund.objects.get()
    for key in (str(refund.pk), str(uuid.UUID(int=7)), "x"):
        assert get(f"orders/{other.pk}/refunds/{key}/", clerk)[0] == 404
        assert ask(other, {}, clerk, what=f"{key}/approve/")[0] == 404


def test_a_key_makes_it_one_refund_even_if_the_answer_was_never_kept(order: Order, clerk: str) -> None:
    body = {"amount": "1.00", "reason": "x"}
    first = ask(order, body, clerk, key="once")
    assert ask(order, body, clerk, key="once") == first
    # A crash came between the refund and its answer.
    KeptAnswer.objects.update(status=None, locked_at="2020-01-01T00:00Z")
    assert ask(order, body, clerk, key="once") == first
    assert OrderRefund.objects.count() == 1
    assert ask(order, {**body, "amount": "2.00"}, clerk, key="once")[0] == 422


def test_the_list_comes_in_pages_and_costs_the_same_for_any_number_of_refunds(
    order: Order, ada: Shopper, clerk: str
) -> None:
    counts = []
    for number in (1, 5):
        for _ in range(number):
            assert ask(order, {"amount": "0.10", "reason": "x"}, clerk)[0] == 201
        with statements() as told:
            status, page = get(f"orders/{order.pk}/refunds/", ada)
        counts.append(len(told))
        assert (status, page["next"]) == (200, None)
    ask(order, {"lines": [{"line": 1, "quantity": 1}, {"line": 2, "quantity": 1}], "reason": "x"}, clerk)
    seen: list[str] = []
    path: str | None = f"orders/{order.pk}/refunds/?limit=3"
    while path:
        _, page = get(path, ada)
        seen += [refund["id"] for refund in page["results"]]
        path = page["next"] and page["next"].partition("/api/v1/")[2]
    assert seen == [str(pk) for pk in OrderRefund.objects.order_by("-pk").values_list("pk", flat=True)]
    assert counts == [5, 5]


# --- credit ---------------------------------------------------------------------------------------------------------


def test_a_customer_sees_their_credit_and_how_it_came(order: Order, ada: Shopper, bob: Shopper, clerk: str) -> None:
    assert get("credits/", ada) == (200, {"balances": [], "next": None, "results": []})
    for amount in ("1.00", "2.50", "3.00"):
        assert ask(order, {"amount": amount, "destination": "credit", "reason": "x"}, clerk)[0] == 201
    status, credit = get("credits/?limit=2", ada)
    whole = {"amount": "6.50", "expires_at": None}
    balance = {"currency": "USD", "balance": "6.50", "spendable": "6.50", "terms": [whole]}
    assert (status, credit["balances"]) == (200, [balance])
    entry = dict(credit["results"][0])
    assert entry.pop("at").endswith("Z")
    assert isinstance(entry.pop("id"), int)
    told = {"what": "refunded", "kind": "refund", "amount": "3.00", "currency": "USD", "order_id": str(order.pk)}
    assert entry == {**told, "expires_at": None}
    _, rest = get(credit["next"].partition("/api/v1/")[2], ada)
    assert [one["amount"] for one in credit["results"] + rest["results"]] == ["3.00", "2.50", "1.00"]
    assert get("credits/", bob)[1]["balances"] == []
    assert get("credits/?cursor=x", ada)[0] == 400
    with statements() as asked:
        get("credits/", ada)
    assert len(asked) == 4
