"""Coupons in the back office: typed in major units, fixed once used, printed and exported."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from django.test import Client

from catalog.models import Product
from kit.ids import new_id
from orders.coupons import making
from orders.coupons.codes import printed
from orders.models import Coupon, CouponBatch, CouponCode
from tests.admin.conftest import SignIn, messages_of
from tests.orders.coupons.test_coupons import coupon
from tests.shop import Shop, Shopper, place, written
from tests.statements import statements

ADD = "/admin/orders/coupon/add/"


def page(of: Coupon, what: str = "change") -> str:
    return f"/admin/orders/coupon/{of.pk}/{what}/"


def form(**fields: Any) -> dict[str, Any]:
    """What the form sends: ten percent off everything, unless it says otherwise."""
    return {
        "name": "Spring",
        "kind": "percent",
        "percent": "10",
        "amount": "",
        "currency": "",
        "minimum": "",
        "budget": "",
        "starts_at_0": "",
        "starts_at_1": "",
        "ends_at_0": "",
        "ends_at_1": "",
        "max_uses": "",
        "max_uses_per_customer": "",
        "active": "on",
        "codes": "SPRING",
        **fields,
    }


def errors(response: Any) -> dict[str, list[str]]:
    """What the form says is wrong."""
    assert response.status_code == 200
    found: dict[str, list[str]] = dict(response.context["adminform"].form.errors)
    return found


@pytest.fixture
def marketing(sign_in: SignIn) -> Client:
    """A browser of whoever decides about coupons."""
    return sign_in("marketing")


def test_a_coupon_is_typed_in_major_units_and_percent(marketing: Client, goods: Shop) -> None:
    product = Product.objects.get(pk=goods.cable.product_id)
    sent = form(
        percent="12.5",
        currency="USD",
        minimum="50.00",
        budget="1000",
        frees_delivery="on",
        kinds=["physical", "flyer"],
        products=[str(product.pk)],
        ends_at_0="2030-01-31",
        ends_at_1="12:00:00",
        max_uses="100",
        max_uses_per_customer="1",
        codes="spring-1\nspring 2",
    )
    response = marketing.post(ADD, sent)
    assert response.status_code == 302, errors(response)
    made = Coupon.objects.get()
    assert (made.percent_ppm, made.amount_minor, made.currency, made.frees_delivery) == (125_000, None, "USD", True)
    assert (made.minimum_minor, made.budget_minor, made.kinds) == (5000, 100_000, ["physical", "flyer"])
    assert (made.max_uses, made.max_uses_per_customer, list(made.products.all())) == (100, 1, [product])
    assert sorted(made.codes.values_list("code", "max_uses")) == [("SPRING1", None), ("SPRING2", None)]
    shown = marketing.get(page(made)).content.decode()
    for text in ('value="12.5"', 'value="50.00"', 'value="1000.00"', "SPRING1 (0 uses), SPRING2 (0 uses)"):
        assert text in shown


def test_an_amount_has_a_currency_of_its_own_digits(marketing: Client, db: None) -> None:
    response = marketing.post(ADD, form(kind="amount", percent="", amount="1200", currency="JPY"))
    assert response.status_code == 302, errors(response)
    assert Coupon.objects.get().amount_minor == 1200


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"percent": "0"}, "percent"),
        ({"percent": "100.1"}, "percent"),
        ({"percent": "x"}, "percent"),
        ({"percent": "NaN"}, "percent"),
        ({"percent": "1.00001"}, "percent"),
        ({"percent": ""}, "percent"),
        ({"kind": "amount", "amount": "5", "currency": "USD"}, "percent"),
        ({"kind": "amount", "percent": "", "amount": "5", "currency": ""}, "amount"),
        ({"kind": "amount", "percent": "", "amount": "5.001", "currency": "USD"}, "amount"),
        ({"kind": "amount", "percent": "", "amount": "-5", "currency": "USD"}, "amount"),
        ({"kind": "amount", "percent": "", "currency": "USD"}, "amount"),
        ({"kind": "free_delivery"}, "percent"),
        ({"minimum": "5"}, "minimum"),
        ({"budget": "5"}, "budget"),
        ({"codes": "with spaces\nümlaut"}, "codes"),
        ({"codes": "TAKEN"}, "codes"),
        (
            {
                "starts_at_0": "2030-01-02",
                "starts_at_1": "00:00:00",
                "ends_at_0": "2030-01-01",
                "ends_at_1": "00:00:00",
            },
            "ends_at",
        ),
    ],
)
def test_what_makes_no_coupon_is_refused_at_its_field(marketing: Client, fields: dict[str, Any], field: str) -> None:
    coupon("TAKEN")
    before = written()
    assert list(errors(marketing.post(ADD, form(**fields)))) == [field]
    assert written() == before


def test_what_was_used_stays_whatever_the_form_sends(marketing: Client, goods: Shop, ada: Shopper) -> None:
    used = coupon(max_uses=5)
    place(ada, goods.cash, (goods.cable, 1), coupon_code="SAVE10")
    sent = form(name="Renamed", kind="amount", percent="", amount="5", currency="USD", max_uses="3", active="")
    response = marketing.post(page(used), sent)
    assert response.status_code == 302, errors(response)
    used.refresh_from_db()
    assert (used.kind, used.percent_ppm, used.amount_minor, used.currency) == ("percent", 100_000, None, "")
    assert (used.name, used.max_uses, used.active) == ("Renamed", 3, False)
    assert "Somebody has used it" in marketing.get(page(used)).content.decode()


def test_a_limit_below_what_was_used_is_refused(marketing: Client, goods: Shop, ada: Shopper, bob: Shopper) -> None:
    used = coupon(currency="USD")
    for shopper in (ada, bob):
        place(shopper, goods.cash, (goods.cable, 1), coupon_code="SAVE10")
    sent = form(currency="USD", max_uses="1", budget="1.89")
    assert errors(marketing.post(page(used), sent)) == {
        "max_uses": ["It was used 2 times already."],
        "budget": ["It took off 1.90 USD already."],
    }


def test_who_was_slower_than_the_first_use_is_told(
    marketing: Client, goods: Shop, ada: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form saw no use; the database did."""
    used = coupon()
    place(ada, goods.cash, (goods.cable, 1), coupon_code="SAVE10")
    monkeypatch.setattr("orders.admin.coupon_forms.FIXED_ONCE_USED", ())
    before = written()
    response = marketing.post(page(used), form(percent="20"), follow=True)
    assert messages_of(response) == ["Somebody has used the coupon in the meantime: what it takes off stays."]
    used.refresh_from_db()
    assert (used.percent_ppm, used.name, written()) == (100_000, "SAVE10", before)


def test_it_is_switched_off_and_on(marketing: Client, db: None) -> None:
    made = coupon()
    assert "switch_on" not in marketing.get(page(made)).content.decode()
    response = marketing.post(page(made, "switch_off"), follow=True)
    assert messages_of(response) == ["Nobody can use the coupon any more."]
    made.refresh_from_db()
    assert not made.active
    marketing.post(page(made, "switch_on"))
    made.refresh_from_db()
    assert made.active


def test_codes_are_added(marketing: Client, db: None) -> None:
    made = coupon()
    coupon("TAKEN")
    response = marketing.post(page(made, "add_codes"), {"codes": "more, than-one", "max_uses": "2"}, follow=True)
    assert messages_of(response) == ["2 codes are added."]
    assert sorted(made.codes.values_list("code", "max_uses")) == [("MORE", 2), ("SAVE10", None), ("THANONE", 2)]
    refused = marketing.post(page(made, "add_codes"), {"codes": "taken"})
    assert refused.context["form"].errors == {"codes": ["The code TAKEN exists already."]}


def test_uses_are_listed_with_their_orders_a_page_at_a_time(
    sign_in: SignIn, goods: Shop, ada: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.admin.coupons.USES_SHOWN", 2)
    made = coupon()
    orders = [place(ada, goods.cash, (goods.cable, 1), coupon_code="SAVE10") for _ in range(3)]
    support = sign_in("support")
    first = support.get(page(made, "uses")).content.decode()
    numbers = [str(order.number) for order in orders]
    assert [number in first for number in numbers] == [False, True, True]
    assert f"/admin/orders/order/{orders[2].pk}/change/" in first
    assert "ada@example.com" in first
    older = re.search(r'href="(\?before=\d+)"', first)
    assert older is not None
    second = support.get(page(made, "uses") + older[1]).content.decode()
    assert [number in second for number in numbers] == [True, False, False]
    assert "?before=" not in second
    # Who may not see orders sees their numbers alone.
    assert "ada@example.com" not in sign_in("marketing").get(page(made, "uses")).content.decode()
    assert support.get(page(made, "uses") + "?before=x").status_code == 200


def test_the_list_and_the_uses_count_nothing(root: Client, goods: Shop, ada: Shopper) -> None:
    made = coupon()
    place(ada, goods.cash, (goods.cable, 1), coupon_code="SAVE10")
    for address in (page(made, "uses"), page(made)):
        root.get(address)
        with statements() as few:
            root.get(address)
        assert not [one for one in few if "count(" in one.lower()], few
        for _ in range(3):
            place(ada, goods.cash, (goods.cable, 1), coupon_code="SAVE10")
        with statements() as many:
            root.get(address)
        assert len(many) == len(few)


def test_a_coupon_is_found_by_any_of_its_codes_however_typed(root: Client, db: None) -> None:
    coupon("ONE"), coupon("TWO")
    found = root.get("/admin/orders/coupon/?q=t-w-o").content.decode()
    assert (">TWO<" in found, ">ONE<" in found) == (True, False)


# --- batches --------------------------------------------------------------------------------------------------------


def test_a_batch_is_made_once_printed_and_exported(marketing: Client, db: None) -> None:
    made, receipt = coupon(frees_delivery=True, kind="percent", percent_ppm=125_000), str(new_id())
    sent = {"count": "30", "note": "Flyers", "receipt": receipt}
    for _ in range(2):
        response = marketing.post(page(made, "make_batch"), sent, follow=True)
        assert messages_of(response) == ["30 codes are made. You find them under Coupon batches."]
    batch = CouponBatch.objects.get()
    assert (batch.codes_made, CouponCode.objects.filter(batch=batch).count(), batch.note) == (30, 30, "Flyers")
    assert batch.made_by is not None
    codes = [printed(one.code) for one in batch.codes.order_by("pk")]
    sheet = marketing.get(f"/admin/orders/couponbatch/{batch.pk}/print_codes/")
    assert sheet.status_code == 200
    text = sheet.content.decode()
    assert [code for code in codes if code not in text] == []
    assert "12.5 % and free delivery" in text
    exported = marketing.get(f"/admin/orders/couponbatch/{batch.pk}/export_codes/")
    assert exported["Content-Type"] == "text/csv; charset=utf-8"
    assert exported["Content-Disposition"] == f'attachment; filename="coupon-codes-{batch.pk}.csv"'
    assert "no-store" in exported["Cache-Control"]
    rows = list(csv.reader(io.StringIO(exported.getvalue().decode())))
    assert [row[0] for row in rows[1:]] == codes


def test_a_long_batch_is_printed_a_page_at_a_time(marketing: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orders.admin.coupon_batches.PRINTED", 4)
    batch = making.make_batch(coupon().pk, 10, made_by=None)
    codes = [printed(one.code) for one in batch.codes.order_by("pk")]
    address, seen = f"/admin/orders/couponbatch/{batch.pk}/print_codes/", []
    query: str | None = ""
    while query is not None:
        text = marketing.get(address + query).content.decode()
        seen += re.findall(r'class="code">([^<]+)<', text)
        following = re.search(r'href="(\?after=\d+)"', text)
        query = following[1] if following else None
    assert seen == codes


@pytest.mark.parametrize("what", ["print_codes", "export_codes"])
def test_codes_are_taken_away_by_those_who_may_make_them(sign_in: SignIn, db: None, what: str) -> None:
    batch = making.make_batch(coupon().pk, 3, made_by=None)
    secret = printed(batch.codes.order_by("pk")[0].code)
    for role in ("support", "accounting"):
        looks = sign_in(role).get(f"/admin/orders/couponbatch/{batch.pk}/change/")
        assert (looks.status_code, secret in looks.content.decode()) == (200, False)
        assert sign_in(role).get(f"/admin/orders/couponbatch/{batch.pk}/{what}/").status_code == 403


@pytest.mark.parametrize("count", ["0", "100001", "x"])
def test_a_batch_of_no_size_is_refused(marketing: Client, count: str) -> None:
    made, before = coupon(), written()
    response = marketing.post(page(made, "make_batch"), {"count": count, "note": "", "receipt": str(new_id())})
    assert list(response.context["form"].errors) == ["count"]
    assert written() == before


def test_who_may_only_look_changes_nothing(sign_in: SignIn, db: None) -> None:
    made, before = coupon(), written()
    client = sign_in("support")
    for what in ("add_codes", "make_batch", "switch_off", "switch_on"):
        assert client.post(page(made, what), {"codes": "X", "count": "1", "receipt": str(new_id())}).status_code == 403
    assert client.post(page(made), form()).status_code == 403
    made.refresh_from_db()
    assert (made.active, written()) == (True, before)


def test_the_order_page_names_the_coupon(root: Client, goods: Shop, ada: Shopper) -> None:
    coupon(frees_delivery=True, kind="percent", percent_ppm=100_000)
    order = place(ada, goods.cash, (goods.cable, 1), coupon_code="SAVE10")
    text = root.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    for said in ("Discount, coupon SAVE10", "-0.95 USD", "Delivery discount, coupon SAVE10", "-5.00 USD"):
        assert said in text
