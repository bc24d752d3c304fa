"""Calling an order off: stock back at once, money back, and never after the goods have left."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import transaction

from catalog.models import StockMovement
from kit import clock
from kit.money import Money
from orders import actors, cash
from orders.cancellation import cancel_order, cancel_unpaid, expire_order, orders_to_expire
from orders.fulfilment import send_order
from orders.models import Order, PaymentTerms
from orders.status import StatusRefused
from payments import recording
from payments.models import PaymentAttempt, PaymentRequest, Refund
from tests import shop as shops
from tests.payments.reports import asked, payment, report
from tests.shop import Shop, Shopper, give_back, place, written

SYSTEM = actors.SYSTEM


def prepaid(shop: Shop, ada: Shopper) -> Order:
    """An order that waits for a payment."""
    return place(ada, shop.standard, (shop.cable, 2), terms=PaymentTerms.PREPAID)


def test_a_cancelled_order_gives_its_stock_back_at_once(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 2), (shop.headphones, 1))
    assert (shops.left(shop.cable), shops.left(shop.headphones)) == (998, 999)
    cancel_order(order.pk, actor=actors.customer(ada.user.pk), reason="changed my mind")
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert (shops.left(shop.cable), shops.left(shop.headphones)) == (1000, 1000)
    last = order.history.order_by("-pk")[0]
    assert (last.event, last.from_status, last.to_status) == ("cancelled", "payment_pending", "cancelled")
    assert (last.actor_kind, last.actor_id, last.facts) == ("customer", ada.user.pk, {"reason": "changed my mind"})
    assert PaymentRequest.objects.get().state == "cancelled"


def test_cash_that_was_taken_goes_back_over_the_counter(shop: Shop, ada: Shopper) -> None:
    for part in (500, 2400):
        order = place(ada, shop.cash, (shop.cable, 2))
        cash.collect_cash(order.pk, amount=Money(part, "USD"), receipt=uuid.uuid4(), actor=SYSTEM)
        cancel_order(order.pk, actor=SYSTEM)
        order.refresh_from_db()
        assert (order.status, order.collected_minor, order.refunded_minor) == ("cancelled", part, part)
        refund = Refund.objects.get(attempt__request__subject_id=order.pk)
        assert (refund.amount_minor, refund.state, refund.reason) == (part, "succeeded", "The order was cancelled")
    assert shops.left(shop.cable) == 1000


def test_the_gateway_is_told_by_a_job(shop: Shop, ada: Shopper) -> None:
    order = prepaid(shop, ada)
    before = written()["procrastinate_jobs"]
    cancel_order(order.pk, actor=SYSTEM)
    request = PaymentRequest.objects.get()
    assert (request.state, request.cancel_wanted_at is not None) == ("initiated", True)
    assert written()["procrastinate_jobs"] == before + 1


def test_twice_is_refused(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    cancel_order(order.pk, actor=SYSTEM)
    _refused(order, "already_cancelled")


def test_what_has_left_the_house_is_not_cancelled(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    send_order(order.pk, actor=SYSTEM)
    _refused(order, "already_sent")


def test_what_was_refunded_is_not_cancelled(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    cash.collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=SYSTEM)
    give_back(order.pk, order.total)
    _refused(order, "move_not_allowed")


def _refused(order: Order, code: str) -> None:
    before = written()
    with pytest.raises(StatusRefused) as refused:
        cancel_order(order.pk, actor=SYSTEM)
    assert refused.value.first.code == code
    assert written() == before


def test_an_order_that_is_none_is_not_cancelled(db: None) -> None:
    with pytest.raises(Order.DoesNotExist):
        cancel_order(uuid.uuid4(), actor=SYSTEM)


def test_an_act_is_a_transaction_of_its_own(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    with pytest.raises(RuntimeError), transaction.atomic():
        cancel_order(order.pk, actor=SYSTEM)


def test_only_an_order_that_nobody_began_to_pay_is_given_up(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    cash.collect_cash(order.pk, amount=Money(1, "USD"), receipt=uuid.uuid4(), actor=SYSTEM)
    before = written()
    assert not cancel_unpaid(order.pk, actor=SYSTEM, facts={})
    assert written() == before
    other = prepaid(shop, ada)
    assert cancel_unpaid(other.pk, actor=SYSTEM, facts={"reason": "cut off"})
    assert not cancel_unpaid(other.pk, actor=SYSTEM, facts={"reason": "cut off"})
    assert PaymentAttempt.objects.count() == 1


def test_an_order_expires_when_its_time_is_over_and_not_before(shop: Shop, ada: Shopper) -> None:
    order = prepaid(shop, ada)
    assert order.expires_at is not None
    early, late = order.expires_at - timedelta(seconds=1), order.expires_at
    assert orders_to_expire(early, 10) == []
    assert not expire_order(order.pk, now=early)
    assert orders_to_expire(late, 10) == [order.pk]
    assert expire_order(order.pk, now=late)
    assert not expire_order(order.pk, now=late)
    order.refresh_from_db()
    assert (order.status, shops.left(shop.cable)) == ("cancelled", 1000)
    last = order.history.order_by("-pk")[0]
    assert (last.event, last.actor_kind) == ("expired", "system")


def test_neither_cash_nor_what_is_part_paid_expires(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    with clock.turned(timedelta(days=365)):
        assert orders_to_expire(clock.now(), 10) == []
        assert not expire_order(order.pk)
    assert not expire_order(uuid.uuid4())


def test_money_noticed_while_it_expires_revives_it_with_its_stock_held_once(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    with transaction.atomic():
        # Written down by somebody who was cut off before the settlement.
        recording.record(request, report(request, payment(request, "captured")))

    assert expire_order(order.pk, now=clock.now() + timedelta(days=1))

    order.refresh_from_db()
    assert (order.status, order.collected_minor) == ("paid", order.total_minor)
    assert shops.left(shop.headphones) == 999
    held = StockMovement.objects.filter(source_id=order.reservation_id).values_list("kind", flat=True)
    assert list(held) == ["reserved"]
