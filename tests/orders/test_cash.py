"""Cash: counted by staff, recorded once per receipt, never more than is due."""

from __future__ import annotations

import uuid

import pytest

from kit.errors import DomainError
from kit.money import Money
from orders import actors
from orders.cancellation import cancel_order
from orders.cash import collect_cash
from orders.models import Notice, Order, PaymentTerms
from orders.status import StatusRefused
from payments.models import PaymentAttempt, PaymentRequest
from tests.shop import Shop, Shopper, hire, place, written


def usd(minor: int) -> Money:
    """Dollars and cents."""
    return Money(minor, "USD")


def take(order: Order, amount: Money, receipt: uuid.UUID | None = None) -> Order:
    """Staff take cash."""
    return collect_cash(order.pk, amount=amount, receipt=receipt or uuid.uuid4(), actor=actors.SYSTEM)


def test_part_makes_it_partially_paid_and_the_rest_paid(shop: Shop, ada: Shopper) -> None:
    clerk = hire()
    order = place(ada, shop.cash, (shop.cable, 1))
    collect_cash(order.pk, amount=usd(1000), receipt=uuid.uuid4(), actor=actors.staff(clerk.pk))
    order.refresh_from_db()
    assert (order.status, order.collected_minor) == ("partially_paid", 1000)
    assert PaymentRequest.objects.get().state == "open"
    take(order, usd(450))
    order.refresh_from_db()
    assert (order.status, order.collected_minor) == ("paid", 1450)
    assert PaymentRequest.objects.get().state == "paid"
    moves = order.history.values_list("from_status", "to_status", "actor_kind")
    assert list(moves) == [
        ("", "payment_pending", "customer"),
        ("payment_pending", "partially_paid", "staff"),
        ("partially_paid", "paid", "system"),
    ]
    assert sorted(Notice.objects.filter(order=order).values_list("kind", flat=True)) == ["confirmation", "payment"]


@pytest.mark.parametrize("minor", [500, 1450])
def test_the_same_receipt_again_changes_nothing(shop: Shop, ada: Shopper, minor: int) -> None:
    order, receipt = place(ada, shop.cash, (shop.cable, 1)), uuid.uuid4()
    take(order, usd(minor), receipt)
    before = written()
    assert take(order, usd(minor), receipt).collected_minor == minor
    assert written() == before


def test_a_receipt_is_of_one_order_and_one_amount(shop: Shop, ada: Shopper) -> None:
    order, other, receipt = place(ada, shop.cash, (shop.cable, 1)), place(ada, shop.cash, (shop.cable, 1)), uuid.uuid4()
    take(order, usd(500), receipt)
    before = written()
    for wrong, amount in ((other, usd(500)), (order, usd(501))):
        with pytest.raises(DomainError) as refused:
            take(wrong, amount, receipt)
        assert refused.value.first.code == "receipt_used"
    assert written() == before


@pytest.mark.parametrize("amount", [usd(0), usd(-1), usd(1451), Money(1450, "EUR")], ids=str)
def test_an_amount_that_is_not_due_is_refused(shop: Shop, ada: Shopper, amount: Money) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    before = written()
    with pytest.raises(DomainError) as refused:
        take(order, amount)
    assert (refused.value.first.code, refused.value.first.facts["due"]) == ("amount_invalid", usd(1450))
    assert written() == before


def test_nothing_is_taken_for_what_is_over_or_paid_otherwise(shop: Shop, ada: Shopper) -> None:
    paid, cancelled = place(ada, shop.cash, (shop.cable, 1)), place(ada, shop.cash, (shop.cable, 1))
    prepaid = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    take(paid, paid.total)
    cancel_order(cancelled.pk, actor=actors.SYSTEM)
    before = written()
    for order, code in ((paid, "nothing_due"), (cancelled, "nothing_due"), (prepaid, "not_on_delivery")):
        with pytest.raises(StatusRefused) as refused:
            take(order, usd(1))
        assert refused.value.first.code == code
    assert written() == before
    assert PaymentAttempt.objects.count() == 1
