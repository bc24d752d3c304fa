"""The documented sample, reached by ordinary acts: every key, every type, to the byte."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from jsonschema import Draft4Validator  # type: ignore[import-untyped]  # comes without types

from catalog.models import DeliveryMethod, TaxRate
from kit import clock
from kit.money import Money
from orders.actors import GATEWAY
from orders.campaigns.content import FlyerContent
from orders.campaigns.images import store_image
from orders.campaigns.reporting import Figures, report_figures
from orders.campaigns.scheduling import schedule_campaign
from orders.models import Order, PaymentTerms
from orders.settlement import settle
from orders_project.dialects.retrieval import openapi
from payments.models import PaymentRequest
from tests import shop as shops
from tests.events import add_event, add_profile, enter_for_cash
from tests.flyers import CLERK, CONTENT, campaigns, flyer_order, issue_coupon, paid_order, picture
from tests.orders.test_api_flyers import worker
from tests.payments.reports import payment
from tests.payments.reports import report as gateway_report
from tests.shop import Shop, Shopper, send
from tests.statements import statements

SAMPLE: dict[str, Any] = json.loads((Path(__file__).parent / "sample.json").read_text())
PLACED_AT = datetime(2020, 11, 4, 20, 27, 31, tzinfo=UTC)


def retrieve(order: Order, by: Shopper | str) -> tuple[bytes, dict[str, Any]]:
    """The answer, as it travels and as it is read."""
    response = send("GET", f"/api/order/{order.number}", by=by)
    assert (response.status_code, response["Content-Type"]) == (200, "application/json"), response.content
    body: dict[str, Any] = json.loads(response.content, parse_float=Decimal)
    assert not list(_validator().iter_errors(json.loads(response.content)))
    return response.content, body


def _validator() -> Any:
    # A null is allowed where the document says so, which JSON Schema spells differently.
    schemas = json.loads(json.dumps(openapi.SCHEMAS))
    for schema in schemas.values():
        for field in schema["properties"].values():
            if field.pop("nullable", False):
                field["type"] = [field["type"], "null"]
    return Draft4Validator({"$ref": "#/components/schemas/RetrievedOrder", "components": {"schemas": schemas}})


def _number_next(sequence: str, number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval(%s, %s, false)", [sequence, number])


def pay_by(order: Order, method: str, last4: str = "") -> Order:
    """All of it arrives, by the gateway's word."""
    PaymentRequest.objects.filter(subject_id=order.pk).update(state="open", gateway_reference=f"pi_{order.pk.hex}")
    request = PaymentRequest.objects.get(subject_id=order.pk)
    captured = payment(request, "captured", method=method, last4=last4)
    return settle(order.pk, actor=GATEWAY, report=gateway_report(request, captured))


def test_the_sample_is_what_the_server_says(shop: Shop, ada: Shopper) -> None:
    flyer = SAMPLE["products"]["flyers"][0]
    article = shops.add_article("E-Flyer Campaign", "EFLYER", 6900, kind="flyer", weight_grams=0)
    image = store_image(picture(), uploader=ada.user, customer_id=ada.customer.pk)
    content = FlyerContent(
        prop_address=flyer["prop_address"],
        prop_desc=flyer["prop_desc"],
        prop_price=Money(83_550_000, "USD"),
        main_image=image.path,
        headline=flyer["headline"],
        sub_headline=flyer["sub_headline"],
        scheduled_at=datetime(2020, 11, 6, 20, 23, tzinfo=UTC),
        subject=flyer["subject"],
        list_name=flyer["list_name"],
    )
    _number_next("orders_order_number_seq", SAMPLE["id"])
    _number_next("orders_campaign_id_seq", flyer["id"])
    ada.customer.first_name, ada.customer.last_name, ada.customer.phone = "Owen", "Salkin", "310-850-0283"
    ada.customer.save()
    with clock.turned(PLACED_AT - datetime.now(UTC) + timedelta(milliseconds=100)):
        order = flyer_order(ada, replace(shop, flyer=article), content=content, terms=PaymentTerms.PREPAID)
        Order.objects.filter(pk=order.pk).update(
            street="8560 Sunset Blvd", city="West Hollywood", state="California", postal_code="90069"
        )
        order = pay_by(order, "card", "0504")
        (campaign,) = campaigns(order)
        schedule_campaign(campaign.pk, actor=CLERK)
        report_figures(campaign.pk, Figures(opened=4, percentage_completed=1), source="mailer")
    raw, body = retrieve(order, ada)
    # What this server says otherwise, by its contract: the order's own status, no credits, its own image and link.
    wanted = {
        **SAMPLE,
        "status": "Paid",
        "credits_consumed": None,
        "products": {"items": 1, "flyers": [{**flyer, "main_image": image.path}]},
        "invoice_url": body["invoice_url"],
    }
    assert body == wanted
    assert raw == _as_we_write(wanted)
    link = rf"http://127\.0\.0\.1:\d+/order/{SAMPLE['id']}/invoice\?signature=[0-9a-f]{{64}}"
    assert re.fullmatch(link, body["invoice_url"])


def _as_we_write(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


def test_the_documented_keys_come_in_the_documented_order(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, (shop.flyer, 1), (shop.cable, 2), terms=PaymentTerms.PREPAID)
    _, body = retrieve(order, ada)
    assert list(body) == list(SAMPLE)
    assert list(body["products"]) == ["items", "flyers", "addOns"]
    assert list(body["products"]["flyers"][0]) == list(SAMPLE["products"]["flyers"][0])
    lines = list(order.lines.order_by("position"))
    assert body["products"]["addOns"] == [{"id": lines[1].pk, "title": "Cable", "quantity": 2, "cost": 19}]
    assert body["products"]["items"] == 2


def test_add_ons_are_there_only_if_there_are_some_and_flyers_always(shop: Shop, ada: Shopper) -> None:
    _, flyers = retrieve(flyer_order(ada, shop, (shop.flyer, 2), (shop.flyer, 1)), ada)
    assert (flyers["products"]["items"], len(flyers["products"]["flyers"])) == (2, 3)
    assert "addOns" not in flyers["products"]
    assert [one["cost"] for one in flyers["products"]["flyers"]] == [49, 49, 49]
    assert flyers["cost"] == 147
    _, others = retrieve(shops.place(ada, shop.cash, (shop.cable, 3)), ada)
    assert others["products"]["flyers"] == []
    assert others["products"]["items"] == len(others["products"]["addOns"]) == 1


def test_an_entry_in_an_event_is_an_add_on_without_an_address(ada: Shopper) -> None:
    order = enter_for_cash(add_profile(ada, add_event()))
    _, body = retrieve(order, ada)
    line = order.lines.get()
    assert body["products"] == {
        "items": 1,
        "flyers": [],
        "addOns": [{"id": line.pk, "title": "Photography - 2020", "quantity": 1, "cost": 500}],
    }
    assert [body[name] for name in ("status", "street", "city", "state", "zip")] == ["Paid", "", "", "", ""]


def test_a_draft_of_nothing_has_every_key(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop, content=None)
    flyer = retrieve(order, ada)[1]["products"]["flyers"][0]
    assert flyer == {
        "id": campaigns(order)[0].pk,
        "status": "Draft",
        "delivered": 0,
        "opened": 0,
        "clicked": 0,
        "prop_address": "",
        "prop_desc": "",
        "prop_price": "",
        "main_image": "",
        "headline": "",
        "sub_headline": "",
        "cost": 49,
        "rush": "0",
        "scheduled": None,
        "subject": "",
        "list_name": "",
        "percentage_completed": 0,
    }


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (Money(83_550_000, "USD"), "$835,500"),
        (Money(83_550_050, "USD"), "$835,500.50"),
        (Money(100, "USD"), "$1"),
        (Money(0, "USD"), "$0"),
        (Money(123_456_789_00, "USD"), "$123,456,789"),
        (Money(1_200, "JPY"), "¥1,200"),
        (Money(100_000_00, "EUR"), "€100,000"),
        (Money(5_000_00, "CHF"), "CHF 5,000"),
        (Money(1_234, "KWD"), "KWD 1.234"),
        (None, ""),
    ],
)
def test_a_price_is_written_as_people_write_it(shop: Shop, ada: Shopper, price: Money | None, text: str) -> None:
    order = flyer_order(ada, shop, content=replace(CONTENT, prop_price=price, rush=True))
    flyer = retrieve(order, ada)[1]["products"]["flyers"][0]
    assert (flyer["prop_price"], flyer["rush"]) == (text, "1")


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (datetime(2030, 7, 1, 17, 0, 0, 999_999, tzinfo=UTC), "2030-07-01T12:00:00-05:00"),
        (datetime(2030, 12, 1, 17, 0, tzinfo=UTC), "2030-12-01T11:00:00-06:00"),
        (datetime(2030, 3, 10, 7, 59, 59, tzinfo=UTC), "2030-03-10T01:59:59-06:00"),
        (datetime(2030, 3, 10, 8, 0, tzinfo=UTC), "2030-03-10T03:00:00-05:00"),
        (datetime(2030, 11, 3, 6, 30, tzinfo=UTC), "2030-11-03T01:30:00-05:00"),
        (datetime(2030, 11, 3, 7, 30, tzinfo=UTC), "2030-11-03T01:30:00-06:00"),
    ],
)
def test_an_instant_has_the_central_offset_of_its_day(shop: Shop, ada: Shopper, instant: datetime, text: str) -> None:
    order = flyer_order(ada, shop, content=replace(CONTENT, scheduled_at=instant))
    assert retrieve(order, ada)[1]["products"]["flyers"][0]["scheduled"] == text


@pytest.mark.parametrize(
    ("country", "state", "shown"),
    [
        ("US", "CA", "CA"),
        ("US", "california", "CA"),
        ("US", "Washington D.C.", "DC"),
        ("US", "Atlantis", ""),
        ("US", "", ""),
        ("IN", "Maharashtra", "MH"),
        ("CA", "Ontario", "ON"),
        ("AU", "New South Wales", ""),
        ("JP", "Tokyo", ""),
    ],
)
def test_a_state_has_two_letters(shop: Shop, ada: Shopper, country: str, state: str, shown: str) -> None:
    order = flyer_order(ada, shop)
    Order.objects.filter(pk=order.pk).update(country=country, state=state)
    assert retrieve(order, ada)[1]["state"] == shown


def test_the_buyer_is_the_orders_and_the_customers_where_it_names_none(shop: Shop, ada: Shopper) -> None:
    ada.customer.phone = "1"
    ada.customer.save()
    order = flyer_order(ada, shop)
    names = ("first_name", "last_name", "phone")
    _, body = retrieve(order, ada)
    assert [body[name] for name in names] == ["Ada", "Byron", "1"]
    Order.objects.filter(pk=order.pk).update(first_name="Owen", phone="310")
    _, body = retrieve(order, ada)
    assert [body[name] for name in names] == ["Owen", "Byron", "310"]


# --- amounts --------------------------------------------------------------------------------------------------------

AMOUNTS = ("cost", "discount", "tax", "total", "credits_consumed", "credits_needed", "net_total")


def amounts(body: dict[str, Any]) -> list[Any]:
    return [body[name] for name in AMOUNTS]


def test_an_order_adds_up_as_the_seed_says(shop: Shop, ada: Shopper) -> None:
    TaxRate.objects.create(name="NY sales tax", country="US", state="NY", rate_ppm=88_750, valid_from="2020-01-01")
    issue_coupon("ALL", currency="USD")
    DeliveryMethod.objects.filter(pk=shop.standard).update(tax_category="exempt")
    wanted = ((shop.flyer, 1), (shop.cable, 1))
    order = shops.place(ada, shop.standard, *wanted, terms=PaymentTerms.PREPAID, coupon_code="ALL")
    _, body = retrieve(order, ada)
    assert amounts(body) == [Decimal("58.5"), Decimal("58.5"), 0, 60, None, 0, 0]
    assert body["coupon_name"] == "ALL"
    taxed = shops.place(ada, shop.standard, *wanted, terms=PaymentTerms.PREPAID)
    _, body = retrieve(taxed, ada)
    assert amounts(body) == [Decimal("58.5"), 0, Decimal("5.19"), Decimal("123.69"), None, Decimal("58.5"), 0]
    assert body["total"] == body["cost"] - body["discount"] + body["tax"] + 60
    assert body["coupon_name"] == ""


def test_numbers_have_no_needless_zeros(shop: Shop, ada: Shopper) -> None:
    for minor, text in ((6900, b"69"), (6950, b"69.5"), (6905, b"69.05"), (100_000, b"1000")):
        article = shops.add_article("Thing", f"T{minor}", minor, kind="flyer", weight_grams=0)
        raw, _ = retrieve(flyer_order(ada, replace(shop, flyer=article)), ada)
        assert b'"cost": %b,' % text in raw
        assert b'"total": %b,' % text in raw


def test_a_discount_on_the_delivery_lowers_the_delivery(shop: Shop, ada: Shopper) -> None:
    issue_coupon("SHIP")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_coupon SET kind = 'free_delivery', percent_ppm = NULL")
    order = shops.place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID, coupon_code="SHIP")
    assert amounts(retrieve(order, ada)[1]) == [Decimal("9.5"), 0, 0, Decimal("9.5"), None, Decimal("9.5"), 0]


def test_it_costs_at_most_eight_statements_however_many_products(shop: Shop, ada: Shopper) -> None:
    support, counts = worker("support"), {}
    for number, wanted in enumerate(([(shop.flyer, 1)], [(shop.flyer, 20), (shop.cable, 1), (shop.package, 2)] * 10)):
        order = paid_order(ada, shop, *wanted)
        for who, by in (("customer", ada), ("staff", support)):
            with statements() as told:
                send("GET", f"/api/order/{order.number}", by=by)
            counts[number, who] = len(told)
    assert counts == {(0, "customer"): 5, (1, "customer"): 5, (0, "staff"): 8, (1, "staff"): 8}
