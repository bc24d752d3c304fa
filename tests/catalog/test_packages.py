"""Packages: a tier, a period and a price, one of each tier on sale, whatever way the rows are written."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.db import IntegrityError, transaction

from catalog import packages
from catalog.models import Package, Product, Variant
from catalog.packages import PackageOffer
from kit.money import Money
from tests.catalog.conftest import MakeProduct
from tests.concurrency.racing import PATIENCE_S, outcome, together, wait_until_somebody_waits_for_a_lock
from tests.statements import statements


def add_package(make_product: MakeProduct, title: str, tier: int, days: int = 365, price: int = 4900) -> Product:
    """A package on sale."""
    product = make_product(title, {title.upper(): (price, "USD", 10)}, kind="package")
    Package.objects.create(product=product, tier=tier, validity_days=days)
    return product


def test_packages_on_sale_are_told_with_tier_period_and_price_the_lowest_first(make_product: MakeProduct) -> None:
    gold = add_package(make_product, "Gold", 20, 730, 39900)
    bronze = add_package(make_product, "Bronze", 10)
    away = add_package(make_product, "Away", 30)
    Product.objects.filter(pk=away.pk).update(active=False)
    bare = add_package(make_product, "Bare", 40)
    Variant.objects.filter(product=bare).update(active=False)
    make_product("Tea", {"TEA": (1200, "JPY", 5)})

    told = PackageOffer(gold.pk, gold.number, "Gold", 20, 730, Money(39900, "USD"))
    with statements() as sent:
        on_sale = packages.packages_on_sale()
    assert [offer.title for offer in on_sale] == ["Bronze", "Gold"]
    assert on_sale[1] == told
    assert len(sent) == 1
    assert packages.find_package(gold.number) == packages.find_package(gold.pk) == told
    assert [packages.find_package(product.number) for product in (away, bare)] == [None, None]
    assert packages.find_package(uuid.uuid4()) is None
    assert packages.find_package(bronze.number + 1_000_000) is None


def test_the_price_of_a_package_is_its_default_variants(make_product: MakeProduct) -> None:
    product = make_product("Gold", {"GOLD-A": (500, "USD", 1), "GOLD-B": (300, "USD", 1)}, kind="package")
    Package.objects.create(product=product, tier=1, validity_days=30)
    found = packages.find_package(product.pk)
    assert found is not None
    assert found.price == Money(500, "USD")


def test_a_product_knows_its_package_on_sale_or_not(make_product: MakeProduct) -> None:
    gold = add_package(make_product, "Gold", 20)
    Product.objects.filter(pk=gold.pk).update(active=False)
    found = packages.package_of(gold)
    assert found is not None
    assert (found.tier, found.validity_days, found.on_sale) == (20, 365, False)
    assert packages.package_of(make_product("Plain", {"PLAIN": (100, "USD", 1)}, kind="package")) is None


@pytest.mark.parametrize(
    ("tier", "days", "constraint"),
    [
        (0, 30, "package_tier_counts_from_one"),
        (1, 0, "package_validity_in_bounds"),
        (1, 3661, "package_validity_in_bounds"),
    ],
)
def test_a_package_has_a_tier_and_a_period(make_product: MakeProduct, tier: int, days: int, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        add_package(make_product, "Gold", tier, days)
    assert not Package.objects.exists()


@pytest.mark.parametrize("kind", ["physical", "flyer"])
def test_nothing_but_a_package_makes_a_member(make_product: MakeProduct, kind: str) -> None:
    product = make_product("Tea", {"TEA": (1200, "JPY", 5)}, kind=kind)
    with pytest.raises(IntegrityError, match="is no package"), transaction.atomic():
        Package.objects.create(product=product, tier=1, validity_days=30)
    gold = add_package(make_product, "Gold", 20)
    with pytest.raises(IntegrityError, match="is no package"), transaction.atomic():
        Product.objects.filter(pk=gold.pk).update(kind=kind)
    gold.refresh_from_db()
    assert gold.kind == "package"


def test_a_tier_is_one_packages_as_long_as_both_would_be_on_sale(make_product: MakeProduct) -> None:
    old = add_package(make_product, "Old", 1)
    with pytest.raises(IntegrityError, match="package_tier_once_on_sale"), transaction.atomic():
        add_package(make_product, "New", 1)

    Product.objects.filter(pk=old.pk).update(active=False)
    add_package(make_product, "New", 1)
    with pytest.raises(IntegrityError, match="package_tier_once_on_sale"), transaction.atomic():
        Product.objects.filter(pk=old.pk).update(active=True)
    assert list(Package.objects.order_by("pk").values_list("tier", "on_sale")) == [(1, False), (1, True)]


def test_a_package_made_while_its_product_goes_off_sale_is_off_sale(make_product: MakeProduct) -> None:
    """Whichever of the two is first: the row that is made waits for the product, or the product finds the row."""
    product = make_product("Gold", {"GOLD": (500, "USD", 1)}, kind="package")
    is_going = threading.Event()

    def take_off_sale() -> None:
        with transaction.atomic():
            Product.objects.filter(pk=product.pk).update(active=False)
            is_going.set()
            wait_until_somebody_waits_for_a_lock()

    def make_package() -> None:
        is_going.wait(PATIENCE_S)
        Package.objects.create(product=product, tier=1, validity_days=30)

    assert together([outcome(take_off_sale), outcome(make_package)]) == [None, None]
    assert Package.objects.get().on_sale is False
