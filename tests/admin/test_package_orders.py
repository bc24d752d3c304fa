"""Orders with packages and the memberships that they have given days to, each shown on the other's page."""

from __future__ import annotations

from django.test import Client

from customers.models import Membership
from kit.money import Money
from tests.members import open_tiers
from tests.orders.memberships.buying import bought
from tests.shop import Shopper, give_back


def test_an_order_and_its_membership_show_each_other(root: Client, ada: Shopper) -> None:
    order = bought(ada, (open_tiers()[0], 1))
    membership = f"/admin/customers/membership/{Membership.objects.get().pk}/change/"
    page = root.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    assert "30 days of Bronze Package" in page
    assert f'href="{membership}"' in page
    assert f'href="/admin/orders/order/{order.pk}/change/"' in root.get(membership).content.decode()


def test_an_order_shows_what_its_package_has_come_to(root: Client, ada: Shopper) -> None:
    bronze, silver, _ = open_tiers()
    both = bought(ada, (bronze, 1), (silver, 1))
    page = f"/admin/orders/order/{both.pk}/change/"
    assert "49.00 USD stands as the customer" in root.get(page).content.decode()
    give_back(both.pk, Money(19_800, "USD"))
    content = root.get(page).content.decode()
    assert "Undone" in content
    assert "stands as the customer" not in content
