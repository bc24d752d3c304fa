"""Links to invoices: whoever has one sees that invoice and no other."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orders.invoices.links import invoice_url, is_signed
from tests.shop import Shop, Shopper, place


def test_a_link_names_the_order_and_is_signed(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://shop.example.com"
    order = place(ada, shop.cash, (shop.cable, 1))
    match = re.fullmatch(
        rf"https://shop\.example\.com/order/{order.number}/invoice\?signature=([0-9a-f]{{64}})", invoice_url(order)
    )
    assert match is not None
    assert is_signed(order, match[1])


def test_no_other_signature_counts(shop: Shop, ada: Shopper) -> None:
    order, other = place(ada, shop.cash, (shop.cable, 1)), place(ada, shop.cash, (shop.cable, 1))
    signature = invoice_url(order).rpartition("=")[2]
    assert not is_signed(other, signature)
    for wrong in ("", signature[:-1], signature.upper(), signature[::-1], None, "é" * 64):
        assert not is_signed(order, wrong)


@pytest.mark.parametrize(("keys", "counts"), [(["new" * 20, "old" * 20], True), (["new" * 20], False)])
def test_links_outlive_a_rotation_of_keys(
    shop: Shop, ada: Shopper, settings: Any, keys: list[str], counts: bool
) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    settings.SECRET_KEYS = ["old" * 20]
    signature = invoice_url(order).rpartition("=")[2]
    settings.SECRET_KEYS = keys
    assert is_signed(order, signature) is counts
