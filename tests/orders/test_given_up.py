"""Orders that end while somebody still pays for them, or still has to decide about a refund."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from kit.ids import new_id
from kit.money import Money
from orders import actors, cancellation
from orders.actors import Actor
from orders.approval_limits import read_limits
from orders.models import HistoryEvent, Order, OrderStatus, RefundKind
from orders.returns import approve_refund, request_refund
from orders.returns.plans import RefundWish
from orders.returns.standing import RefundStep, standings
from orders.settlement import settle
from payments import collecting, ledger
from payments.models import Account, CreditBalance, GatewayName, PaymentRequest, Refund, RefundState
from tests.orders.taxed import burden
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, hire, left

PART = 10_000


def hear(order: Order, request: PaymentRequest, *payments: Any, **fields: Any) -> Order:
    return settle(order.pk, actor=actors.GATEWAY, report=report(request, *payments, **fields))


def part_paid(ada: Shopper, shop: Shop) -> tuple[Order, PaymentRequest, PaymentRequest]:
    """An order of which a part is paid, by its first request, while a second one waits for the rest."""
    order, first = asked(ada, shop)
    hear(order, first, payment(first, "captured", captured_minor=PART))
    rest = Money(order.total_minor - PART, "USD")
    second_id = new_id()
    assert collecting.open_request(
        request_id=second_id, subject_id=order.pk, gateway=GatewayName.RAZORPAY, amount=rest, description="", hold=False
    )
    PaymentRequest.objects.filter(pk=second_id).update(state="open", gateway_reference="order_second")
    order.refresh_from_db()
    return order, first, PaymentRequest.objects.get(pk=second_id)


def back(request: PaymentRequest, name: str, minor: int) -> Any:
    told = payment(request, "captured", name, captured_minor=minor)
    return replace(told, refunds=(refund(request, name, minor),))


def test_an_order_whose_money_is_back_wants_no_more(shop: Shop, ada: Shopper) -> None:
    order, first, second = part_paid(ada, shop)

    order = hear(order, first, back(first, "1", PART))

    assert (order.status, order.given_up) == (OrderStatus.REFUNDED, True)
    second.refresh_from_db()
    assert second.cancel_wanted_at is not None


@pytest.mark.parametrize("at_once", [True, False])
def test_a_given_up_order_that_is_paid_again_keeps_nothing(shop: Shop, ada: Shopper, at_once: bool) -> None:
    stock = left(shop.headphones)
    order, first, second = part_paid(ada, shop)
    hear(order, first, back(first, "1", PART))
    rest = order.total_minor - PART

    if at_once:
        order = hear(order, second, back(second, "2", rest))
        assert (order.status, order.given_up) == (OrderStatus.REFUNDED, True)
    else:
        order = hear(order, second, payment(second, "captured", "2"))
        assert (order.status, order.given_up) == (OrderStatus.CANCELLED, False)
        assert Refund.objects.get(state=RefundState.APPROVED).amount_minor == rest
    assert order.history.filter(event=HistoryEvent.LATE_MONEY).exists() == (not at_once)

    assert ledger.sale_balances(order.pk, "USD") == ledger.SaleBalances(0, 0, 0)
    assert left(shop.headphones) == stock


@pytest.mark.parametrize("otherwise", ["refund", "credit"])
@pytest.mark.parametrize("paid", ["in part", "in full"])
def test_money_for_an_order_whose_money_is_back_is_late_money_like_any(
    shop: Shop, ada: Shopper, settings: Any, otherwise: str, paid: str
) -> None:
    settings.LATE_MONEY_REVIVES, settings.LATE_MONEY_OTHERWISE = "any", otherwise
    stock = left(shop.headphones)
    order, request = asked(ada, shop)
    first = PART if paid == "in part" else order.total_minor
    hear(order, request, replace(payment(request, "captured"), captured_minor=first))
    gone = replace(payment(request, "captured", captured_minor=first), refunds=(refund(request, "1", first),))
    assert hear(order, request, gone).status == OrderStatus.REFUNDED

    for _ in range(2):
        order = hear(order, request, gone, payment(request, "captured", "2"))

    assert (order.status, left(shop.headphones)) == (OrderStatus.CANCELLED, stock)
    told = order.history.get(event=HistoryEvent.LATE_MONEY)
    total = order.total_minor
    assert (told.facts["outcome"], told.facts["because"]) == (otherwise, "refunded_before")
    assert told.facts["late_minor"] == total
    late = Refund.objects.latest("created_at")
    if otherwise == "credit":
        assert (late.amount_minor, late.destination, late.state) == (total, "credit", RefundState.SUCCEEDED)
        assert CreditBalance.objects.get(customer=ada.customer).balance_minor == total
        assert ledger.sale_balances(order.pk, "USD") == ledger.SaleBalances(0, 0, 0)
    else:
        assert (late.amount_minor, late.destination, late.state) == (total, "original", RefundState.APPROVED)


def test_of_what_came_late_and_what_failed_to_go_back_only_the_former_becomes_credit(
    shop: Shop, ada: Shopper, settings: Any
) -> None:
    settings.LATE_MONEY_OTHERWISE = "credit"
    order, first, second = part_paid(ada, shop)
    hear(order, first, back(first, "1", PART))
    hear(order, second, payment(second, "captured", "2"))
    late = order.total_minor - PART

    failed = replace(back(first, "1", PART), refunds=(refund(first, "1", PART, "failed"),))
    order = hear(order, first, failed)

    rows = Refund.objects.exclude(state=RefundState.FAILED).order_by("created_at")
    assert list(rows.values_list("amount_minor", "destination")) == [(late, "credit"), (PART, "original")]
    assert order.history.filter(event=HistoryEvent.LATE_MONEY).count() == 1


def test_money_that_came_and_went_before_it_was_heard_of_takes_its_tax_along(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    order = burden(order, discounts=[0], taxes=[1_000])
    request.refresh_from_db()

    order = hear(order, request, back(request, "1", order.total_minor))

    assert order.status == OrderStatus.REFUNDED
    assert ledger.balance(order.pk, "USD", Account.TAX_PAYABLE) == 0
    assert Refund.objects.get().tax_minor == 1_000
    assert ledger.sale_balances(order.pk, "USD").sale == 0


def test_what_went_back_of_a_part_payment_has_its_share_of_the_tax_once_it_is_earned(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    order = burden(order, discounts=[0], taxes=[1_000])
    request.refresh_from_db()
    half = order.total_minor // 2
    first = replace(payment(request, "captured", "1", captured_minor=half), refunds=(refund(request, "a", half // 2),))
    hear(order, request, first)
    assert ledger.balance(order.pk, "USD", Account.TAX_PAYABLE) == 0

    second = payment(request, "captured", "2", captured_minor=order.total_minor - half)
    order = hear(order, request, first, second)

    tax = 1_000 * (half // 2) // order.total_minor
    assert (order.status, Refund.objects.get().tax_minor) == (OrderStatus.PAID, tax)
    assert ledger.balance(order.pk, "USD", Account.TAX_PAYABLE) == tax - 1_000
    # Failing after all, it gives the tax back.
    failed = replace(first, refunds=(refund(request, "a", half // 2, "failed"),))
    hear(order, request, failed, second)
    assert ledger.balance(order.pk, "USD", Account.TAX_PAYABLE) == -1_000


@pytest.fixture
def clerk(db: None) -> Actor:
    """Who asks for refunds."""
    return actors.staff(hire().pk)


def test_cancelling_ends_what_waits_for_a_second_person(shop: Shop, ada: Shopper, clerk: Actor, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:20,*:1")
    order, request = asked(ada, shop)
    hear(order, request, payment(request, "captured"))
    wish = RefundWish(RefundKind.GOODWILL, "sorry", Money(15_000, "USD"))
    asked_for = request_refund(order.pk, wish, actor=clerk)

    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)

    going = Refund.objects.exclude(state=RefundState.FAILED).get()
    assert (going.state, going.amount_minor) == (RefundState.APPROVED, order.total_minor)
    asked_for.refresh_from_db()
    assert (asked_for.is_pending, asked_for.is_refused, asked_for.refused_by) == (False, True, None)
    assert asked_for.refused_because == "The order was cancelled"
    assert standings([asked_for])[asked_for.pk].step == RefundStep.REFUSED
    assert list(order.history.order_by("pk").values_list("event", flat=True))[-3:] == [
        "cancelled",
        "refund_refused",
        "refund_requested",
    ]


def test_what_was_paid_too_much_neither_waits_for_a_second_person_nor_pays_for_what_waits(
    shop: Shop, ada: Shopper, clerk: Actor, settings: Any
) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:20,*:1")
    order, request = asked(ada, shop)
    first = payment(request, "captured", "1")
    hear(order, request, first)
    asked_for = request_refund(order.pk, RefundWish(RefundKind.GOODWILL, "sorry", Money(15_000, "USD")), actor=clerk)

    second = payment(request, "captured", "2", captured_minor=9_000)
    hear(order, request, first, second)

    going = Refund.objects.get(state=RefundState.APPROVED)
    assert (going.amount_minor, going.surplus_minor) == (9_000, 9_000)
    asked_for.refresh_from_db()
    assert asked_for.is_pending

    boss = hire("boss@example.com")
    boss.user_permissions.add(Permission.objects.get(codename="approve_refund"))
    approve_refund(asked_for.pk, actor=actors.staff(boss.pk))

    goodwill = Refund.objects.get(cause_id=asked_for.pk)
    assert (goodwill.amount_minor, goodwill.surplus_minor) == (15_000, 0)
    assert ledger.balance(order.pk, "USD", Account.RECEIVABLE) == 0
    assert ledger.balance(order.pk, "USD", Account.REFUNDS) == 15_000
