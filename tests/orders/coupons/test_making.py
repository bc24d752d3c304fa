"""Codes: chosen ones, and batches that nobody can guess; on paper, and in a file that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import tracemalloc
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from kit.errors import DomainError
from kit.ids import new_id
from orders.checks import OrderRefused
from orders.coupons import making, printing
from orders.coupons.codes import normalised, printed
from orders.models import Coupon, CouponBatch, CouponCode
from tests.orders.coupons.test_coupons import coupon
from tests.shop import Shop, Shopper, place, written


def made(**fields: Any) -> Coupon:
    """A coupon without a code: ten percent off everything."""
    return Coupon.objects.create(name="Spring", **{"kind": "percent", "percent_ppm": 100_000, **fields})


def test_codes_are_read_however_they_are_typed() -> None:
    assert making.read_codes(" save-10 \n\nSAVE 10, half\nhalf") == ["SAVE10", "HALF"]
    assert making.read_codes("") == []
    with pytest.raises(DomainError) as refused:
        making.read_codes("save10\nsäve")
    assert (refused.value.first.code, refused.value.first.facts) == ("code_invalid", {"code": "säve"})


def test_a_code_that_exists_is_refused_and_nothing_is_written(db: None) -> None:
    coupon("TAKEN")
    another, before = made(), written()
    with pytest.raises(DomainError) as refused:
        making.add_codes(another, ["FREE", "TAKEN"])
    assert (refused.value.first.code, refused.value.first.facts["code"]) == ("code_taken", "TAKEN")
    assert written() == before


def test_a_batch_has_as_many_codes_as_were_asked_for_each_good_once(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    batch = making.make_batch(made().pk, 25, made_by=None, note="flyers", key=(key := new_id()))
    codes = list(batch.codes.values_list("code", flat=True))
    assert (len(set(codes)), batch.codes_made, batch.pk) == (25, 25, key)
    assert {len(code) for code in codes} == {12}
    assert making.make_batch(batch.coupon_id, 25, made_by=None, key=key) == batch
    with pytest.raises(DomainError) as refused:
        making.make_batch(batch.coupon_id, 26, made_by=None, key=key)
    assert (refused.value.first.code, CouponCode.objects.count()) == ("key_used", 25)
    order = place(ada, shop.cash, (shop.cable, 1), coupon_code=printed(codes[0]))
    assert (order.discount_minor, order.coupon_code) == (95, codes[0])
    with pytest.raises(OrderRefused) as gone:
        place(bob, shop.cash, (shop.cable, 1), coupon_code=codes[0])
    assert gone.value.first.facts["why"] == "used_up"
    assert place(bob, shop.cash, (shop.cable, 1), coupon_code=codes[1]).discount_minor == 95


@pytest.mark.parametrize("count", [0, -1, making.MOST_CODES + 1])
def test_a_batch_of_none_or_of_too_many_is_refused(db: None, count: int) -> None:
    coupon_id, before = made().pk, written()
    with pytest.raises(DomainError) as refused:
        making.make_batch(coupon_id, count, made_by=None)
    assert (refused.value.first.code, written()) == ("batch_size_invalid", before)


def test_a_hundred_thousand_codes_need_no_more_memory_than_a_few(db: None) -> None:
    """Made in one transaction and exported in one answer, piece by piece."""
    few, many = made(), made()
    making.make_batch(few.pk, 10_000, made_by=None)
    tracemalloc.start()
    try:
        batch = making.make_batch(many.pk, making.MOST_CODES, made_by=None)
        lines = sum(1 for _ in printing.as_csv(batch))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (batch.codes.count(), lines) == (100_000, 100_001)
    assert peak < 12 * 1024 * 1024


def test_a_batch_that_is_cut_off_leaves_nothing(db: None) -> None:
    coupon_id, before = made().pk, written()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orders_couponcode ADD CONSTRAINT cut_off CHECK (id % 7000 <> 0)")
    try:
        with pytest.raises(IntegrityError):
            making.make_batch(coupon_id, 10_000, made_by=None)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE orders_couponcode DROP CONSTRAINT cut_off")
    assert written() == before


def test_a_file_of_codes_runs_nothing(db: None) -> None:
    name = '=HYPERLINK("http://evil.example","Win")'
    batch = making.make_batch(made(frees_delivery=True).pk, 3, made_by=None)
    Coupon.objects.update(name=name)
    batch = CouponBatch.objects.select_related("coupon").get()
    head, *rows = csv.reader(io.StringIO("".join(printing.as_csv(batch))))
    assert head == ["code", "coupon", "value", "good_until", "used"]
    codes = list(batch.codes.order_by("pk"))
    assert rows == [[printed(one.code), f"'{name}", "10 % and free delivery", "", "no"] for one in codes]
    assert [normalised(row[0]) for row in rows] == [one.code for one in codes]


@pytest.mark.parametrize(
    ("ppm", "text"), [(100_000, "10"), (125_000, "12.5"), (1, "0.0001"), (1_000_000, "100"), (333_333, "33.3333")]
)
def test_a_percentage_is_written_without_needless_digits(ppm: int, text: str) -> None:
    assert printing.percent(ppm) == text


def test_delivery_may_be_free_as_well(shop: Shop, ada: Shopper) -> None:
    coupon("ALL", kind="percent", percent_ppm=1_000_000, frees_delivery=True)
    order = place(ada, shop.cash, (shop.cable, 2), coupon_code="ALL")
    assert (order.status, order.total_minor, order.discount_minor, order.delivery_discount_minor) == (
        "paid",
        0,
        1900,
        500,
    )


# --- what was used stays --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "percent_ppm = 200000",
        "kind = 'free_delivery', percent_ppm = NULL",
        "kind = 'amount', percent_ppm = NULL, amount_minor = 1, currency = 'USD'",
        "currency = 'EUR'",
        "frees_delivery = true",
    ],
)
def test_what_was_used_cannot_be_rewritten(shop: Shop, ada: Shopper, change: str) -> None:
    used = coupon()
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE orders_coupon SET {change}")
        cursor.execute("UPDATE orders_coupon SET kind = 'percent', percent_ppm = 100000, amount_minor = NULL")
        cursor.execute("UPDATE orders_coupon SET currency = '', frees_delivery = false")
    place(ada, shop.cash, (shop.cable, 1), coupon_code="SAVE10")
    with (
        pytest.raises(IntegrityError, match="was used"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE orders_coupon SET {change}")
    used.refresh_from_db()
    assert (used.kind, used.percent_ppm, used.currency) == ("percent", 100_000, "")
    Coupon.objects.update(active=False, name="Over", max_uses=1)


def test_a_code_of_a_batch_is_good_once_whatever_is_written(db: None) -> None:
    making.make_batch(made().pk, 1, made_by=None)
    with pytest.raises(IntegrityError, match="good_once"), transaction.atomic():
        CouponCode.objects.update(max_uses=2)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        CouponCode.objects.update(batch=None)
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        CouponBatch.objects.update(codes_made=2)
