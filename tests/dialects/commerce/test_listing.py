"""all-orders: its rows, its filters in the shop's calendar, and pages that no order is missing from."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import override_settings

from kit import clock
from orders.models import Order, PaymentTerms
from orders.queries import Position
from orders_project.dialects.commerce import filters
from orders_project.dialects.commerce.errors import Faults
from tests import shop as shops
from tests.commerce import ALL, answer_of, connect, get, refused
from tests.shop import Shop, Shopper
from tests.statements import statements

KEYS = [
    "id",
    "uid",
    "order_number",
    "data",
    "order_total",
    "currency_symbol",
    "currency_code",
    "order_type",
    "status",
    "created",
    "modified",
    "shipping_id",
    "billing_id",
]


def _place(shopper: Shopper, shop: Shop, **fields: Any) -> Order:
    return shops.place(shopper, shop.cash, (shop.cable, 1), **fields)


def _numbers(data: dict[str, Any]) -> list[int]:
    return [row["order_number"] for row in data["orders"]]


def test_a_row_has_every_key_of_the_sample(shop: Shop, ada: Shopper) -> None:
    order = _place(ada, shop)
    response = get(ALL, key=connect(), by=ada)
    (row,) = answer_of(response)["orders"]
    assert list(row) == KEYS
    created = order.placed_at.isoformat().replace("+00:00", "Z")
    assert row.pop("modified") >= created
    assert row == {
        "id": order.number,
        "uid": str(ada.customer.pk),
        "order_number": order.number,
        "data": {
            "dialect": "storefront",
            "fulfilment": "unfulfilled",
            "products": 9.5,
            "discount": 0,
            "tax": 0,
            "delivery": 5,
            "credits": 0,
            "prices_include_tax": False,
        },
        "order_total": 14.5,
        "currency_symbol": "$",
        "currency_code": "USD",
        "order_type": "purchase",
        "status": "Payment Pending",
        "created": created,
        "shipping_id": order.number,
        "billing_id": order.number,
    }
    assert b'"order_total": 14.50,' in response.content


def test_ones_own_orders_and_for_staff_everybodys(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    key = connect()
    mine, theirs = _place(ada, shop), _place(bob, shop)
    assert _numbers(answer_of(get(ALL, key=key, by=ada))) == [mine.number]
    clerk = shops.access_of(shops.hire(is_superuser=True))
    assert _numbers(answer_of(get(ALL, key=key, by=clerk))) == [theirs.number, mine.number]
    # A member of staff who may not see orders, and is no customer, has none.
    assert _numbers(answer_of(get(ALL, key=key, by=shops.access_of(shops.hire("new@example.com"))))) == []
    assert _numbers(answer_of(get(ALL, {"order_number": str(theirs.number)}, key=key, by=ada))) == []


def test_pages_follow_each_other_without_a_gap_even_at_one_instant(shop: Shop, ada: Shopper) -> None:
    key = connect()
    orders = [_place(ada, shop) for _ in range(7)]
    # All of one moment but the first and the last.
    with connection.cursor() as cursor:
        same = [order.pk for order in orders[1:-1]]
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE orders_order SET placed_at = %s WHERE id = ANY(%s)", [orders[3].placed_at, same])
        cursor.execute("RESET session_replication_role")
    seen, query, pages = [], {"limit": "2"}, 0
    while True:
        data = answer_of(get(ALL, query, key=key, by=ada))
        seen += _numbers(data)
        pages += 1
        if data["filter_data"]["next_cursor"] is None:
            break
        query = {"limit": "2", "cursor": data["filter_data"]["next_cursor"]}
    assert pages == 4
    assert seen == [order.number for order in reversed(orders)]


def test_what_was_asked_for_and_could_be_is_told(shop: Shop, ada: Shopper) -> None:
    order = _place(ada, shop)
    query = {"period": "today", "category": "purchase", "limit": "5", "order number": f" {order.number} "}
    data = answer_of(get(ALL, query, key=connect(), by=ada))
    assert _numbers(data) == [order.number]
    assert data["filter_data"] == {
        "applied": {
            "order_number": str(order.number),
            "period": "today",
            "category": "purchase",
            "limit": 5,
            "cursor": None,
        },
        "choices": {
            "order_number": "number",
            "period": [
                "today",
                "yesterday",
                "this_week",
                "last_7_days",
                "this_month",
                "last_month",
                "this_year",
                "YYYY-MM-DD,YYYY-MM-DD",
            ],
            "category": ["purchase", "upgrade", "renewal", "entry", "credit"],
            "limit": {"min": 1, "max": 100},
        },
        "next_cursor": None,
    }
    none = answer_of(get(ALL, {**query, "category": "renewal"}, key=connect(name="B"), by=ada))
    assert _numbers(none) == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"order_number": "x"}, "order_number"),
        ({"order number": "1.5"}, "order_number"),
        ({"period": "tomorrow"}, "period"),
        ({"period": "2026-02-30,2026-03-01"}, "period"),
        ({"period": "2026-03-02,2026-03-01"}, "period"),
        ({"period": "2026-03-02"}, "period"),
        ({"period": "0001-01-01,9999-12-31"}, "period"),
        ({"category": "gift"}, "category"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "ten"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "WzEsMl0x"}, "cursor"),
        ({"cursor": "WzEsIm4iXQ"}, "cursor"),
        ({"cursor": "WzksOTIyMzM3MjAzNjg1NDc3NTgwOF0"}, "cursor"),
        ({"cursor": "x" * 5000}, "cursor"),
        ({"period": "a\0b"}, "request"),
    ],
)
def test_a_filter_that_is_none_is_a_fault_of_its_field(ada: Shopper, query: dict[str, str], field: str) -> None:
    assert list(refused(get(ALL, query, key=connect(), by=ada))) == [field]


def test_all_wrong_filters_are_told_at_once(ada: Shopper) -> None:
    query = {"order_number": "x", "period": "y", "category": "z", "limit": "0", "cursor": "c"}
    assert list(refused(get(ALL, query, key=connect(), by=ada))) == list(query)


def test_an_empty_filter_is_none(shop: Shop, ada: Shopper) -> None:
    order = _place(ada, shop)
    query = {"order_number": "", "period": " ", "category": "", "limit": "", "cursor": ""}
    assert _numbers(answer_of(get(ALL, query, key=connect(), by=ada))) == [order.number]


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("today", "2026-03-31", "2026-03-31"),  # a Tuesday
        ("yesterday", "2026-03-30", "2026-03-30"),
        ("this_week", "2026-03-30", "2026-03-31"),
        ("last_7_days", "2026-03-25", "2026-03-31"),
        ("this_month", "2026-03-01", "2026-03-31"),
        ("last_month", "2026-02-01", "2026-02-28"),
        ("this_year", "2026-01-01", "2026-03-31"),
        ("2026-03-28,2026-03-29", "2026-03-28", "2026-03-29"),
    ],
)
def test_periods_begin_and_end_with_the_shops_days(period: str, first: str, last: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    asked = filters.read({"period": period}, today=date(2026, 3, 31), zone=zone)
    assert asked.begins is not None
    assert asked.ends is not None
    assert asked.begins.astimezone(zone).isoformat()[:19] == f"{first}T00:00:00"
    assert (asked.ends.astimezone(zone) - timedelta(microseconds=1)).isoformat()[:26] == f"{last}T23:59:59.999999"


def test_the_day_on_which_clocks_are_turned_has_its_own_length() -> None:
    zone = ZoneInfo("Europe/Berlin")
    asked = filters.read({"period": "2026-03-29,2026-03-29"}, today=date(2026, 3, 31), zone=zone)
    assert (asked.begins, asked.ends) == (
        datetime(2026, 3, 28, 23, tzinfo=UTC),
        datetime(2026, 3, 29, 22, tzinfo=UTC),
    )


def test_today_is_the_shops_today_and_not_londons(shop: Shop, ada: Shopper) -> None:
    """Placed at 20:00 UTC, which in India is the next day."""
    key = connect()
    now = clock.now()
    to_evening = datetime(now.year, now.month, now.day, 20, tzinfo=UTC) - now
    with clock.turned(to_evening):
        order = _place(ada, shop)
    for zone, hours, seen in (
        ("Asia/Kolkata", 1, True),
        ("Asia/Kolkata", -2, False),
        ("UTC", 1, True),
        ("UTC", 5, False),
    ):
        with override_settings(SHOP_TIME_ZONE=ZoneInfo(zone)), clock.turned(to_evening + timedelta(hours=hours)):
            today = filters.read({"period": "today"}, today=clock.day_in(ZoneInfo(zone)), zone=ZoneInfo(zone))
            assert (order.number in today.of(Order.objects.all()).values_list("number", flat=True)) is seen
    assert answer_of(get(ALL, {"period": "last_7_days"}, key=key, by=ada))


def test_a_cursor_leads_back_to_its_place() -> None:
    place = Position(datetime(2026, 3, 29, 1, 2, 3, 456789, UTC), 12345)
    asked = filters.read({"cursor": filters.cursor_of(place)}, today=date(2026, 3, 31), zone=UTC)
    assert asked.position == place
    with pytest.raises(Faults):
        filters.read({"cursor": filters.cursor_of(place)[1:]}, today=date(2026, 3, 31), zone=UTC)


def test_a_list_takes_as_many_statements_for_a_hundred_orders_as_for_one(shop: Shop, ada: Shopper) -> None:
    key = connect()
    counts = []
    for more in (1, 0, 60):
        for _ in range(more):
            _place(ada, shop)
        with statements() as told:
            data = answer_of(get(ALL, {"limit": "100"}, key=key, by=ada))
        counts.append(len(told))
    assert len(data["orders"]) == 61
    assert counts[1] == counts[2]
    assert not [one for one in told if "count(" in one.lower()]


def test_each_list_is_read_from_an_index_in_its_order(shop: Shop, ada: Shopper) -> None:
    _place(ada, shop, terms=PaymentTerms.ON_DELIVERY)
    mine = Order.objects.of_customer(ada.customer.pk)
    lists = [
        mine,
        mine.placed_between(clock.now() - timedelta(days=9), clock.now()),
        Order.objects.all(),
        Order.objects.filter(order_type="purchase"),
        Order.objects.filter(order_type="renewal"),
    ]
    with connection.cursor() as cursor:
        # The tables of a test are so small that reading them whole is always cheapest.
        cursor.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
        try:
            for rows in lists:
                plan = rows.newest_first()[:21].explain()
                # Of so few rows several are equally good; which is of a million, `make bench` shows.
                assert "Index Scan using order_newest" in plan, plan
                assert "Sort" not in plan, plan
        finally:
            cursor.execute("RESET enable_seqscan; RESET enable_sort; RESET enable_bitmapscan")
