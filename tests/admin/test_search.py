"""Finding orders and money, fast and whatever is typed."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.admin import paging
from orders.models import Order
from payments.models import PaymentAttempt, PaymentRequest
from tests import shop
from tests.admin.conftest import cash_order, paid_order
from tests.gateway_process import SandboxProcess
from tests.shop import Shop, Shopper

ORDERS = "/admin/orders/order/"
GARBAGE = (
    "\0",
    "1\0",
    "9" * 18,
    "9" * 40,
    "-1",
    "#",
    "'; DROP TABLE orders_order; --",
    '"',
    "%",
    "%%%%",
    "___",
    "\\",
    "pi_" + "x" * 500,
    "order_'",
    "ch_\u0663",
    "\u0661\u0662\u0663",
    "\u2028" * 3,
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
    "<script>alert(1)</script>",
    "a" * 5000,
    "{" + str(uuid.uuid4()) + "}",
    "@",
)


def _found(client: Client, text: str, address: str = ORDERS) -> list[Any]:
    response = client.get(address, {"q": text})
    assert response.status_code == 200
    return [row.pk for row in response.context["cl"].result_list]


def test_orders_are_found_by_number_id_and_email(root: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    other = cash_order(shop.sign_up("bob@example.com"), goods)
    for text in (str(order.number), f"#{order.number}", f" {order.number} ", str(order.pk), "ada@example.com"):
        assert _found(root, text) == [order.pk], text
    for text in ("ada", "ADA@Example", "ada@ex"):
        assert _found(root, text) == [order.pk], text
    assert _found(root, "example.com") == []
    assert _found(root, "ad") == []
    assert _found(root, str(other.number)) == [other.pk]
    assert _found(root, "") == [other.pk, order.pk]


def test_orders_and_payments_are_found_by_what_a_gateway_calls_them(
    root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess
) -> None:
    cash_order(ada, goods)
    order, request = paid_order(ada, goods, sandbox)
    root.post(f"{ORDERS}{order.pk}/ask_gateway/")
    attempt = PaymentAttempt.objects.get(request=request)
    for text in (request.gateway_reference, attempt.gateway_payment_id, str(request.pk)):
        assert _found(root, str(text)) == [order.pk]
        assert _found(root, str(text), "/admin/payments/paymentrequest/") == [request.pk]
    assert _found(root, str(order.pk), "/admin/payments/paymentrequest/") == [request.pk]
    assert _found(root, str(request.gateway_reference)[:-2]) == []


@pytest.mark.parametrize(
    "address",
    [
        ORDERS,
        "/admin/payments/paymentrequest/",
        "/admin/payments/refund/",
        "/admin/payments/webhookevent/",
        "/admin/catalog/product/",
        "/admin/catalog/stock/",
        "/admin/catalog/stockmovement/",
        "/admin/customers/customer/",
        "/admin/customers/user/",
    ],
)
def test_nothing_that_is_typed_breaks_a_search(address: str, root: Client, ada: Shopper, goods: Shop) -> None:
    cash_order(ada, goods)
    for text in GARBAGE:
        assert root.get(address, {"q": text}).status_code == 200, text


@pytest.mark.parametrize(
    "name",
    [
        "status",
        "fulfilment",
        "terms",
        "gateway",
        "currency",
        "dialect",
        "placed_at_from",
        "placed_at_to",
        "p",
        "o",
        "customer__id__exact",
    ],
)
def test_nothing_in_the_address_breaks_the_list(name: str, root: Client, ada: Shopper, goods: Shop) -> None:
    cash_order(ada, goods)
    for text in (*GARBAGE, "2026-99-99", "9999-12-31", "0001-01-01"):
        assert root.get(ORDERS, {name: text}).status_code in (200, 302), text


def test_no_other_column_can_be_asked_about_through_the_address(root: Client, goods: Shop) -> None:
    for name in ("notes__contains", "email__icontains", "customer__user__password__startswith", "nonsense"):
        assert root.get(ORDERS, {name: "a"}).status_code == 400
    assert root.get("/admin/payments/paymentrequest/", {"client_secret__startswith": "pi"}).status_code == 400


def test_filters_leave_what_was_asked_for(root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess) -> None:
    cash = cash_order(ada, goods)
    online, _ = paid_order(ada, goods, sandbox)
    root.post(f"{ORDERS}{online.pk}/ask_gateway/")
    today = f"{online.placed_at:%Y-%m-%d}"
    for filters, left in (
        ({"status": "paid"}, [online]),
        ({"status": "payment_pending"}, [cash]),
        ({"terms": "on_delivery"}, [cash]),
        ({"gateway": "stripe"}, [online]),
        ({"gateway": "offline", "currency": "USD"}, [cash]),
        ({"fulfilment": "sent"}, []),
        ({"dialect": "storefront"}, [online, cash]),
        ({"placed_at_from": today, "placed_at_to": today}, [online, cash]),
        ({"placed_at_to": "2001-01-01"}, []),
        ({"placed_at_from": "2999-01-01"}, []),
        ({"status": "made up"}, [online, cash]),
        ({"currency": "JPY"}, []),
        ({"customer__id__exact": str(ada.customer.pk)}, [online, cash]),
        ({"customer__id__exact": str(uuid.uuid4())}, []),
    ):
        rows = root.get(ORDERS, filters).context["cl"].result_list
        assert [row.pk for row in rows] == [order.pk for order in left], filters


def test_a_filter_without_an_index_looks_at_the_newest_orders_and_says_so(
    root: Client, ada: Shopper, goods: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [cash_order(ada, goods) for _ in range(4)]
    monkeypatch.setattr(paging, "REACH", 3)
    response = root.get(ORDERS, {"currency": "USD"})
    assert [row.pk for row in response.context["cl"].result_list] == [order.pk for order in orders[:0:-1]]
    assert "looks at the newest" in response.content.decode()
    everything = root.get(ORDERS)
    assert len(everything.context["cl"].result_list) == 4
    assert "looks at the newest" not in everything.content.decode()
    # An index serves the status, so it reaches back as far as there are orders.
    assert len(root.get(ORDERS, {"status": "payment_pending"}).context["cl"].result_list) == 4


def test_a_long_list_is_cut_and_says_so(
    root: Client, ada: Shopper, goods: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        cash_order(ada, goods)
    monkeypatch.setattr(paging.BoundedPaginator, "most_rows", 3)
    response = root.get(ORDERS)
    assert response.context["cl"].result_count == 3
    assert "The newest 3 orders" in response.content.decode()


def _statements(client: Client, address: str) -> list[str]:
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


def test_lists_cost_the_same_however_many_rows_there_are(root: Client, ada: Shopper, goods: Shop) -> None:
    addresses = (
        ORDERS,
        f"{ORDERS}?status=payment_pending",
        f"{ORDERS}?gateway=offline&placed_at_from=2026-01-01",
        "/admin/payments/paymentrequest/",
        "/admin/payments/refund/",
        "/admin/catalog/product/",
        "/admin/catalog/stock/",
        "/admin/catalog/stockmovement/",
        "/admin/customers/customer/",
    )
    for _ in range(5):
        cash_order(ada, goods)
    few = {address: len(_statements(root, address)) for address in addresses}
    for number in range(45):
        cash_order(ada if number % 9 else shop.sign_up(f"c{number}@example.com"), goods)
        shop.add_article(f"Thing {number}", f"THING-{number}", 100)
    many = {address: len(_statements(root, address)) for address in addresses}
    assert many == few
    assert few[ORDERS] <= 8
    assert Order.objects.count() == 50


def test_nothing_is_counted_without_a_bound(root: Client, ada: Shopper, goods: Shop) -> None:
    cash_order(ada, goods)
    for address in (ORDERS, f"{ORDERS}?q=ada", f"{ORDERS}?currency=USD", "/admin/payments/paymentrequest/"):
        counts = [sql for sql in _statements(root, address) if "COUNT(" in sql]
        assert len(counts) == 1
        assert "LIMIT 2001" in counts[0]


def test_searches_use_an_index(ada: Shopper, goods: Shop) -> None:
    cash_order(ada, goods)
    reference = PaymentRequest.objects.filter(gateway__in=["stripe", "razorpay", "offline"], gateway_reference="pi_1")
    searches = {
        "order_by_email": Order.objects.filter(email__startswith="ada@").order_by(),
        "orders_order_number": Order.objects.filter(number=7),
        "order_by_placed_at": Order.objects.filter(placed_at__gte="2026-01-01T00:00Z").order_by("placed_at")[:1],
        "payment_request_reference_once": reference.order_by(),
    }
    with connection.cursor() as cursor:
        # The tables of a test are so small that reading them whole is always cheapest.
        cursor.execute("SET enable_seqscan = off")
        try:
            plans = {name: rows.explain() for name, rows in searches.items()}
        finally:
            cursor.execute("RESET enable_seqscan")
    for name, plan in plans.items():
        assert name in plan, plan
        assert "Seq Scan" not in plan
