"""Invoices and tax rates in the back office: found, downloaded, never changed; and who may see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import TaxRate
from catalog.tax_rates.keeping import today
from kit.money import Money
from orders.models import Invoice, Order
from tests.orders.invoices.test_issuing import pay
from tests.orders.taxes.test_orders import buy, rate
from tests.shop import Shop, Shopper, give_back, hire, place, written

LIST = "/admin/orders/invoice/"


@pytest.fixture
def root(db: None) -> Client:
    """A superuser's session."""
    client = Client()
    client.force_login(hire("root@example.com", is_superuser=True))
    return client


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """A paid order with 1.00 USD back."""
    return give_back(pay(place(ada, shop.cash, (shop.cable, 1))).pk, Money(100, "USD"))


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, response
    return response.content.decode()


@pytest.mark.parametrize("term", ["INV", "number", "ada@", "order"])
def test_a_document_is_found_by_its_number_its_order_and_its_buyer(root: Client, order: Order, term: str) -> None:
    invoice = order.invoices.get(kind="invoice")
    text = {"number": invoice.number.lower(), "order": str(order.number)}.get(term, term)
    found = page(root, f"{LIST}?q={text}")
    assert invoice.number in found
    note = order.invoices.get(kind="credit_note")
    assert (note.number in found) == (term in ("ada@", "order"))


def test_it_is_shown_with_its_downloads_and_changed_by_nobody(root: Client, order: Order) -> None:
    invoice = order.invoices.get(kind="invoice")
    address = reverse("admin:orders_invoice_change", args=[invoice.pk])
    text = page(root, address)
    assert "format=pdf" in text
    assert "format=xml" in text
    before = written()
    assert root.post(address, {"number": "INV-X"}).status_code == 403
    assert root.get(f"{LIST}add/").status_code == 403
    assert root.post(reverse("admin:orders_invoice_delete", args=[invoice.pk])).status_code == 403
    assert written() == before


def test_the_list_costs_the_same_for_any_number_of_rows(
    root: Client, shop: Shop, ada: Shopper, django_assert_max_num_queries: Any
) -> None:
    for _ in range(4):
        pay(place(ada, shop.cash, (shop.cable, 1)))
    with django_assert_max_num_queries(8):
        page(root, LIST)


def test_the_page_of_an_order_shows_its_documents_and_its_taxes(root: Client, shop: Shop, ada: Shopper) -> None:
    rate("New York", "US", 40_000, state="NY")
    taxed = pay(buy(ada, shop, (shop.cable, 1)))
    text = page(root, reverse("admin:orders_order_change", args=[taxed.pk]))
    assert Invoice.objects.get().number in text
    assert "New York 4\N{NO-BREAK SPACE}%" in text
    open_ = place(ada, shop.cash, (shop.cable, 1))
    assert "Pro-forma" in page(root, reverse("admin:orders_order_change", args=[open_.pk]))


# --- tax rates ------------------------------------------------------------------------------------------------------

RATES = "/admin/catalog/taxrate/"


def form(**fields: str) -> dict[str, str]:
    return {
        "name": "VAT",
        "rate_ppm": "8.875",
        "zero_reason": "",
        "category": "standard",
        "country": "Germany",
        "state": "",
        "postcodes": "",
        "valid_from": str(today() + timedelta(days=1)),
        "valid_until": "",
        **fields,
    }


def test_a_rate_is_typed_and_shown_as_a_percentage(root: Client) -> None:
    assert root.post(f"{RATES}add/", form()).status_code == 302
    made = TaxRate.objects.get()
    assert (made.rate_ppm, made.country) == (88_750, "DE")
    assert "8.875 %" in page(root, RATES)
    address = reverse("admin:catalog_taxrate_change", args=[made.pk])
    assert root.post(address, form(rate_ppm="9 %")).status_code == 302
    assert TaxRate.objects.get().rate_ppm == 90_000


@pytest.mark.parametrize(
    "wrong", [{"rate_ppm": "101"}, {"rate_ppm": "x"}, {"country": "Atlantis"}, {"state": "ZZ", "country": "US"}]
)
def test_what_is_no_rate_is_refused(root: Client, wrong: dict[str, str]) -> None:
    assert root.post(f"{RATES}add/", form(**wrong)).status_code == 200
    assert not TaxRate.objects.exists()


def test_a_rate_that_has_begun_is_ended_and_nothing_else(root: Client) -> None:
    begun = rate("VAT", "DE", 190_000)
    address = reverse("admin:catalog_taxrate_change", args=[begun.pk])
    assert 'name="rate_ppm"' not in page(root, address)
    tomorrow = str(today() + timedelta(days=1))
    assert root.post(address, form(rate_ppm="1", valid_until=str(today()))).status_code == 200
    assert root.post(address, form(rate_ppm="1", valid_until=tomorrow)).status_code == 302
    begun.refresh_from_db()
    assert (begun.rate_ppm, str(begun.valid_until)) == (190_000, tomorrow)
