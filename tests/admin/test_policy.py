"""The back office's pages and no others may do what its JavaScript needs."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.admin.conftest import SignIn, cash_order, page
from tests.shop import Shop, Shopper


def _policy(client: Client, address: str) -> dict[str, str]:
    header = client.get(address).headers["Content-Security-Policy"]
    return {name: values for name, _, values in (part.strip().partition(" ") for part in header.split(";"))}


def test_pages_of_the_back_office_have_its_policy(root: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    for address in ("/admin/", "/admin/orders/order/", page(order), page(order, "cancel"), "/admin/nowhere/"):
        policy = _policy(root, address)
        assert policy["script-src"] == "'self' 'unsafe-eval'", address
        assert policy["style-src"] == "'self' 'unsafe-inline'"
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["form-action"] == "'self'"


def test_the_sign_in_page_has_it_too(db: None) -> None:
    assert _policy(Client(), "/admin/login/")["script-src"] == "'self' 'unsafe-eval'"


@pytest.mark.parametrize("address", ["/api/v1/health/", "/api/v1/products/", "/nowhere", "/administration"])
def test_nothing_else_may_evaluate_or_style_inline(address: str, root: Client) -> None:
    policy = _policy(root, address)
    assert "unsafe" not in "".join(policy.values())


def test_pages_have_no_script_of_their_own(sign_in: SignIn, root: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    for address in ("/admin/", "/admin/orders/order/", page(order), page(order, "collect_cash")):
        content = root.get(address).content.decode()
        for opening in content.split("<script")[1:]:
            attributes = opening.partition(">")[0]
            assert "src=" in attributes or "application/json" in attributes, attributes
        assert "onclick=" not in content
