"""Orders that were paid with credits, in part or wholly: refunds give the credits back, once."""

from __future__ import annotations

import uuid
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group

from catalog.models import TaxRate
from kit import clock
from kit.errors import DomainError
from kit.money import Money
from orders import actors, cancellation, waiting
from orders.actors import Actor
from orders.approval_limits import read_limits
from orders.cash import collect_cash
from orders.fulfilment import deliver_order, send_order
from orders.models import Order, OrderRefund, PaymentTerms, RefundKind
from orders.payments import status_of
from orders.returns import approve_refund, refuse_refund, request_refund
from orders.returns.plans import LineWish, RefundWish
from orders.returns.standing import RefundStep, standings
from orders.status import StatusRefused
from orders_project.roles import ensure_roles
from payments.models import CreditTerm, Refund, RefundDestination
from tests import shop as shops
from tests.orders.credits.wallet import booked, grant, pay, spendable, terms_left
from tests.shop import Shop, Shopper, left, place, written


def full(order: Order, **fields: Any) -> OrderRefund:
    """Everything goes back."""
    return request_refund(order.pk, RefundWish(RefundKind.FULL, "returned", **fields), actor=actors.SYSTEM)


def some(order: Order, minor: int, **fields: Any) -> OrderRefund:
    """An amount goes back."""
    wish = RefundWish(RefundKind.PARTIAL, "returned", Money(minor, order.currency), **fields)
    return request_refund(order.pk, wish, actor=actors.SYSTEM)


def lines(order: Order, *wanted: tuple[int, int], delivery: bool = False) -> OrderRefund:
    """Pieces of lines go back."""
    wish = RefundWish(RefundKind.LINES, "returned", lines=tuple(LineWish(*one) for one in wanted), delivery=delivery)
    return request_refund(order.pk, wish, actor=actors.SYSTEM)


def now(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


@pytest.fixture
def covered(shop: Shop, ada: Shopper) -> Order:
    """Paid with 14.50 of 20.00 USD of credit: a cable and its delivery."""
    grant(ada, 2000)
    return place(ada, shop.cash, (shop.cable, 1), use_credits=True)


@pytest.fixture
def half(shop: Shop, ada: Shopper) -> Order:
    """Three cables and their delivery for 33.50 USD: 20.00 in credits, 13.50 in cash."""
    grant(ada, 2000)
    order = place(ada, shop.cash, (shop.cable, 3), use_credits=True)
    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    return now(order)


def test_an_order_wholly_paid_with_credits_can_be_refunded(shop: Shop, ada: Shopper, covered: Order) -> None:
    assert (covered.status, covered.total_minor, status_of(covered)) == ("paid", 0, "paid")
    refund = full(covered)
    order = now(covered)
    assert (refund.amount_minor, refund.credits_minor, refund.money_minor) == (1450, 1450, 0)
    assert (order.status, order.credits_returned_minor, order.refunded_minor) == ("refunded", 1450, 0)
    assert (spendable(ada), left(shop.cable), status_of(order)) == (2000, 1000, "refunded")
    assert booked(order.pk) == {"revenue": -950, "delivery_revenue": -500, "refunds": 1450}
    assert standings([refund])[refund.pk].step == RefundStep.SUCCEEDED
    assert not Refund.objects.exists()
    before = written()
    with pytest.raises(DomainError) as refused:
        full(order)
    assert (refused.value.first.code, written()) == ("nothing_to_refund", before)


def test_money_goes_back_first_and_credits_after_it(shop: Shop, ada: Shopper, half: Order) -> None:
    assert (half.status, half.total_minor, half.credits_minor, spendable(ada)) == ("paid", 1350, 2000, 0)
    first, second = lines(half, (1, 1)), lines(half, (1, 1))
    assert (first.amount_minor, first.credits_minor) == (950, 0)
    # 4.00 USD of the money are left.
    assert (second.amount_minor, second.credits_minor) == (950, 550)
    order = now(half)
    assert (order.status, order.refunded_minor, order.credits_returned_minor) == ("paid", 1350, 550)
    assert (spendable(ada), status_of(order)) == (550, "partially_refunded")
    third = lines(order, (1, 1), delivery=True)
    assert (third.amount_minor, third.credits_minor, third.delivery_minor) == (1450, 1450, 500)
    assert (now(half).status, spendable(ada)) == ("refunded", 2000)
    assert booked(half.pk) == {"revenue": -2850, "delivery_revenue": -500, "refunds": 3350}


def test_an_amount_may_be_of_both(shop: Shop, ada: Shopper, half: Order) -> None:
    refund = some(half, 1400)
    assert (refund.money_minor, refund.credits_minor, now(half).status) == (1350, 50, "paid")
    before = written()
    with pytest.raises(DomainError) as refused:
        some(half, 1951)
    assert (refused.value.first.code, refused.value.first.facts["kept"]) == ("amount_not_left", Money(1950, "USD"))
    assert written() == before
    some(half, 1950)
    assert (now(half).status, spendable(ada)) == ("refunded", 2000)


def test_all_of_both_goes_back_at_once(shop: Shop, ada: Shopper, half: Order) -> None:
    refund = full(half)
    assert (refund.money_minor, refund.credits_minor) == (1350, 2000)
    assert (now(half).status, spendable(ada)) == ("refunded", 2000)


def test_money_may_become_credit_beside_the_credits(shop: Shop, ada: Shopper, half: Order) -> None:
    full(half, destination=RefundDestination.CREDIT)
    assert (now(half).status, spendable(ada), terms_left(ada)) == ("refunded", 3350, [2000, 1350])


@pytest.mark.parametrize("minor", [300, 1900])
def test_cancelling_after_a_partial_return_returns_only_the_rest(
    shop: Shop, ada: Shopper, half: Order, minor: int
) -> None:
    some(half, minor)
    cancellation.cancel_order(half.pk, actor=actors.SYSTEM)
    order = now(half)
    assert (order.status, order.refunded_minor, spendable(ada)) == ("cancelled", 1350, 2000)
    assert booked(order.pk) == {}
    cancelled = written()
    with pytest.raises(StatusRefused):
        cancellation.cancel_order(half.pk, actor=actors.SYSTEM)
    with pytest.raises(DomainError) as refused:
        full(half)
    assert (refused.value.first.code, written()) == ("nothing_to_refund", cancelled)


def test_cancelling_an_order_wholly_paid_with_credits_after_a_partial_return(
    shop: Shop, ada: Shopper, covered: Order
) -> None:
    some(covered, 450)
    assert (now(covered).status, spendable(ada)) == ("paid", 1000)
    cancellation.cancel_order(covered.pk, actor=actors.SYSTEM)
    assert (now(covered).status, spendable(ada), booked(covered.pk)) == ("cancelled", 2000, {})


def test_what_was_returned_is_spent_and_the_order_cancelled_all_the_same(shop: Shop, ada: Shopper, half: Order) -> None:
    some(half, 3000)
    assert spendable(ada) == 1650
    place(ada, shop.cash, (shop.headphones, 1), use_credits=True)
    cancellation.cancel_order(half.pk, actor=actors.SYSTEM)
    assert spendable(ada) == 350


def test_an_order_whose_money_is_all_back_by_hand_keeps_its_credits_until_a_person_returns_them(
    shop: Shop, ada: Shopper
) -> None:
    grant(ada, 2000)
    order = place(ada, shop.standard, (shop.cable, 3), terms=PaymentTerms.PREPAID, use_credits=True)
    order = pay(order)
    assert (order.status, order.total_minor) == ("paid", 6850)
    order = pay(order, ("1", 6850, "succeeded"))
    assert (order.status, order.refunded_minor, spendable(ada)) == ("paid", 6850, 0)
    assert full(order).credits_minor == 2000
    assert (now(order).status, spendable(ada)) == ("refunded", 2000)


def test_a_refund_that_fails_after_all_cancels_what_was_not_sent_and_returns_nothing_twice(
    shop: Shop, ada: Shopper
) -> None:
    grant(ada, 2000)
    order = pay(place(ada, shop.standard, (shop.cable, 3), terms=PaymentTerms.PREPAID, use_credits=True))
    full(order)
    pay(order, ("1", 6850, "succeeded"))
    assert (now(order).status, spendable(ada)) == ("refunded", 2000)
    pay(order, ("1", 6850, "failed"))
    assert (now(order).status, spendable(ada)) == ("cancelled", 2000)


def test_a_refund_of_what_was_sent_that_fails_keeps_the_credits_with_the_customer(shop: Shop, ada: Shopper) -> None:
    grant(ada, 2000)
    order = pay(place(ada, shop.standard, (shop.cable, 3), terms=PaymentTerms.PREPAID, use_credits=True))
    send_order(order.pk, actor=actors.SYSTEM)
    deliver_order(order.pk, actor=actors.SYSTEM)
    full(order)
    pay(order, ("1", 6850, "succeeded"))
    assert now(order).status == "refunded"
    pay(order, ("1", 6850, "failed"))
    assert (now(order).status, now(order).credits_returned_minor, spendable(ada)) == ("completed", 2000, 2000)


def test_an_order_that_is_not_paid_in_full_gives_its_credits_back_when_it_is_given_up(shop: Shop, ada: Shopper) -> None:
    grant(ada, 2000)
    order = place(ada, shop.cash, (shop.cable, 3), use_credits=True)
    collect_cash(order.pk, amount=Money(1000, "USD"), receipt=uuid.uuid4(), actor=actors.SYSTEM)
    refund = full(order)
    assert (refund.amount_minor, refund.credits_minor) == (1000, 0)
    order = now(order)
    assert (order.status, order.given_up, order.credits_returned_minor, spendable(ada)) == ("refunded", True, 0, 2000)


def test_an_unpaid_order_has_nothing_to_refund(shop: Shop, ada: Shopper) -> None:
    grant(ada, 2000)
    order = place(ada, shop.cash, (shop.cable, 3), use_credits=True)
    before = written()
    with pytest.raises(DomainError) as refused:
        full(order)
    assert (refused.value.first.code, written()) == ("nothing_to_refund", before)


def test_late_money_spends_the_credits_again_or_revives_nothing(shop: Shop, ada: Shopper) -> None:
    grant(ada, 2000)
    order = place(ada, shop.standard, (shop.cable, 3), terms=PaymentTerms.PREPAID, use_credits=True)
    with clock.turned(timedelta(hours=2)):
        assert cancellation.expire_order(order.pk)
    assert spendable(ada) == 2000
    assert (pay(order).status, spendable(ada)) == ("paid", 0)
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert (spendable(ada), booked(order.pk)["refunds_payable"]) == (2000, -6850)


def test_late_money_does_not_spend_credit_that_is_over(shop: Shop, ada: Shopper) -> None:
    grant(ada, 2000, days=10)
    order = place(ada, shop.standard, (shop.cable, 3), terms=PaymentTerms.PREPAID, use_credits=True)
    with clock.turned(timedelta(hours=2)):
        assert cancellation.expire_order(order.pk)
    with clock.turned(timedelta(days=11)):
        assert (pay(order).status, spendable(ada)) == ("cancelled", 0)
    facts = now(order).history.get(event="late_money").facts
    assert facts["because"] == "credits_gone"
    assert not CreditTerm.objects.filter(left_minor__gt=0).exists()


def test_credits_bear_their_share_of_the_tax(shop: Shop, ada: Shopper) -> None:
    TaxRate.objects.create(name="New York", country="US", state="NY", rate_ppm=100_000, valid_from=date(2020, 1, 1))
    grant(ada, 2000)
    order = place(ada, shop.cash, (shop.cable, 3), use_credits=True)
    assert (order.tax_minor, order.total_minor) == (285 + 50, 3350 + 335 - 2000)
    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    refund = lines(order, (1, 2))
    assert (refund.amount_minor, refund.credits_minor, refund.tax_minor) == (2090, 405, 190)
    rest = full(order)
    assert (rest.amount_minor, rest.credits_minor, rest.tax_minor) == (1595, 1595, 145)
    assert booked(order.pk) == {"revenue": -2850, "delivery_revenue": -500, "refunds": 3350}


def test_what_comes_back_after_its_term_is_good_for_another_while(shop: Shop, ada: Shopper) -> None:
    grant(ada, 2000, days=5)
    order = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    with clock.turned(timedelta(days=6)):
        full(order)
        assert spendable(ada) == 1450
        term = CreditTerm.objects.get(moved_from__isnull=False)
        assert term.expires_at is not None
        assert round((term.expires_at - clock.now()) / timedelta(days=1)) == 30
    with clock.turned(timedelta(days=37)):
        assert spendable(ada) == 0


# --- a second person ------------------------------------------------------------------------------------------------


@pytest.fixture
def second(db: None) -> Actor:
    """Who agrees."""
    ensure_roles()
    user = shops.hire("second@example.com")
    user.groups.add(Group.objects.get(name="accounting"))
    return actors.staff(user.pk)


def test_credits_wait_for_a_second_person_too(
    shop: Shop, ada: Shopper, half: Order, second: Actor, settings: Any
) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:10")
    refund = some(half, 1500)
    assert (refund.is_pending, refund.credits_minor, spendable(ada)) == (True, 150, 0)
    assert standings([refund])[refund.pk].step == RefundStep.REQUESTED
    # What waits is nobody else's.
    with pytest.raises(DomainError) as refused:
        some(half, 1851)
    assert refused.value.first.facts["kept"] == Money(1850, "USD")
    approve_refund(refund.pk, actor=second)
    assert (spendable(ada), now(half).credits_returned_minor) == (150, 150)
    again = some(half, 1850)
    refuse_refund(again.pk, actor=second, reason="no")
    assert (spendable(ada), standings([OrderRefund.objects.get(pk=again.pk)])[again.pk].step) == (150, "refused")
    only_credits = full(half)
    assert (only_credits.money_minor, only_credits.credits_minor) == (0, 1850)
    approve_refund(only_credits.pk, actor=second)
    assert (now(half).status, spendable(ada)) == ("refunded", 2000)


def test_a_cancellation_ends_credits_that_wait(
    shop: Shop, ada: Shopper, covered: Order, second: Actor, settings: Any
) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:1")
    refund = full(covered)
    cancellation.cancel_order(covered.pk, actor=actors.SYSTEM)
    refund.refresh_from_db()
    assert (refund.is_refused, spendable(ada)) == (True, 2000)
    before = written()
    with pytest.raises(DomainError) as refused:
        approve_refund(refund.pk, actor=second)
    assert (refused.value.first.code, written()) == ("already_decided", before)
    assert not waiting.call_off(now(covered))


# --- goods ----------------------------------------------------------------------------------------------------------


def test_an_order_is_sent_unless_all_that_it_was_paid_with_is_back(shop: Shop, ada: Shopper, half: Order) -> None:
    some(half, 1350)
    send_order(half.pk, actor=actors.SYSTEM)
    assert now(half).fulfilment == "sent"


def test_what_is_wholly_given_back_is_not_sent(shop: Shop, ada: Shopper, covered: Order) -> None:
    full(covered)
    with pytest.raises(StatusRefused) as refused:
        send_order(covered.pk, actor=actors.SYSTEM)
    assert refused.value.first.code == "not_sendable"
