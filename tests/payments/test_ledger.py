"""Every movement of money is told once, by a transfer that balances, and each story leaves its accounts as it should.

Amounts of the order: headphones 259.99 with delivery, USD.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Sum

from kit import clock
from kit.money import Money
from orders import actors, cancellation, fulfilment
from orders.cash import collect_cash
from orders.models import Order, OrderStatus
from orders.settlement import send_back, settle
from payments import ledger, recording, refunding
from payments.gateways.base import DisputeOutcome, DisputeReport, PaymentReport
from payments.ledger import LedgerConflict, Leg
from payments.models import (
    Account,
    CreditBalance,
    LedgerEntry,
    LedgerTransfer,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundState,
    TransferKind,
)
from payments.refunding import RefundAsk
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, place
from tests.statements import statements


def accounts(subject_id: uuid.UUID) -> dict[str, int]:
    """What each account shows for a subject, debits above zero; without those that are level."""
    sums = (
        LedgerEntry.objects.filter(subject_id=subject_id).order_by().values("account").annotate(sum=Sum("amount_minor"))
    )
    return {row["account"]: row["sum"] for row in sums if row["sum"]}


def hear(order: Order, request: PaymentRequest, *payments: PaymentReport) -> Order:
    """The gateway's word arrives."""
    return settle(order.pk, actor=actors.GATEWAY, report=report(request, *payments))


def move(source: str, amount: int = 100) -> bool:
    legs = (Leg(Account.BANK, amount), Leg(Account.SUSPENSE, -amount))
    return ledger.post(source=source, kind=TransferKind.RESOLUTION, currency="USD", legs=legs)


def give_back(order: Order, minor: int) -> None:
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        assert send_back(locked, minor, reason="goodwill", actor=actors.SYSTEM) == minor


@pytest.fixture
def bought(shop: Shop, ada: Shopper) -> tuple[Order, PaymentRequest]:
    """An order that waits for its payment at Razorpay."""
    return asked(ada, shop)


# --- the writer -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("db")
def test_a_source_is_posted_once() -> None:
    assert move("here:1")
    assert not move("here:1")
    assert LedgerTransfer.objects.count() == 1
    assert LedgerEntry.objects.count() == 2


@pytest.mark.usefixtures("db")
def test_a_source_that_stands_for_something_else_is_a_conflict() -> None:
    move("here:1")
    with pytest.raises(LedgerConflict):
        move("here:1", 101)
    assert LedgerEntry.objects.count() == 2


@pytest.mark.usefixtures("db")
def test_what_does_not_balance_is_refused_before_it_is_written() -> None:
    with pytest.raises(ValueError, match="does not balance"):
        ledger.post(
            source="here:1",
            kind=TransferKind.RESOLUTION,
            currency="USD",
            legs=(Leg(Account.BANK, 1), Leg(Account.SUSPENSE, -2)),
        )
    assert not LedgerTransfer.objects.exists()


@pytest.mark.usefixtures("db")
def test_nothing_moved_is_no_transfer() -> None:
    assert not move("here:1", 0)
    assert not LedgerTransfer.objects.exists()


@pytest.mark.usefixtures("db")
def test_a_transfer_is_one_statement() -> None:
    with statements() as told:
        move("here:1")
    assert len(told) == 1


@pytest.mark.usefixtures("db")
def test_what_is_undone_is_undone_once_and_leaves_nothing() -> None:
    move("here:1")
    for _ in range(2):
        ledger.reverse(source="undone:1", of=["here:1"], kind=TransferKind.RESOLUTION)
    assert LedgerTransfer.objects.count() == 2
    assert LedgerEntry.objects.filter(account=Account.BANK).aggregate(sum=Sum("amount_minor"))["sum"] == 0


# --- an order's life ------------------------------------------------------------------------------------------------


def test_what_is_ordered_is_owed_and_not_yet_revenue(bought: tuple[Order, PaymentRequest]) -> None:
    order, _ = bought
    assert accounts(order.pk) == {"receivable": order.total_minor, "deferred_revenue": -order.total_minor}


def test_what_is_paid_is_revenue_and_lies_with_the_gateway(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    assert accounts(order.pk) == {
        "clearing_razorpay": order.total_minor,
        "revenue": -order.products_minor,
        "delivery_revenue": -order.delivery_minor,
    }


def test_what_is_heard_twice_is_posted_once(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    before = LedgerEntry.objects.count()
    hear(order, request, payment(request, "captured"))
    assert LedgerEntry.objects.count() == before


def test_goods_that_leave_before_they_are_paid_are_revenue_and_owed(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    fulfilment.send_order(order.pk, actor=actors.SYSTEM)
    assert (
        accounts(order.pk)
        == {
            "receivable": order.total_minor,
            "revenue": -order.products_minor,
            "delivery_revenue": -order.delivery_minor,
        }
        or not order.delivery_minor
    )
    collect_cash(order.pk, amount=Money(order.total_minor, "USD"), receipt=uuid.uuid4(), actor=actors.SYSTEM)
    assert accounts(order.pk)["clearing_offline"] == order.total_minor
    assert "receivable" not in accounts(order.pk)


def test_an_order_that_is_called_off_leaves_nothing(bought: tuple[Order, PaymentRequest]) -> None:
    order, _ = bought
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert accounts(order.pk) == {}


def test_cancelled_after_it_was_paid_the_money_is_owed_until_it_is_back(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert accounts(order.pk) == {"clearing_razorpay": order.total_minor, "refunds_payable": -order.total_minor}
    ours = Refund.objects.get()
    back = refund(request, "a", order.total_minor, key=str(ours.pk))
    hear(order, request, payment(request, "captured", refunds=(back,)))
    assert accounts(order.pk) == {}


def test_late_money_that_revives_an_order_is_its_payment(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    assert cancellation.expire_order(order.pk, now=clock.now() + timedelta(days=1))
    assert accounts(order.pk) == {}
    order = hear(order, request, payment(request, "captured"))
    assert order.status == OrderStatus.PAID
    assert accounts(order.pk) == {
        "clearing_razorpay": order.total_minor,
        "revenue": -order.products_minor,
        "delivery_revenue": -order.delivery_minor,
    }


def test_what_is_overpaid_is_owed_back_and_no_revenue(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured", "1"), payment(request, "captured", "2"))
    shown = accounts(order.pk)
    assert (shown["clearing_razorpay"], shown["refunds_payable"]) == (2 * order.total_minor, -order.total_minor)
    assert "refunds" not in shown
    assert Refund.objects.get().surplus_minor == order.total_minor


def test_money_in_another_currency_is_in_suspense_until_it_is_back(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured", currency="EUR"))
    strange = LedgerEntry.objects.filter(currency="EUR").order_by().values("account").annotate(sum=Sum("amount_minor"))
    assert {row["account"]: row["sum"] for row in strange if row["sum"]} == {
        "clearing_razorpay": order.total_minor,
        "refunds_payable": -order.total_minor,
    }


# --- refunds --------------------------------------------------------------------------------------------------------


def test_a_goodwill_refund_lessens_the_sale_when_it_is_promised(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    give_back(order, 1000)
    shown = accounts(order.pk)
    assert (shown["refunds"], shown["refunds_payable"]) == (1000, -1000)
    ours = Refund.objects.get()
    back = refund(request, "a", 1000, key=str(ours.pk))
    hear(order, request, payment(request, "captured", refunds=(back,)))
    shown = accounts(order.pk)
    assert (shown["refunds"], shown["clearing_razorpay"]) == (1000, order.total_minor - 1000)
    assert "refunds_payable" not in shown


def test_a_refund_that_fails_after_it_succeeded_is_undone(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    paid = accounts(order.pk)
    give_back(order, 1000)
    key = str(Refund.objects.get().pk)
    hear(order, request, payment(request, "captured", refunds=(refund(request, "a", 1000, key=key),)))
    hear(order, request, payment(request, "captured", refunds=(refund(request, "a", 1000, "failed", key=key),)))
    assert accounts(order.pk) == paid
    assert (Refund.objects.get().state, PaymentAttempt.objects.get().refunded_minor) == (RefundState.FAILED, 0)


def test_a_refund_made_at_the_gateway_is_booked(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured", refunds=(refund(request, "a", 500),)))
    shown = accounts(order.pk)
    assert (shown["clearing_razorpay"], shown["refunds"]) == (order.total_minor - 500, 500)


def test_cancelled_after_a_goodwill_refund_nothing_is_left_of_the_sale(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured", refunds=(refund(request, "a", 500),)))
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert accounts(order.pk) == {
        "clearing_razorpay": order.total_minor - 500,
        "refunds_payable": 500 - order.total_minor,
    }


def test_part_paid_and_all_of_it_back_nobody_owes_the_rest(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    part = replace(payment(request, "captured"), amount_minor=1000, captured_minor=1000)
    hear(order, request, part)
    order = hear(order, request, replace(part, refunds=(refund(request, "a", 1000),)))
    assert order.status == OrderStatus.REFUNDED
    assert accounts(order.pk) == {}


def test_a_refund_that_waits_for_approval_is_not_booked(bought: tuple[Order, PaymentRequest], ada: Shopper) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    paid = accounts(order.pk)
    with transaction.atomic():
        (waiting,) = refunding.request_refunds(order.pk, RefundAsk(700, "USD", "large", needs_approval=True))
    assert (waiting.state, accounts(order.pk)) == (RefundState.REQUESTED, paid)
    with transaction.atomic():
        (approved,) = refunding.approve([waiting.pk], approved_by=ada.user.pk)
    assert (approved.state, accounts(order.pk)["refunds_payable"]) == (RefundState.APPROVED, -700)
    with transaction.atomic():
        assert refunding.approve([waiting.pk], approved_by=ada.user.pk) == []
    settle(order.pk, actor=actors.SYSTEM)


def test_a_refund_that_is_not_approved_never_was(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    paid = accounts(order.pk)
    with transaction.atomic():
        (waiting,) = refunding.request_refunds(order.pk, RefundAsk(700, "USD", "large", needs_approval=True))
        refunding.refuse([waiting.pk], because="Not without the goods")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.failed_because) == (RefundState.FAILED, "Not without the goods")
    assert accounts(order.pk) == paid


def test_money_back_as_credit_is_the_customers(bought: tuple[Order, PaymentRequest], ada: Shopper) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    with transaction.atomic():
        refunding.request_refunds(order.pk, RefundAsk(700, "USD", "instead", customer_id=ada.customer.pk))
    settle(order.pk, actor=actors.SYSTEM)
    assert CreditBalance.objects.get(customer=ada.customer).balance_minor == 700
    assert (accounts(order.pk)["customer_credit"], accounts(order.pk)["refunds"]) == (-700, 700)
    attempt = PaymentAttempt.objects.get()
    assert (attempt.refunded_minor, attempt.credited_minor) == (0, 700)
    assert Order.objects.get().refunded_minor == 700


@pytest.mark.parametrize(
    ("sale", "tax", "parts"),
    [(1000, 167, [333, 333, 334]), (999, 100, [1, 998]), (3, 1, [1, 1, 1]), (100, 0, [40, 60])],
)
def test_the_tax_of_the_parts_is_the_tax_of_the_whole(sale: int, tax: int, parts: list[int]) -> None:
    left_sale, left_tax, shares = sale, tax, []
    for part in parts:
        share = ledger.SaleBalances(surplus=0, sale=left_sale, tax=left_tax).tax_share(part)
        shares.append(share)
        left_sale, left_tax = left_sale - part, left_tax - share
    assert sum(shares) == tax
    assert all(0 <= share <= part for share, part in zip(shares, parts, strict=True))


# --- disputes -------------------------------------------------------------------------------------------------------


def disputed(request: PaymentRequest, outcome: str, withdrawn: int) -> DisputeReport:
    return DisputeReport(
        dispute_id="disp_1",
        reference=str(request.gateway_reference),
        payment_id=PaymentAttempt.objects.get().gateway_payment_id,
        amount_minor=5000,
        currency="USD",
        outcome=DisputeOutcome(outcome),
        withdrawn_minor=withdrawn,
        reason="fraudulent",
        opened_at=clock.now(),
        respond_by=None,
    )


def dispute(request: PaymentRequest, outcome: str, withdrawn: int) -> None:
    with transaction.atomic():
        recording.record_dispute(request, disputed(request, outcome, withdrawn))


def test_a_dispute_that_is_lost_is_written_off(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    dispute(request, "needs_response", 5000)
    dispute(request, "needs_response", 5000)
    shown = accounts(order.pk)
    assert (shown["disputed"], shown["clearing_razorpay"]) == (5000, order.total_minor - 5000)
    dispute(request, "lost", 5000)
    shown = accounts(order.pk)
    assert (shown["write_off"], shown["clearing_razorpay"]) == (5000, order.total_minor - 5000)
    assert "disputed" not in shown


def test_a_dispute_that_is_won_leaves_nothing(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    paid = accounts(order.pk)
    dispute(request, "needs_response", 5000)
    dispute(request, "won", 0)
    dispute(request, "needs_response", 5000)
    assert accounts(order.pk) == paid


def test_what_is_disputed_is_not_refunded(bought: tuple[Order, PaymentRequest]) -> None:
    order, request = bought
    hear(order, request, payment(request, "captured"))
    dispute(request, "needs_response", 5000)
    with transaction.atomic():
        assert refunding.request_refunds(order.pk, RefundAsk(700, "USD", "twice")) == []
    dispute(request, "lost", 5000)
    assert refunding.refundable_minor(order.pk, "USD") == order.total_minor - 5000
