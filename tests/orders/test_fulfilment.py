"""Goods on their way."""

from __future__ import annotations

import uuid

import pytest

from catalog.models import Stock, StockMovement
from kit.money import Money
from orders import actors, cash
from orders.cancellation import cancel_order
from orders.fulfilment import deliver_order, send_order
from orders.models import Order, PaymentTerms
from orders.settlement import settle
from orders.status import StatusRefused
from tests.payments.reports import asked, payment, report
from tests.shop import Shop, Shopper, give_back, place, written

CLERK = actors.SYSTEM


def refused(act: object, order: Order, code: str) -> None:
    """The act is refused and nothing is written."""
    before = written()
    with pytest.raises(StatusRefused) as error:
        act(order.pk, actor=CLERK)  # type: ignore[operator]
    assert error.value.first.code == code
    assert written() == before


def test_what_is_sent_leaves_the_stock_and_is_tracked(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 3), (shop.cable, 2))
    send_order(order.pk, actor=CLERK, carrier="UPS", tracking_number="1Z")
    order.refresh_from_db()
    assert (order.fulfilment, order.carrier, order.tracking_number) == ("sent", "UPS", "1Z")
    assert order.sent_at is not None
    stock = Stock.objects.get(pk=shop.cable.variant_id)
    assert (stock.on_hand, stock.reserved) == (995, 0)
    sent = StockMovement.objects.get(kind="sent")
    assert (sent.on_hand_change, sent.reserved_change) == (-5, -5)
    assert order.history.filter(event="sent").count() == 1


def test_cash_completes_what_is_delivered_in_either_order(shop: Shop, ada: Shopper) -> None:
    delivered_first, paid_first = (place(ada, shop.cash, (shop.cable, 1)) for _ in range(2))
    send_order(delivered_first.pk, actor=CLERK)
    deliver_order(delivered_first.pk, actor=CLERK)
    delivered_first.refresh_from_db()
    assert delivered_first.status == "payment_pending"
    cash.collect_cash(delivered_first.pk, amount=delivered_first.total, receipt=uuid.uuid4(), actor=CLERK)
    cash.collect_cash(paid_first.pk, amount=paid_first.total, receipt=uuid.uuid4(), actor=CLERK)
    send_order(paid_first.pk, actor=CLERK)
    deliver_order(paid_first.pk, actor=CLERK)
    for order in (delivered_first, paid_first):
        order.refresh_from_db()
        assert (order.status, order.fulfilment) == ("completed", "delivered")
        assert order.delivered_at is not None


def test_part_of_the_cash_does_not_complete_it(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    send_order(order.pk, actor=CLERK)
    cash.collect_cash(order.pk, amount=Money(1, "USD"), receipt=uuid.uuid4(), actor=CLERK)
    deliver_order(order.pk, actor=CLERK)
    order.refresh_from_db()
    assert order.status == "partially_paid"


def test_prepaid_goods_stay_until_they_are_paid(shop: Shop, ada: Shopper) -> None:
    refused(send_order, place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID), "not_sendable")


def test_goods_are_sent_once_and_delivered_once_in_that_order(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    refused(deliver_order, order, "not_sent")
    send_order(order.pk, actor=CLERK)
    refused(send_order, order, "already_sent")
    deliver_order(order.pk, actor=CLERK)
    refused(deliver_order, order, "not_sent")
    refused(send_order, order, "already_sent")


def paid_online(shop: Shop, ada: Shopper) -> Order:
    order, request = asked(ada, shop)
    return settle(order.pk, actor=CLERK, report=report(request, payment(request, "captured")))


def test_what_is_to_be_paid_back_in_full_is_not_sent(shop: Shop, ada: Shopper) -> None:
    order = paid_online(shop, ada)
    give_back(order.pk, order.total)
    refused(send_order, order, "refund_promised")


def test_a_part_on_its_way_back_keeps_nobody_from_sending_the_goods(shop: Shop, ada: Shopper) -> None:
    order = paid_online(shop, ada)
    give_back(order.pk, Money(100, "USD"))
    assert send_order(order.pk, actor=CLERK).fulfilment == "sent"


def test_a_cancelled_order_is_not_sent(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    cancel_order(order.pk, actor=CLERK)
    refused(send_order, order, "not_sendable")
