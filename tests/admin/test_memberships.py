"""Memberships with their history, upgrades on their way, and the packages behind them, as staff see them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from catalog.models import Package, Product
from customers.memberships import acts, upgrades
from customers.memberships.upgrades import upgrade_in_progress
from customers.models import Membership, UpgradeProcess
from kit.ids import new_id
from tests import shop
from tests.admin.conftest import ANONYMOUS, CUSTOMER, EVERYBODY, SUPERUSER, SignIn, messages_of
from tests.admin.test_catalogue import _product, _variants
from tests.members import on_day, open_tiers
from tests.shop import Shopper, written

pytestmark = pytest.mark.without_orders

MEMBERSHIPS, UPGRADES, PACKAGES = (
    "/admin/customers/membership/",
    "/admin/customers/upgradeprocess/",
    "/admin/catalog/package/",
)


@pytest.fixture
def member(ada: Shopper) -> Membership:
    """A member of the lowest tier who has renewed once."""
    bronze = open_tiers()[0]
    with on_day(0):
        acts.begin(ada.customer.pk, bronze, order_id=new_id(), by_id=ada.user.pk)
        return acts.renew(ada.customer.pk, bronze, order_id=new_id()).membership


@pytest.fixture
def automatic(member: Membership) -> UpgradeProcess:
    """An upgrade that the shop gives."""
    with on_day(0):
        return upgrades.begin_upgrade(
            member.customer_id, Package.objects.get(tier=20), reason="5,000 USD within 30 days"
        )


def found(client: Client, address: str, **asked: str) -> list[Any]:
    """The rows of a list."""
    response = client.get(address, asked)
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


# --- memberships ----------------------------------------------------------------------------------------------------


def test_a_membership_is_found_by_member_id_and_state(root: Client, member: Membership) -> None:
    other = shop.sign_up("bob@example.com").customer
    with on_day(0):
        another = acts.begin(other.pk, Package.objects.get(tier=20)).membership
    for term in ("ada@example.com", "ada@", str(member.customer_id), str(member.pk)):
        assert found(root, MEMBERSHIPS, q=term) == [member.pk], term
    assert found(root, MEMBERSHIPS) == [another.pk, member.pk]
    assert found(root, MEMBERSHIPS, state="active") == [another.pk, member.pk]
    assert found(root, MEMBERSHIPS, state="expired") == found(root, MEMBERSHIPS, q="zed@") == []
    assert found(root, MEMBERSHIPS, customer__id__exact=str(other.pk)) == [another.pk]


def test_a_membership_shows_everything_that_happened_to_it(root: Client, member: Membership) -> None:
    content = root.get(f"{MEMBERSHIPS}{member.pk}/change/").content.decode()
    for row in member.history.all():
        assert str(row.order_id) in content
    for part in ("ada@example.com", "Bronze Package", "Begun", "Renewed", "+30"):
        assert part in content


def test_a_customers_page_leads_to_place_and_memberships(sign_in: SignIn, member: Membership) -> None:
    address = f"/admin/customers/customer/{member.customer_id}/change/"
    links = (
        f"{MEMBERSHIPS}?customer__id__exact={member.customer_id}",
        f"/admin/customers/placement/{member.customer_id}/change/",
    )
    for role, shows in (("support", (True, True)), ("accounting", (True, False)), ("warehouse", (False, False))):
        content = sign_in(role).get(address).content.decode()
        assert tuple(f'href="{link}"' in content for link in links) == shows, role


@pytest.mark.parametrize("role", EVERYBODY)
def test_no_form_changes_a_membership(role: str, sign_in: SignIn, member: Membership) -> None:
    client, before = sign_in(role), written()
    refusal = 302 if role in (CUSTOMER, ANONYMOUS) else 403
    typed = {"state": "expired", "tier": "30", "ends_at_0": "2099-01-01", "ends_at_1": "00:00:00"}
    assert client.post(f"{MEMBERSHIPS}{member.pk}/change/", typed).status_code == refusal
    assert client.post(f"{MEMBERSHIPS}{member.pk}/delete/", {"post": "yes"}).status_code == refusal
    after = Membership.objects.get()
    assert (after.state, after.tier, after.ends_at) == ("active", 10, member.ends_at)
    assert written() == before


# --- upgrades -------------------------------------------------------------------------------------------------------


def test_an_upgrade_of_the_shops_own_is_abandoned_with_a_reason(root: Client, automatic: UpgradeProcess) -> None:
    page = f"{UPGRADES}{automatic.pk}/change/"
    act = f"{UPGRADES}{automatic.pk}/abandon/"
    assert "5,000 USD within 30 days" in root.get(UPGRADES).content.decode()
    assert f'href="{act}"' in root.get(page).content.decode()
    assert root.post(act, {"reason": ""}).status_code == 200
    response = root.post(act, {"reason": "Returned goods"}, follow=True)
    assert messages_of(response) == ["The upgrade is abandoned."]
    automatic.refresh_from_db()
    assert (automatic.state, automatic.reason) == ("abandoned", "Returned goods")
    assert upgrade_in_progress(automatic.customer_id) is None
    assert f'href="{act}"' not in root.get(page).content.decode()
    again = root.post(act, {"reason": "Twice"}, follow=True)
    assert messages_of(again) == ["Only an automatic upgrade in progress can be abandoned here."]
    automatic.refresh_from_db()
    assert automatic.reason == "Returned goods"


def test_an_ordered_upgrade_ends_with_its_order(root: Client, member: Membership) -> None:
    order = new_id()
    with on_day(0):
        process = upgrades.begin_upgrade(member.customer_id, Package.objects.get(tier=20), order_id=order)
    act = f"{UPGRADES}{process.pk}/abandon/"
    assert f'href="{act}"' not in root.get(f"{UPGRADES}{process.pk}/change/").content.decode()
    root.post(act, {"reason": "why not"})
    process.refresh_from_db()
    assert process.state == "in_progress"
    for term in (str(order), str(member.customer_id), "ada@"):
        assert found(root, UPGRADES, q=term) == [process.pk]


@pytest.mark.parametrize("role", EVERYBODY)
def test_only_who_keeps_the_network_abandons_upgrades(role: str, sign_in: SignIn, automatic: UpgradeProcess) -> None:
    may = role in ("network", SUPERUSER)
    refusal = 302 if role in (CUSTOMER, ANONYMOUS) else 403
    client, act = sign_in(role), f"{UPGRADES}{automatic.pk}/abandon/"
    assert client.get(act).status_code == (200 if may else refusal)
    assert client.post(act, {"reason": "why not"}).status_code == (302 if may else refusal)
    automatic.refresh_from_db()
    assert automatic.state == ("abandoned" if may else "in_progress")


# --- packages -------------------------------------------------------------------------------------------------------


@pytest.fixture
def clerk(sign_in: SignIn) -> Client:
    """Somebody who decides what is on sale."""
    return sign_in("catalogue")


def test_a_product_of_kind_package_becomes_one(clerk: Client) -> None:
    clerk.post("/admin/catalog/product/add/", _product(kind="package", **_variants({"sku": "GOLD", "price": "399"})))
    product = Product.objects.get()
    for refused in ({"tier": "0", "validity_days": "365"}, {"tier": "30", "validity_days": "0"}):
        assert clerk.post(f"{PACKAGES}add/", {"product": product.pk, **refused}).status_code == 200
        assert not Package.objects.exists()
    typed = {"product": product.pk, "tier": "30", "validity_days": "365"}
    assert clerk.post(f"{PACKAGES}add/", typed).status_code == 302
    assert Package.objects.values_list("product", "tier", "validity_days", "on_sale").get() == (
        product.pk,
        30,
        365,
        True,
    )
    content = clerk.get(PACKAGES).content.decode()
    for part in ("Mug", "399.00 USD", "365 days"):
        assert part in content


def test_nothing_else_becomes_a_package(clerk: Client, db: None) -> None:
    mug = shop.add_article("Mug", "MUG", 500)
    assert (
        clerk.post(f"{PACKAGES}add/", {"product": mug.product_id, "tier": "1", "validity_days": "30"}).status_code
        == 200
    )
    assert not Package.objects.exists()


def _save(client: Client, product_id: Any, *, sku: str, tier: int, active: bool = True) -> Any:
    """The product's own page, with its package."""
    variant = Product.objects.get(pk=product_id).variants.get()
    typed = _product(**_variants({"id": variant.pk, "sku": sku, "price": "49"}, known=1))
    typed |= {"package-TOTAL_FORMS": 1, "package-INITIAL_FORMS": 1, "package-0-product": product_id}
    typed |= {"package-0-tier": tier, "package-0-validity_days": 30}
    if not active:
        del typed["active"]
    return client.post(f"/admin/catalog/product/{product_id}/change/", typed)


def test_a_package_is_changed_on_its_products_page(clerk: Client, db: None) -> None:
    bronze, silver, _ = open_tiers()
    assert _save(clerk, bronze.product_id, sku="TIER-10", tier=15).status_code == 302
    assert Package.objects.get(pk=bronze.product_id).tier == 15
    taken = _save(clerk, bronze.product_id, sku="TIER-10", tier=20)
    assert taken.status_code == 200
    assert "Another package on sale has this tier." in taken.content.decode()
    assert Package.objects.get(pk=bronze.product_id).tier == 15
    # Off sale it may be of any tier, and then it does not come back beside the other.
    assert _save(clerk, bronze.product_id, sku="TIER-10", tier=20, active=False).status_code == 302
    back = _save(clerk, bronze.product_id, sku="TIER-10", tier=20)
    assert "Another package on sale has the same tier." in back.content.decode()
    assert Package.objects.filter(tier=20, on_sale=True).get().pk == silver.product_id


def test_a_tier_that_is_taken_is_refused_on_the_packages_own_page(clerk: Client, db: None) -> None:
    bronze, _, _ = open_tiers()
    page = f"{PACKAGES}{bronze.product_id}/change/"
    assert clerk.post(page, {"tier": "20", "validity_days": "60"}).status_code == 200
    assert clerk.post(page, {"tier": "25", "validity_days": "60"}).status_code == 302
    package = Package.objects.get(pk=bronze.product_id)
    assert (package.tier, package.validity_days) == (25, 60)
