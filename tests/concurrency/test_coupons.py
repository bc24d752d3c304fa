"""Many at once with one coupon: never a use too many, always an answer in words; and what happens without counting."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from orders import actors, cancellation
from orders.checks import OrderRefused
from orders.coupons import making
from orders.models import Coupon, CouponUse
from orders.placement import place_order
from tests import books
from tests import shop as shops
from tests.concurrency.racing import PATIENCE_S, no_deadlocks, together
from tests.orders.coupons.test_coupons import coupon
from tests.shop import Shop, Shopper, item, order_body, place, purchase, send, text_of

CLIENTS, ROUNDS, FEW_ROUNDS = 20, 50, 10


@pytest.fixture
def crowd(db: None) -> list[Shopper]:
    """Customers who all have the same leaflet."""
    return [shops.sign_up(f"client{number}@example.com") for number in range(CLIENTS)]


def race(shop: Shop, shoppers: Sequence[Shopper], codes: Sequence[str]) -> list[Counter[str]]:
    """For each code what became of the shoppers' orders, all placed at one instant: "done", or why not.

    Each shopper has one connection for all rounds.
    """
    barrier = threading.Barrier(len(shoppers))

    def run(shopper: Shopper) -> list[str]:
        outcomes = []
        for code in codes:
            wanted = purchase(shopper, shop.cash, (shop.cable, 1), coupon_code=code)
            barrier.wait(PATIENCE_S)
            outcomes.append(_try(wanted))
        return outcomes

    rounds = together([lambda shopper=shopper: run(shopper) for shopper in shoppers])  # type: ignore[misc]
    return [Counter(outcomes) for outcomes in zip(*rounds, strict=True)]


def _try(wanted: Any) -> str:
    try:
        place_order(wanted)
    except OrderRefused as refused:
        (fault,) = refused.faults
        assert fault.code == "coupon_not_usable"
        return str(fault.facts["why"])
    return "done"


def many(count: int, **fields: Any) -> list[str]:
    """Codes of so many coupons."""
    return [coupon(f"RACE{number}", **fields).name for number in range(count)]


def test_of_many_who_want_the_last_use_one_has_it(shop: Shop, crowd: list[Shopper]) -> None:
    codes = many(ROUNDS, max_uses=1)
    with no_deadlocks():
        outcomes = race(shop, crowd, codes)
    assert outcomes == [Counter(done=1, used_up=CLIENTS - 1)] * ROUNDS
    assert CouponUse.objects.count() == ROUNDS


def test_a_code_of_a_batch_is_used_once(shop: Shop, crowd: list[Shopper]) -> None:
    batch = making.make_batch(coupon().pk, FEW_ROUNDS, made_by=None)
    outcomes = race(shop, crowd, list(batch.codes.values_list("code", flat=True)))
    assert outcomes == [Counter(done=1, used_up=CLIENTS - 1)] * FEW_ROUNDS


def test_a_customer_in_many_windows_uses_it_as_often_as_they_may(shop: Shop, ada: Shopper) -> None:
    codes = many(FEW_ROUNDS, max_uses_per_customer=2)
    assert race(shop, [ada] * 10, codes) == [Counter(done=2, used_before=8)] * FEW_ROUNDS


def test_a_budget_is_not_overspent(shop: Shop, crowd: list[Shopper]) -> None:
    """0.95 USD each, of 3.00 USD."""
    codes = many(FEW_ROUNDS, budget_minor=300, currency="USD")
    assert race(shop, crowd, codes) == [Counter(done=3, used_up=CLIENTS - 3)] * FEW_ROUNDS
    assert set(Coupon.objects.values_list("used", "spent_minor")) == {(3, 285)}


def test_what_is_given_back_while_others_want_it_is_used_once_at_most(shop: Shop, crowd: list[Shopper]) -> None:
    for number in range(FEW_ROUNDS):
        code = f"BACK{number}"
        made = coupon(code, max_uses=1)
        first = place(crowd[0], shop.cash, (shop.cable, 1), coupon_code=code)

        def cancel(order_id: Any = first.pk) -> str:
            cancellation.cancel_order(order_id, actor=actors.SYSTEM)
            return "cancelled"

        acts: list[Callable[[], str]] = [cancel]
        for shopper in crowd[1:8]:
            wanted = purchase(shopper, shop.cash, (shop.cable, 1), coupon_code=code)
            acts.append(lambda wanted=wanted: _try(wanted))  # type: ignore[misc]
        with no_deadlocks():
            done = Counter(together(acts))
        made.refresh_from_db()
        live = CouponUse.objects.filter(coupon=made, given_back_at__isnull=True).count()
        assert (done["cancelled"], done["done"], made.used) == (1, live, live)
        assert live in (0, 1)
        # Whoever comes now finds it free, or used.
        assert _try(purchase(crowd[9], shop.cash, (shop.cable, 1), coupon_code=code)) == ("used_up" if live else "done")


def test_over_http_everybody_gets_an_answer_in_words(shop: Shop, crowd: list[Shopper]) -> None:
    coupon(max_uses=1)

    def buy(shopper: Shopper) -> tuple[int, str]:
        body = order_body(shopper, shop.cash, item(shop.cable), couponCode="save-10")
        answer = send("POST", shops.ON_DELIVERY, body, by=shopper)
        return answer.status_code, "" if answer.status_code == 204 else text_of(answer)

    answers = Counter(together([lambda shopper=shopper: buy(shopper) for shopper in crowd[:10]]))  # type: ignore[misc]
    assert answers.pop((204, "")) == 1
    assert sum(answers.values()) == 9
    # As typed by those who lost the race, in its one spelling by those who came later.
    assert set(answers) <= {
        (400, f"Coupon '{code}' cannot be used: it has been used up") for code in ("save-10", "SAVE10")
    }


def test_one_customer_twice_at_once_over_http_is_told_that_they_used_it(shop: Shop, ada: Shopper) -> None:
    for number in range(FEW_ROUNDS):
        coupon(f"TWICE{number}", max_uses_per_customer=1)
        body = order_body(ada, shop.cash, item(shop.cable), couponCode=f"TWICE{number}")
        answers = together([lambda body=body: send("POST", shops.ON_DELIVERY, body, by=ada)] * 2)  # type: ignore[misc]
        done, refused = sorted(answers, key=lambda answer: answer.status_code)
        assert (done.status_code, refused.status_code) == (204, 400)
        assert text_of(refused) == f"Coupon 'TWICE{number}' cannot be used: you have used it before"


# --- without the counting --------------------------------------------------------------------------------------------


@contextmanager
def uncounted() -> Iterator[None]:
    """The database does not count uses meanwhile. Everything is gone afterwards: the books would not agree with it."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE orders_couponuse DISABLE TRIGGER orders_couponuse_counts_itself")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE orders_couponuse ENABLE TRIGGER orders_couponuse_counts_itself")
        books.empty()


@pytest.mark.parametrize(
    "limit",
    [
        {"max_uses": 1},
        {"code_uses": 1},
        {"max_uses_per_customer": 1},
        {"budget_minor": 95, "currency": "USD"},
    ],
    ids=str,
)
def test_without_it_everybody_has_the_last_use(shop: Shop, ada: Shopper, limit: dict[str, Any]) -> None:
    """The negative control of every race above, of what is given back while others want it as well."""
    coupon(**limit)
    with uncounted():
        assert race(shop, [ada] * 5, ["SAVE10"]) == [Counter(done=5)]
        assert CouponUse.objects.count() == 5
