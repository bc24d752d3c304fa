"""The only writer of stock: what moves, what is refused, and that repeating anything changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import pytest
from django.db import IntegrityError, transaction

from catalog import stock
from catalog.models import Stock, StockMovement
from catalog.stock import Returned
from tests import shop as shops
from tests.shop import Article
from tests.statements import statements


@pytest.fixture
def bead(db: None) -> Article:
    """Ten of them."""
    return shops.add_article("Bead", "BEAD", 100, available=10)


@pytest.fixture
def string(db: None) -> Article:
    """Three of them."""
    return shops.add_article("String", "STRING", 50, available=3)


def counters(article: Article) -> tuple[int, int]:
    """On hand and reserved."""
    row = Stock.objects.get(pk=article.variant_id)
    return row.on_hand, row.reserved


class Hold:
    """A reservation that gives everything back in the end: no order of the books holds it."""

    def __init__(self, quantities: Mapping[Article, int]) -> None:
        self.source = uuid.uuid4()
        self.short = stock.reserve(
            source_id=self.source, quantities={article.variant_id: pieces for article, pieces in quantities.items()}
        )

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *_: object) -> None:
        stock.release(source_id=self.source)


def test_what_is_reserved_can_no_longer_be_sold(bead: Article, string: Article) -> None:
    with Hold({bead: 4, string: 3}) as hold:
        assert hold.short == set()
        assert (counters(bead), counters(string)) == ((10, 4), (3, 3))
        assert (shops.left(bead), shops.left(string)) == (6, 0)
    assert (counters(bead), counters(string)) == ((10, 0), (3, 0))


def test_the_last_piece_can_be_sold_and_no_more(bead: Article) -> None:
    with Hold({bead: 10}) as first, Hold({bead: 1}) as second:
        assert (first.short, second.short) == (set(), {bead.variant_id})
        assert counters(bead) == (10, 10)
        assert StockMovement.objects.filter(source_id=second.source).count() == 0


def test_what_is_short_is_named_and_the_rest_is_the_callers_to_take_back(bead: Article, string: Article) -> None:
    unknown = uuid.uuid4()
    with transaction.atomic():
        short = stock.reserve(source_id=uuid.uuid4(), quantities={bead.variant_id: 1, string.variant_id: 4, unknown: 1})
        assert short == {string.variant_id, unknown}
        assert counters(bead) == (10, 1)
        transaction.set_rollback(True)
    assert counters(bead) == (10, 0)


def test_one_source_reserves_once(bead: Article) -> None:
    with Hold({bead: 1}) as hold:
        with pytest.raises(IntegrityError, match="stock_moves_once_per_source"):
            stock.reserve(source_id=hold.source, quantities={bead.variant_id: 1})
        assert counters(bead) == (10, 1)


def test_releasing_and_sending_end_a_hold_once(bead: Article) -> None:
    released, sent = Hold({bead: 2}), Hold({bead: 3})
    for _ in range(2):
        stock.release(source_id=released.source)
        stock.send(source_id=sent.source)
        stock.send(source_id=released.source)
        stock.release(source_id=sent.source)
        stock.release(source_id=uuid.uuid4())
        assert counters(bead) == (7, 0)
    kinds = StockMovement.objects.order_by("pk").values_list("kind", "on_hand_change", "reserved_change")
    assert list(kinds) == [
        ("received", 10, 0),
        ("reserved", 0, 2),
        ("reserved", 0, 3),
        ("released", 0, -2),
        ("sent", -3, -3),
    ]


def test_a_delivery_note_counts_once(bead: Article) -> None:
    note = uuid.uuid4()
    for _ in range(2):
        stock.count(variant_id=bead.variant_id, change=5, reason="delivery", source_id=note)
    stock.count(variant_id=bead.variant_id, change=0, reason="nothing", source_id=uuid.uuid4())
    stock.count(variant_id=bead.variant_id, change=-1, reason="broken", source_id=uuid.uuid4())
    assert counters(bead) == (14, 0)
    assert list(StockMovement.objects.order_by("pk").values_list("kind", "reason")) == [
        ("received", "delivery note"),
        ("received", "delivery"),
        ("written_off", "broken"),
    ]


def test_what_is_promised_cannot_be_written_off(bead: Article) -> None:
    with Hold({bead: 8}):
        stock.count(variant_id=bead.variant_id, change=-2, reason="broken", source_id=uuid.uuid4())
        with pytest.raises(IntegrityError, match="stock_never_oversold"):
            stock.count(variant_id=bead.variant_id, change=-1, reason="broken", source_id=uuid.uuid4())
        assert counters(bead) == (8, 8)
    assert StockMovement.objects.filter(kind="written_off").count() == 1


def test_each_act_is_one_statement(bead: Article, string: Article) -> None:
    source = uuid.uuid4()
    with statements() as told:
        stock.reserve(source_id=source, quantities={bead.variant_id: 1, string.variant_id: 1})
        stock.release(source_id=source)
        stock.send(source_id=source)
        stock.count(variant_id=bead.variant_id, change=1, reason="delivery", source_id=source)
    assert len(told) == 4


def test_what_came_back_is_on_hand_once_for_each_that_brought_it(bead: Article, string: Article) -> None:
    one, other = Returned(uuid.uuid4(), bead.variant_id, 2), Returned(uuid.uuid4(), bead.variant_id, 1)
    back = [one, Returned(uuid.uuid4(), string.variant_id, 3), other]
    for _ in range(2):
        stock.take_back(back, reason="Came back")
    assert (counters(bead), counters(string)) == ((13, 0), (6, 0))
    with statements() as told:
        stock.take_back([*back, Returned(uuid.uuid4(), bead.variant_id, 1)], reason="Came back")
    assert (len(told), counters(bead)) == (1, (14, 0))
    stock.take_back([], reason="Nothing")
