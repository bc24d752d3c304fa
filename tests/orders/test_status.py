"""The six states: the table, the rule that money follows, the one writer."""

from __future__ import annotations

from itertools import product

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from orders import actors
from orders.models import HistoryEvent, Order, OrderStatus
from orders.status import MOVES, StatusRefused, by_money, note, transition
from tests.shop import Shop, Shopper, place

S = OrderStatus


@pytest.mark.parametrize(
    ("total", "collected", "refunded", "delivered", "status"),
    [
        (100, 0, 0, False, S.PAYMENT_PENDING),
        (100, 0, 0, True, S.PAYMENT_PENDING),  # cash that was not taken
        (100, 99, 0, False, S.PARTIALLY_PAID),
        (100, 99, 0, True, S.PARTIALLY_PAID),
        (100, 100, 0, False, S.PAID),
        (100, 101, 0, False, S.PAID),
        (100, 100, 0, True, S.COMPLETED),
        (100, 100, 1, False, S.PAID),  # a partial refund keeps Paid ...
        (100, 100, 99, True, S.COMPLETED),  # ... or Completed
        (100, 100, 100, False, S.REFUNDED),
        (100, 100, 100, True, S.REFUNDED),
        (100, 50, 50, False, S.REFUNDED),
        (0, 0, 0, False, S.PAID),
        (0, 0, 0, True, S.COMPLETED),
    ],
)
def test_money_and_goods_decide(total: int, collected: int, refunded: int, delivered: bool, status: S) -> None:
    assert by_money(total=total, collected=collected, refunded=refunded, delivered=delivered) == status


@given(st.integers(0, 200), st.integers(0, 300), st.data(), st.booleans())
def test_no_order_is_called_paid_that_is_not(total: int, collected: int, data: st.DataObject, delivered: bool) -> None:
    refunded = data.draw(st.integers(0, collected))
    status = by_money(total=total, collected=collected, refunded=refunded, delivered=delivered)
    if status in (S.PAID, S.COMPLETED):
        assert collected >= total
    assert (status == S.COMPLETED) <= delivered
    assert status != S.CANCELLED


@pytest.mark.parametrize(("before", "after"), [pair for pair in product(S, S) if pair[0] != pair[1]])
def test_a_move_is_written_down_or_refused(shop: Shop, ada: Shopper, before: S, after: S) -> None:
    """In memory and in a transaction that is rolled back: what money says of these orders is not asked here."""
    order = place(ada, shop.cash, (shop.cable, 1))
    with transaction.atomic():
        Order.objects.filter(pk=order.pk).update(
            status=before, fulfilment="delivered", collected_minor=order.total_minor
        )
        order.refresh_from_db()
        rows = order.history.count()
        if after in MOVES[before]:
            transition(order, after, event=HistoryEvent.PAYMENT, actor=actors.SYSTEM, facts={"why": "test"})
            last = order.history.order_by("-pk")[0]
            assert (last.from_status, last.to_status, last.actor_kind, last.facts) == (
                before,
                after,
                "system",
                {"why": "test"},
            )
            assert order.history.count() == rows + 1
        else:
            with pytest.raises(StatusRefused) as refused:
                transition(order, after, event=HistoryEvent.PAYMENT, actor=actors.SYSTEM)
            assert refused.value.first.code == "move_not_allowed"
            assert refused.value.first.facts["status"] == before
            assert order.history.count() == rows
            assert order.status == before
        transaction.set_rollback(True)


def test_no_order_comes_back_to_waiting_for_its_payment() -> None:
    assert all(S.PAYMENT_PENDING not in moves for moves in MOVES.values())


def test_a_note_moves_nothing(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    note(order, event=HistoryEvent.SENT, actor=actors.staff(ada.user.pk), facts={"carrier": "UPS"})
    last = order.history.order_by("-pk")[0]
    assert (last.from_status, last.to_status, last.event) == ("payment_pending", "payment_pending", "sent")
    assert (last.actor_kind, last.actor_id) == ("staff", ada.user.pk)


def test_a_status_without_its_history_is_refused_at_commit(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    with pytest.raises(IntegrityError, match="not in its history"):
        Order.objects.filter(pk=order.pk).update(status="partially_paid")
    order.refresh_from_db()
    assert order.status == "payment_pending"
