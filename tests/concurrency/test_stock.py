"""Scarce goods, many buyers: exactly what is there is sold, everybody gets a clear answer, nobody waits in a circle."""

from __future__ import annotations

import re
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from itertools import count

import psycopg
import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from catalog import stock
from catalog.models import Stock, StockMovement
from orders.checks import OrderRefused
from orders.models import Order
from orders.placement import place_order
from tests import shop as shops
from tests.concurrency.racing import (
    PATIENCE_S,
    deadlocks,
    no_deadlocks,
    outcome,
    together,
    wait_until_somebody_waits_for_a_lock,
)
from tests.shop import ON_DELIVERY, Article, Shop, Shopper, item, order_body, purchase, send, text_of

IN_STOCK, ATTEMPTS, CLIENTS = 60, 220, 32
SHORT = re.compile(r"Product 'Hot Thing' has insufficient stock\. Available: (\d+), Requested: (\d+)")


@pytest.fixture
def hot(db: None) -> Article:
    """What everybody wants."""
    return shops.add_article("Hot Thing", "HOT-1", 1000, available=IN_STOCK)


def all_at_once(attempt: Callable[[], str]) -> Counter[str]:
    """The outcomes of ATTEMPTS attempts by CLIENTS clients."""
    numbers = count()  # next() of it is atomic

    def client() -> list[str]:
        answers = []
        while next(numbers) < ATTEMPTS:
            answers.append(attempt())
        return answers

    with no_deadlocks():
        answers = together([client] * CLIENTS)
    return Counter(answer for some in answers for answer in some)


def assert_sold_out(hot: Article, outcomes: Counter[str]) -> None:
    """Every piece was sold once, every other attempt was told so, and the movements sum to the counters."""
    assert outcomes == {"sold": IN_STOCK, "refused": ATTEMPTS - IN_STOCK}
    assert Order.objects.count() == IN_STOCK
    counter = Stock.objects.get(pk=hot.variant_id)
    assert (counter.on_hand, counter.reserved) == (IN_STOCK, IN_STOCK)
    moved = StockMovement.objects.filter(variant=hot.variant_id).values_list("on_hand_change", "reserved_change")
    assert tuple(map(sum, zip(*moved, strict=True))) == (IN_STOCK, IN_STOCK)


def test_through_the_act_exactly_what_is_there_is_sold(shop: Shop, ada: Shopper, hot: Article) -> None:
    wanted = purchase(ada, shop.cash, (hot, 1))

    def attempt() -> str:
        try:
            place_order(wanted)
        except OrderRefused as refusal:
            (fault,) = refusal.faults
            assert (fault.code, fault.facts["requested"]) == ("stock_short", 1)
            assert fault.facts["available"] < 1
            return "refused"
        return "sold"

    assert_sold_out(hot, all_at_once(attempt))


def test_over_http_exactly_what_is_there_is_sold(shop: Shop, ada: Shopper, hot: Article) -> None:
    body = order_body(ada, shop.cash, item(hot))

    def attempt() -> str:
        response = send("POST", ON_DELIVERY, body, by=ada, key=str(uuid.uuid4()))
        if response.status_code == 204:
            return "sold"
        short = SHORT.fullmatch(text_of(response))
        assert response.status_code == 400, response.content
        assert short is not None, response.content
        assert int(short[1]) < int(short[2]) == 1
        return "refused"

    assert_sold_out(hot, all_at_once(attempt))


def test_many_pieces_at_a_time_leave_less_than_anybody_wants(shop: Shop, ada: Shopper, hot: Article) -> None:
    """Different quantities: nobody is refused who could have been served, and no refusal says that there is enough."""

    def buyer(pieces: int) -> Callable[[], tuple[int, int]]:
        def buy() -> tuple[int, int]:
            response = send("POST", ON_DELIVERY, order_body(ada, shop.cash, item(hot, pieces)), by=ada)
            if response.status_code == 204:
                return pieces, 0
            short = SHORT.fullmatch(text_of(response))
            assert short is not None, response.content
            assert int(short[1]) < int(short[2]) == pieces
            return 0, pieces

        return buy

    answers = together([buyer(pieces) for pieces in (7, 11, 13, 17) * 4])
    left = IN_STOCK - sum(sold for sold, _ in answers)
    assert left == shops.left(hot)
    assert left < min(refused for _, refused in answers if refused)


def test_lines_in_opposite_order_never_wait_in_a_circle(shop: Shop, ada: Shopper) -> None:
    there = purchase(ada, shop.cash, (shop.headphones, 1), (shop.cable, 1))
    back = purchase(ada, shop.cash, (shop.cable, 1), (shop.headphones, 1))

    def buyer(number: int) -> Callable[[], None]:
        def buy() -> None:
            for _ in range(12):
                place_order(there if number % 2 else back)

        return buy

    with no_deadlocks():
        together([buyer(number) for number in range(8)])
    assert (shops.left(shop.headphones), shops.left(shop.cable)) == (904, 904)


def test_a_hold_ends_once_even_for_two_who_do_not_know_of_each_other(hot: Article) -> None:
    """Sending waits for a release of the same hold and then finds that it is over."""
    source, other = uuid.uuid4(), uuid.uuid4()
    stock.reserve(source_id=source, quantities={hot.variant_id: 3})
    stock.reserve(source_id=other, quantities={hot.variant_id: 5})
    released = threading.Event()

    def release() -> None:
        with transaction.atomic():
            stock.release(source_id=source)
            released.set()
            wait_until_somebody_waits_for_a_lock()

    def send_goods() -> None:
        released.wait(PATIENCE_S)
        stock.send(source_id=source)

    together([release, send_goods])
    counter = Stock.objects.get(pk=hot.variant_id)
    kinds = StockMovement.objects.filter(source_id=source).order_by("pk").values_list("kind", flat=True)
    stock.release(source_id=other)
    assert (counter.on_hand, counter.reserved, list(kinds)) == (IN_STOCK, 5, ["reserved", "released"])


# --- what would happen without ---------------------------------------------------------------------------------------


def test_without_the_condition_only_the_constraint_keeps_from_overselling(
    hot: Article, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reservation's own statement, its condition taken out: the database's second wall is what is left."""
    condition = "AND s.on_hand - s.reserved >= held.quantity"
    assert condition in stock._RESERVE
    monkeypatch.setattr(stock, "_RESERVE", stock._RESERVE.replace(condition, ""))

    def reserve_more_than_half() -> None:
        stock.reserve(source_id=source, quantities={hot.variant_id: IN_STOCK // 2 + 1})

    source = uuid.uuid4()
    reserve_more_than_half()
    held, source = source, uuid.uuid4()
    with pytest.raises(IntegrityError, match="stock_never_oversold"):
        reserve_more_than_half()
    stock.release(source_id=held)


def test_reading_first_and_writing_then_sells_the_same_piece_twice(db: None) -> None:
    """What the one statement saves us from: both read that one is left, and both write that they took it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE UNLOGGED TABLE race_control AS SELECT 1 AS on_hand, 0 AS reserved")
    try:
        both_have_read = threading.Barrier(2)

        def buy() -> bool:
            with connection.cursor() as cursor:
                cursor.execute("SELECT on_hand, reserved FROM race_control")
                on_hand, reserved = cursor.fetchone()
                both_have_read.wait(PATIENCE_S)
                if on_hand - reserved < 1:
                    return False
                cursor.execute("UPDATE race_control SET reserved = %s", [reserved + 1])
                return True

        assert together([buy, buy]) == [True, True]
        with connection.cursor() as cursor:
            cursor.execute("SELECT on_hand, reserved FROM race_control")
            assert cursor.fetchone() == (1, 1)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE race_control")


def test_taking_the_rows_in_the_order_of_the_lines_deadlocks(shop: Shop) -> None:
    """Why one statement locks all rows in the order of their ids: line by line, two orders wait in a circle."""
    both_have_one = threading.Barrier(2)

    def buy(first: Article, second: Article) -> Callable[[], None]:
        def act() -> None:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET LOCAL deadlock_timeout = '50ms'")
                stock.reserve(source_id=uuid.uuid4(), quantities={first.variant_id: 1})
                both_have_one.wait(PATIENCE_S)
                stock.reserve(source_id=uuid.uuid4(), quantities={second.variant_id: 1})
                transaction.set_rollback(True)

        return act

    before = deadlocks()
    answers = together([outcome(buy(shop.headphones, shop.cable)), outcome(buy(shop.cable, shop.headphones))])
    (error,) = [answer for answer in answers if answer is not None]
    assert isinstance(error, OperationalError)
    assert isinstance(error.__cause__, psycopg.errors.DeadlockDetected)
    assert deadlocks() == before + 1
