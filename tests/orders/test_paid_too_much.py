"""What was given back of a sale is not due any more: whoever pays it once more has paid too much, and gets it back."""

from __future__ import annotations

from typing import Any

import pytest

from kit.money import Money
from orders import actors
from orders.fulfilment import deliver_order, send_order
from orders.models import Order, OrderStatus
from orders.settlement import settle
from payments import ledger
from payments.models import Account, PaymentRequest, Refund, RefundState
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, give_back

TOTAL = 25999
PART = 4000


@pytest.fixture
def placed(shop: Shop, ada: Shopper) -> tuple[Order, PaymentRequest]:
    """An order of 259.99 USD, paid in full, with its request."""
    order, request = asked(ada, shop)
    return hear(order, request, payment(request, "captured")), request


def hear(order: Order, request: PaymentRequest, *payments: Any) -> Order:
    return settle(order.pk, actor=actors.GATEWAY, report=report(request, *payments))


def going() -> list[tuple[int, int]]:
    """What is on its way back, and how much of it was never due."""
    return list(
        Refund.objects.filter(state=RefundState.APPROVED)
        .order_by("created_at")
        .values_list("amount_minor", "surplus_minor")
    )


def owed(order: Order) -> int:
    return ledger.balance(order.pk, order.currency, Account.RECEIVABLE)


@pytest.mark.parametrize("is_back", [True, False])
def test_after_goodwill_a_second_payment_goes_back_whole(placed: tuple[Order, PaymentRequest], is_back: bool) -> None:
    order, request = placed
    give_back(order.pk, Money(PART, "USD"))
    ours = Refund.objects.get()
    arrived = (refund(request, "a", PART, key=str(ours.pk)),) if is_back else ()
    first = payment(request, "captured", refunds=arrived)
    order = hear(order, request, first)

    order = hear(order, request, first, payment(request, "captured", "2"))

    assert going()[-1] == (TOTAL, TOTAL)
    assert (owed(order), order.status) == (0, OrderStatus.PAID)
    # Nothing is kept of it by being as much as was given back, either.
    order = hear(order, request, first, payment(request, "captured", "2"), payment(request, "captured", "3"))
    assert sum(amount for amount, _ in going()) == 2 * TOTAL + (0 if is_back else PART)
    assert owed(order) == 0


@pytest.mark.parametrize("delivered", [True, False])
def test_goods_that_were_sent_and_given_back_are_not_paid_by_accident(
    placed: tuple[Order, PaymentRequest], delivered: bool
) -> None:
    order, request = placed
    send_order(order.pk, actor=actors.SYSTEM)
    if delivered:
        deliver_order(order.pk, actor=actors.SYSTEM)
    back = payment(request, "captured", refunds=(refund(request, "a", TOTAL),))
    assert hear(order, request, back).status == OrderStatus.REFUNDED

    order = hear(order, request, back, payment(request, "captured", "2"))

    assert (going(), owed(order)) == ([(TOTAL, TOTAL)], 0)


def test_a_refund_that_fails_after_all_is_paid_for_again(placed: tuple[Order, PaymentRequest]) -> None:
    order, request = placed
    send_order(order.pk, actor=actors.SYSTEM)
    hear(order, request, payment(request, "captured", refunds=(refund(request, "a", TOTAL),)))
    order = hear(order, request, payment(request, "captured", refunds=(refund(request, "a", TOTAL, "failed"),)))
    assert (going(), owed(order), order.status) == ([], 0, OrderStatus.PAID)
