"""What staff may read and do over /api/v1, and that each refusal says what stands in its way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group

from orders.api.refunds import _CONFLICTS, _FORBIDDEN
from orders.api.refusals import CONFLICTS, FORBIDDEN
from orders.models import Order
from orders_project.roles import ensure_roles
from tests import shop as shops
from tests.shop import Shop, Shopper, access_of, place, send, written


def worker(role: str) -> str:
    """An access token of somebody with this role; of a superuser for none."""
    ensure_roles()
    user = shops.hire(f"{role or 'root'}@example.com", is_superuser=not role)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return access_of(user)


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """An order that is paid on delivery."""
    return place(ada, shop.cash, (shop.cable, 1))


def answer(method: str, path: str, by: Shopper | str, body: Any = b"") -> tuple[int, Any]:
    """Status and body."""
    response = send(method, f"/api/v1/orders/{path}", body, by=by)
    return response.status_code, json.loads(response.content)


@pytest.mark.parametrize("role", ["support", "warehouse", "accounting", ""])
def test_staff_who_may_see_orders_read_any_one_by_id_and_number(order: Order, ada: Shopper, role: str) -> None:
    staff = worker(role)
    seen = answer("GET", f"{order.pk}/", ada)
    assert seen[0] == 200
    assert answer("GET", f"{order.pk}/", staff) == seen
    assert answer("GET", f"{order.number}/", staff) == seen
    assert answer("GET", "", staff)[1]["results"] == []


@pytest.mark.parametrize("role", ["catalogue", "integrations"])
def test_other_staff_do_not_find_it(order: Order, role: str) -> None:
    staff = worker(role)
    for path in ("", "payments/", "refunds/"):
        assert answer("GET", f"{order.pk}/{path}", staff)[0] == 404
    before = written()
    for path in ("cancel/", "payments/", "refunds/"):
        assert answer("POST", f"{order.pk}/{path}", staff, {})[0] == 404
    assert written() == before


@pytest.mark.parametrize("role", ["support", "warehouse"])
def test_staff_who_see_it_and_may_not_do_more_are_told_so(order: Order, role: str) -> None:
    staff = worker(role)
    before = written()
    assert answer("POST", f"{order.pk}/payments/", staff, {"gateway": "stripe"})[0] == 403
    if role == "warehouse":
        assert answer("POST", f"{order.pk}/refunds/", staff, {"kind": "full", "reason": "x"})[0] == 403
    status, problem = answer("POST", f"{order.pk}/cancel/", staff, {})
    told = "Only its customer cancels an order here; staff do it in the back office."
    assert (status, problem["errors"]) == (403, [{"code": "customers_only", "detail": told, "attr": None}])
    assert written() == before


def test_each_refusal_has_its_own_sentence(order: Order, ada: Shopper) -> None:
    texts = {**CONFLICTS, **FORBIDDEN}
    assert CONFLICTS.keys() >= _CONFLICTS
    assert FORBIDDEN.keys() >= _FORBIDDEN
    assert len(set(texts.values())) == len(texts)
    wish = {"kind": "full", "reason": "Returned"}
    status, problem = answer("POST", f"{order.pk}/refunds/", worker("accounting"), wish)
    assert (status, problem["errors"]) == (
        409,
        [
            {
                "code": "nothing_to_refund",
                "detail": "Nothing of the order's money is left to give back.",
                "attr": None,
            }
        ],
    )
