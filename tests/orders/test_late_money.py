"""Money for an order that is over: it revives the order, becomes credit or goes back, and always has a name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from kit import clock
from orders import actors, cancellation
from orders.models import HistoryEvent, Order, OrderStatus
from orders.settlement import settle
from orders_project.checks import rules_are_known
from payments.models import CreditBalance, PaymentRequest, Refund, RefundDestination, RefundState
from tests.payments.reports import asked, payment, report
from tests.shop import Shop, Shopper, deliver_goods, left


def end(order: Order, how: str) -> None:
    if how == "expired":
        assert cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))
    else:
        cancellation.cancel_order(order.pk, actor=actors.SYSTEM)


def pay(order: Order, request: PaymentRequest, minor: int | None = None) -> Order:
    amount = order.total_minor if minor is None else minor
    captured = payment(request, "captured", amount_minor=amount, captured_minor=amount)
    return settle(order.pk, actor=actors.GATEWAY, report=report(request, captured))


def told(order: Order) -> tuple[str, str] | None:
    """What the history says became of late money, and why."""
    row = order.history.filter(event=HistoryEvent.LATE_MONEY).first()
    return (row.facts["outcome"], row.facts["because"]) if row else None


@pytest.mark.parametrize(
    ("policy", "how", "revived", "because"),
    [
        ("expired", "expired", True, ""),
        ("expired", "cancelled", False, "called_off"),
        ("any", "expired", True, ""),
        ("any", "cancelled", True, ""),
        ("none", "expired", False, "called_off"),
        ("none", "cancelled", False, "called_off"),
    ],
)
def test_the_shop_says_which_orders_come_back_to_life(
    shop: Shop, ada: Shopper, settings: Any, policy: str, how: str, revived: bool, because: str
) -> None:
    settings.LATE_MONEY_REVIVES = policy
    order, request = asked(ada, shop)
    stock = left(shop.headphones)
    end(order, how)

    order = pay(order, request)

    if revived:
        assert (order.status, told(order), left(shop.headphones)) == (OrderStatus.PAID, None, stock)
        assert order.history.filter(event=HistoryEvent.REVIVED).count() == 1
        assert not Refund.objects.exists()
    else:
        assert (order.status, told(order)) == (OrderStatus.CANCELLED, ("refund", because))
        assert (Refund.objects.get().amount_minor, left(shop.headphones)) == (order.total_minor, stock + 1)


@pytest.mark.parametrize("otherwise", ["refund", "credit"])
@pytest.mark.parametrize("because", ["sold_out", "not_enough", "called_off"])
def test_what_revives_nothing_goes_back_or_becomes_credit(
    shop: Shop, ada: Shopper, settings: Any, otherwise: str, because: str
) -> None:
    settings.LATE_MONEY_OTHERWISE = otherwise
    order, request = asked(ada, shop)
    end(order, "cancelled" if because == "called_off" else "expired")
    if because == "sold_out":
        deliver_goods(shop.headphones, -left(shop.headphones))
    paid = order.total_minor - 1 if because == "not_enough" else order.total_minor

    order = pay(order, request, paid)

    assert (order.status, told(order)) == (OrderStatus.CANCELLED, (otherwise, because))
    refund = Refund.objects.get()
    assert (refund.amount_minor, refund.surplus_minor) == (paid, paid)
    if otherwise == "credit":
        assert (refund.destination, refund.state) == (RefundDestination.CREDIT, RefundState.SUCCEEDED)
        assert CreditBalance.objects.get(customer=ada.customer, currency="USD").balance_minor == paid
        assert order.history.filter(event=HistoryEvent.CREDITED).count() == 1
    else:
        assert (refund.destination, refund.state) == (RefundDestination.ORIGINAL, RefundState.APPROVED)
        assert not CreditBalance.objects.exists()
    # Heard again, nothing happens a second time.
    pay(order, request, paid)
    assert Refund.objects.count() == order.history.filter(event=HistoryEvent.LATE_MONEY).count() == 1


def test_what_was_paid_in_time_goes_back_the_way_it_came(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.LATE_MONEY_REVIVES, settings.LATE_MONEY_OTHERWISE = "any", "credit"
    order, request = asked(ada, shop)
    pay(order, request)

    end(order, "cancelled")

    order.refresh_from_db()
    assert (order.status, told(order)) == (OrderStatus.CANCELLED, None)
    assert Refund.objects.get().destination == RefundDestination.ORIGINAL


def test_a_rule_that_is_none_is_found_at_the_start(settings: Any) -> None:
    assert rules_are_known() == []
    settings.LATE_MONEY_OTHERWISE = "keep"
    assert [error.id for error in rules_are_known()] == ["quittance.E007"]
