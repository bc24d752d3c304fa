"""create-order, as its documents have it: what is placed, and every row of its error table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings

from catalog.models import TaxRate
from customers.genealogy import placing
from customers.models import Customer
from kit import clock
from orders.jobs import expire_orders
from orders.models import Order, OrderHistory
from payments import gateways
from payments.models import PaymentRequest
from tests import jobs
from tests import shop as shops
from tests.commerce import (
    ADDRESS,
    ALL,
    CREATE,
    DETAILS,
    answer_of,
    call,
    connect,
    flat,
    get,
    line,
    multipart,
    nothing_was_written,
    number_of,
    order_body,
    refused,
)
from tests.gateway_process import SandboxProcess
from tests.shop import Shop, Shopper
from tests.statements import statements

QUANTITY = "Invalid quantity. Quantity must be greater than 1."
ORDER_TOTAL = "Invalid order total_amount. Order total_amount must be the sum of line item total_amount."


def test_an_order_is_placed_and_waits_a_week_for_its_payment(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    body = order_body(ada, line(shop.headphones, 2), line(shop.shirt_small))
    data = answer_of(call(CREATE, body, key=connect(), by=ada))
    order = Order.objects.get()
    request = PaymentRequest.objects.get()
    assert data == {
        "order_id": order.number,
        "order_number": order.number,
        "total_amount": 419.98,
        "pay_url": f"{settings.PUBLIC_BASE_URL}/checkout/{request.gateway_reference}",
    }
    assert (order.status, order.dialect, order.customer_id, order.order_type) == (
        "payment_pending",
        "commerce",
        ada.customer.pk,
        "purchase",
    )
    assert (order.total_minor, order.delivery_minor, order.discount_minor, order.currency) == (41998, 0, 0, "USD")
    assert (order.prices_include_tax, order.delivery_method_id) == (True, None)
    assert order.expires_at == order.placed_at + timedelta(days=7)
    assert (order.email, order.first_name, order.last_name, order.phone) == (
        "ada.byron@example.com",
        "Ada",
        "Byron",
        "+1 212 555 0100",
    )
    assert (order.street, order.city, order.state, order.postal_code, order.country) == (
        "12 St James's Square",
        "New York",
        "NY",
        "10001",
        "US",
    )
    assert [(one.sku, one.quantity, one.discount_minor) for one in order.lines.all()] == [
        ("HEAD-1", 2, 0),
        ("SHIRT-S", 1, 0),  # a product with variants: the default one
    ]
    assert shops.left(shop.headphones) == 998
    assert (request.gateway, request.amount_minor) == ("razorpay", 41998)


def test_the_same_order_can_be_sent_as_json_without_a_label_as_a_form_and_as_multipart(
    shop: Shop, ada: Shopper, sandbox: SandboxProcess
) -> None:
    key, body = connect(), order_body(ada, line(shop.cable, 2, "1.50"), line(shop.headphones))
    raw = json.dumps(body).encode()
    fields = flat(body)
    mixed, mixed_type = multipart(fields)
    for sent, content_type in (
        (raw, "application/json"),
        (raw, "application/x-www-form-urlencoded"),  # what curl says of a text
        (raw, "text/plain"),
        (raw, ""),
        (urlencode(fields).encode(), "application/x-www-form-urlencoded"),
        (mixed, mixed_type),
    ):
        data = answer_of(call(CREATE, sent, key=key, by=ada, content_type=content_type))
        assert data["total_amount"] == 217.49
    orders = Order.objects.prefetch_related("lines")
    seen = {
        (
            order.total_minor,
            order.street,
            tuple((one.sku, one.quantity, one.discount_minor) for one in order.lines.all()),
        )
        for order in orders
    }
    assert len(orders) == 6
    assert seen == {(21749, "12 St James's Square", (("CABLE-1", 2, 150), ("HEAD-1", 1, 0)))}


def test_amounts_are_numbers_or_texts_and_exact(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    key = connect()
    for amounts in (
        {"unit_price": Decimal("9.5"), "discount": 0, "total_amount": Decimal("28.50")},
        {"unit_price": "9.50", "discount": "0.00", "total_amount": "28.5"},
    ):
        sent = line(shop.cable, 3) | {
            name: float(value) if isinstance(value, Decimal) else value for name, value in amounts.items()
        }
        answer_of(call(CREATE, order_body(ada, sent), key=key, by=ada))
    assert set(Order.objects.values_list("total_minor", flat=True)) == {2850}


def test_a_discount_is_part_of_the_line_and_of_the_ledger(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    key = connect("orders", "discount", percent="12.5")
    data = answer_of(call(CREATE, order_body(ada, line(shop.cable, 2, "2.37")), key=key, by=ada))
    order = Order.objects.get()
    assert data["total_amount"] == 16.63
    assert (order.products_minor, order.discount_minor, order.total_minor) == (1900, 237, 1663)
    assert order.lines.get().discount_minor == 237


@pytest.mark.parametrize(
    ("scopes", "percent", "discount"),
    [
        (("orders",), "0", "0.01"),  # no discounts at all
        (("orders", "discount"), "12.5", "2.38"),  # an eighth of 19.00 is 2.375
        (("orders", "discount"), "100", "19.01"),
        (("orders", "discount"), "100", "-1"),
    ],
)
def test_a_discount_beyond_what_the_integration_may_give_is_refused(
    shop: Shop, ada: Shopper, scopes: tuple[str, ...], percent: str, discount: str
) -> None:
    key = connect(*scopes, percent=percent)
    response = call(CREATE, order_body(ada, line(shop.cable, 2, discount)), key=key, by=ada)
    assert refused(response) == {"discount": ["Invalid discount"]}
    assert nothing_was_written()


def _with(body: dict[str, Any], **address: Any) -> dict[str, Any]:
    return {**body, "address": {**ADDRESS, **address}}


def _rows(shop: Shop, ada: Shopper) -> dict[str, tuple[dict[str, Any], dict[str, list[str]]]]:
    """What is sent, and what is told of it: the documented rows, and those that the documents lack."""
    body = order_body(ada, line(shop.cable, 2))
    good = line(shop.cable, 2)
    number = number_of(shop.cable)
    return {
        "no products": ({**body, "products": []}, {"products": ["This field is required. Must have one product."]}),
        "products missing": (
            {name: value for name, value in body.items() if name != "products"},
            {"products": ["This field is required. Must have one product."]},
        ),
        "unknown product": (
            order_body(ada, {**good, "product_id": number + 1000}),
            {"product_id": [f"Invalid product_id {number + 1000}"]},
        ),
        "no product at all": (order_body(ada, {**good, "product_id": "x"}), {"product_id": ["Invalid product_id x"]}),
        "no pieces": (order_body(ada, {**good, "quantity": 0}), {"quantity": [QUANTITY]}),
        "half a piece": (order_body(ada, {**good, "quantity": 1.5}), {"quantity": [QUANTITY]}),
        "too many": (order_body(ada, line(shop.cable, 1001)), {"quantity": ["Insufficient stock"]}),
        "another price": (
            order_body(ada, {**good, "unit_price": "9.49", "total_amount": "18.98"}),
            {"unit_price": ["Invalid unit_price"]},
        ),
        "a line's sum": (
            order_body(ada, {**good, "total_amount": "19.01"}),
            {"total_amount": ["Invalid line item total_amount"]},
        ),
        "the order's sum": ({**body, "total_amount": "19.01"}, {"total_amount": [ORDER_TOTAL]}),
        "a state": (_with(body, address_state_code="ZZ"), {"address_state_code": ["Invalid address_state_code"]}),
        "a country": (
            _with(body, address_country_code="XX"),
            {"address_country_code": ["Invalid address_country_code"]},
        ),
        "a postal code": (
            _with(body, address_postal_code="90210"),
            {"address_postal_code": ["Invalid address_postal_code"]},
        ),
        "a name": (_with(body, address_first_name=" "), {"address_first_name": ["Invalid address_first_name"]}),
        "a last name": (_with(body, address_last_name="12"), {"address_last_name": ["Invalid address_last_name"]}),
        "a mail": (_with(body, address_mail_id="ada"), {"address_mail_id": ["Invalid address_mail_id"]}),
        "a telephone": (
            _with(body, address_phone_number="call me"),
            {"address_phone_number": ["Invalid address_phone_number"]},
        ),
        "nobody's id": (
            {**body, "uid": "00000000-0000-4000-8000-000000000000"},
            {"uid": ["Invalid user id"]},
        ),
        "no id": ({**body, "uid": "ada"}, {"uid": ["Invalid user id"]}),
        "an id of a wrong type": ({**body, "uid": [1]}, {"uid": ["Invalid user id"]}),
        "no uid": (
            {name: value for name, value in body.items() if name != "uid"},
            {"uid": ["This field is required."]},
        ),
    }


@pytest.mark.parametrize(
    "row",
    [
        "no products",
        "products missing",
        "unknown product",
        "no product at all",
        "no pieces",
        "half a piece",
        "too many",
        "another price",
        "a line's sum",
        "the order's sum",
        "a state",
        "a country",
        "a postal code",
        "a name",
        "a last name",
        "a mail",
        "a telephone",
        "nobody's id",
        "no id",
        "an id of a wrong type",
        "no uid",
    ],
)
def test_each_fault_is_told_under_its_field_in_its_words(shop: Shop, ada: Shopper, row: str) -> None:
    rows = _rows(shop, ada)
    body, told = rows[row]
    assert refused(call(CREATE, body, key=connect(), by=ada)) == told
    assert nothing_was_written()
    assert shops.left(shop.cable) == 1000


def test_all_faults_are_told_at_once(shop: Shop, ada: Shopper) -> None:
    number = number_of(shop.cable)
    body = {
        "products": [
            {"product_id": number + 1000, "quantity": 1, "unit_price": 1, "discount": 0, "total_amount": 1},
            line(shop.cable, 2, total_amount="18.00"),
            {**line(shop.cable), "quantity": -1},
            line(shop.headphones, 1, unit_price="1.00", total_amount="1.00"),
            line(shop.scarce, 2),
            line(shop.cable, 1, "20.00", total_amount="-10.50"),
        ],
        "address": {**ADDRESS, "address_state_code": "ZZ", "address_locality": ""},
        "total_amount": 5,
        "uid": "nobody",
    }
    assert refused(call(CREATE, body, key=connect(), by=ada)) == {
        "quantity": [QUANTITY, "Insufficient stock"],
        "address_locality": ["Invalid address_locality"],
        "address_state_code": ["Invalid address_state_code"],
        "total_amount": ["Invalid line item total_amount", ORDER_TOTAL],
        "discount": ["Invalid discount"],
        "uid": ["Invalid user id"],
        "product_id": [f"Invalid product_id {number + 1000}"],
        "unit_price": ["Invalid unit_price"],
    }
    assert nothing_was_written()


def test_an_empty_body_is_told_all_that_is_required(shop: Shop, ada: Shopper) -> None:
    required = ["This field is required."]
    assert refused(call(CREATE, key=connect(), by=ada)) == {
        "products": ["This field is required. Must have one product."],
        "address": required,
        "uid": required,
        "total_amount": required,
    }
    told = refused(
        call(
            CREATE, {"products": [{}], "address": {}, "uid": None, "total_amount": None}, key=connect(name="B"), by=ada
        )
    )
    lines = ("product_id", "quantity", "unit_price", "discount", "total_amount")
    # A state and a postal code are only missing where the country's addresses have them.
    address = [name for name in ADDRESS if name not in ("address_state_code", "address_postal_code")]
    assert told == dict.fromkeys((*lines, *address, "uid"), required)


# --- for whom ---------------------------------------------------------------------------------------------------------


def test_a_sponsor_orders_for_somebody_below_and_for_nobody_else(
    shop: Shop, ada: Shopper, bob: Shopper, sandbox: SandboxProcess
) -> None:
    key, carol = connect(), shops.sign_up("carol@example.com")
    placing.place(ada.customer.pk, sponsor_id=None, by_id=None)
    placing.place(bob.customer.pk, sponsor_id=ada.customer.pk, by_id=None)
    placing.place(carol.customer.pk, sponsor_id=bob.customer.pk, by_id=None)
    answer_of(call(CREATE, order_body(carol, line(shop.cable)), key=key, by=ada))
    order = Order.objects.get()
    assert order.customer_id == carol.customer.pk
    placed = OrderHistory.objects.get(order=order, event="placed")
    assert (placed.actor_kind, placed.actor_id) == ("customer", ada.user.pk)
    for caller, other in ((carol, ada), (bob, ada)):
        told = refused(call(CREATE, order_body(other, line(shop.cable)), key=key, by=caller))
        assert told == {"uid": ["Invalid user id"]}
    assert Order.objects.count() == 1


def test_staff_order_for_anybody(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    clerk = shops.hire(is_superuser=True)
    Customer.objects.filter(pk=ada.customer.pk).update(tax_number="DE123456788")
    answer_of(call(CREATE, order_body(ada, line(shop.cable)), key=connect(), by=shops.access_of(clerk)))
    order = Order.objects.get()
    assert (order.customer_id, order.tax_number) == (ada.customer.pk, "DE123456788")
    placed = OrderHistory.objects.get(order=order, event="placed")
    assert (placed.actor_kind, placed.actor_id) == ("staff", clerk.pk)


def test_staff_without_the_right_to_see_orders_do_not(shop: Shop, ada: Shopper) -> None:
    helper = shops.access_of(shops.hire())
    assert refused(call(CREATE, order_body(ada, line(shop.cable)), key=connect(), by=helper)) == {
        "uid": ["Invalid user id"]
    }
    assert nothing_was_written()


# --- taxes, payment, invoice ------------------------------------------------------------------------------------------


def test_taxes_are_in_the_price_and_shown(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    TaxRate.objects.create(name="Sales tax", country="US", state="NY", rate_ppm=88_750, valid_from=date(2020, 1, 1))
    data = answer_of(call(CREATE, order_body(ada, line(shop.headphones, 2, "10.00")), key=connect(), by=ada))
    order = Order.objects.get()
    # 389.98 / 1.08875 = 358.19...
    assert (data["total_amount"], order.total_minor, order.tax_minor) == (389.98, 38998, 3179)
    (row,) = answer_of(get(ALL, key=connect(name="B"), by=ada))["orders"]
    assert (row["data"]["tax"], row["data"]["prices_include_tax"], row["order_total"]) == (31.79, True, 389.98)
    (detail,) = answer_of(get(DETAILS, {"order_number": order.number}, key=connect(name="C"), by=ada))
    price = detail["data"]["price"]
    assert (price["items"]["base_price"]["total"], price["total"], price["revenue_total"]) == (399.98, 389.98, 358.19)
    assert price["items"]["base_price"]["included"] is True


def test_it_is_paid_and_has_an_invoice_like_any_other_order(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    data = answer_of(call(CREATE, order_body(ada, line(shop.cable, 2, "1.50")), key=connect(), by=ada))
    sandbox.pay(data["pay_url"].rpartition("/")[2])
    jobs.deliver()
    jobs.work()
    order = Order.objects.get()
    assert (order.status, order.collected_minor) == ("paid", 1750)
    assert order.invoices.get().total_minor == 1750
    (row,) = answer_of(get(ALL, key=connect(name="B"), by=ada))["orders"]
    assert row["status"] == "Paid"


def test_it_is_paid_by_its_number_through_the_other_gateway(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    data = answer_of(call(CREATE, order_body(ada, line(shop.cable)), key=connect(), by=ada))
    response = shops.send("POST", f"/api/v1/orders/{data['order_id']}/payments/", {"gateway": "stripe"}, by=ada)
    sandbox.pay(json.loads(response.content)["client_secret"])
    jobs.deliver()
    jobs.work()
    assert Order.objects.get().status == "paid"


@pytest.fixture
def without_razorpay(settings: Any) -> Iterator[None]:
    """A shop that has an account with Stripe alone."""
    settings.RAZORPAY_KEY_ID = ""
    gateways.online.cache_clear()
    yield
    gateways.online.cache_clear()


@pytest.mark.usefixtures("without_razorpay")
def test_where_razorpay_is_not_set_up_there_is_no_page_to_pay_on(
    shop: Shop, ada: Shopper, sandbox: SandboxProcess
) -> None:
    data = answer_of(call(CREATE, order_body(ada, line(shop.cable)), key=connect(), by=ada))
    assert data["pay_url"] is None
    assert PaymentRequest.objects.get().gateway == "stripe"


def test_what_costs_nothing_is_paid_at_once(shop: Shop, ada: Shopper) -> None:
    data = answer_of(call(CREATE, order_body(ada, line(shop.cable, 1, "9.50")), key=connect(), by=ada))
    assert (data["total_amount"], data["pay_url"], Order.objects.get().status) == (0, None, "paid")


# --- its later life ---------------------------------------------------------------------------------------------------


def test_a_retry_under_the_same_key_gets_the_same_order(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    key, body = connect(), order_body(ada, line(shop.cable))
    first = call(CREATE, body, key=key, by=ada, idempotency="one")
    again = call(CREATE, body, key=key, by=ada, idempotency="one")
    assert first.status_code == 200
    assert (first.content, again.content) == (again.content, first.content)
    assert Order.objects.count() == 1
    other = call(CREATE, order_body(ada, line(shop.cable, 2)), key=key, by=ada, idempotency="one")
    assert answer_of(other, 422) == {"request": ["Idempotency-Key was used for another request."]}


def test_a_refused_order_may_be_put_right_under_the_same_key(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    key = connect()
    refused(call(CREATE, order_body(ada, line(shop.cable), uid="x"), key=key, by=ada, idempotency="one"))
    answer_of(call(CREATE, order_body(ada, line(shop.cable)), key=key, by=ada, idempotency="one"))
    assert Order.objects.count() == 1


def test_nobody_pays_within_a_week_and_the_stock_is_back(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    answer_of(call(CREATE, order_body(ada, line(shop.scarce)), key=connect(), by=ada))
    assert shops.left(shop.scarce) == 0
    with clock.turned(timedelta(days=7) - timedelta(minutes=1)):
        expire_orders(0)
    assert Order.objects.get().status == "payment_pending"
    with clock.turned(timedelta(days=7, minutes=1)):
        expire_orders(0)
    assert Order.objects.get().status == "cancelled"
    assert shops.left(shop.scarce) == 1


def test_a_further_payment_does_not_shorten_the_week(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    data = answer_of(call(CREATE, order_body(ada, line(shop.cable)), key=connect(), by=ada))
    before = Order.objects.get().expires_at
    response = shops.send("POST", f"/api/v1/orders/{data['order_id']}/payments/", {"gateway": "stripe"}, by=ada)
    assert response.status_code == 201, response.content
    assert Order.objects.get().expires_at == before


def test_a_provider_that_is_away_cancels_the_order(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    sandbox.arm("razorpay", "create", "error_500")
    response = call(CREATE, order_body(ada, line(shop.cable)), key=connect(), by=ada)
    assert list(answer_of(response, 502)) == ["request"]
    assert Order.objects.get().status == "cancelled"
    assert shops.left(shop.cable) == 1000


def test_a_hundred_lines_take_no_more_statements_than_one(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> None:
    key = connect()
    goods = [shops.add_article(f"Thing {index}", f"THING-{index}", 100 + index) for index in range(100)]
    bodies = [order_body(ada, *(line(one) for one in goods[:count])) for count in (1, 1, 100)]
    counts = []
    for body in bodies:
        with statements() as told:
            answer_of(call(CREATE, body, key=key, by=ada))
        counts.append(len(told))
    # The first of all prepares what the others find.
    assert counts[1] == counts[2]
    assert Order.objects.latest("number").lines.count() == 100
