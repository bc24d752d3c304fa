"""What a bank disputes or has taken back, beside everything else that can happen to an order's money."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from kit import clock
from orders import actors, cancellation
from orders.models import HistoryEvent, Order, OrderStatus
from orders.settlement import settle
from orders.subjects import record_dispute
from payments import ledger
from payments.gateways.base import DisputeOutcome, DisputeReport, PaymentReport
from payments.models import Account, Dispute, PaymentRequest, Refund, RefundState
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper

TOTAL = 25999


@pytest.fixture
def waiting(shop: Shop, ada: Shopper) -> tuple[Order, PaymentRequest]:
    """An order and its request."""
    return asked(ada, shop)


def hear(order: Order, request: PaymentRequest, *payments: PaymentReport) -> Order:
    return settle(order.pk, actor=actors.GATEWAY, report=report(request, *payments))


def dispute(
    paid: PaymentReport, outcome: str, withdrawn: int = TOTAL, *, amount: int = TOTAL, name: str = "disp_1"
) -> Dispute:
    heard = DisputeReport(
        dispute_id=name,
        reference="",
        payment_id=paid.payment_id,
        amount_minor=amount,
        currency="USD",
        outcome=DisputeOutcome(outcome),
        withdrawn_minor=withdrawn,
        reason="fraudulent",
        opened_at=clock.now(),
        respond_by=None,
    )
    for _ in range(2):
        assert record_dispute("razorpay", heard)
    return Dispute.objects.get(gateway_dispute_id=name)


def cancel(order: Order) -> Order:
    return cancellation.cancel_order(order.pk, actor=actors.SYSTEM)


def stands(order: Order) -> dict[str, int]:
    """What the ledger says is due, kept back and written off; what is nothing is left out."""
    accounts = (Account.RECEIVABLE, Account.DISPUTED, Account.WRITE_OFF)
    balances = {account.value: ledger.balance(order.pk, "USD", account) for account in accounts}
    return {name: amount for name, amount in balances.items() if amount}


def going_back() -> list[tuple[str, int]]:
    rows = Refund.objects.exclude(state=RefundState.FAILED).order_by("created_at", "pk")
    return [(row.attempt.gateway_payment_id[-1], row.amount_minor) for row in rows.select_related("attempt")]


def test_won_after_a_cancellation_the_money_goes_back(waiting: tuple[Order, PaymentRequest]) -> None:
    order, request = waiting
    paid = payment(request, "captured")
    hear(order, request, paid)
    dispute(paid, "needs_response")
    assert (cancel(order).status, going_back()) == (OrderStatus.CANCELLED, [])

    dispute(paid, "won", 0)

    assert going_back() == [("1", TOTAL)]
    assert stands(order) == {}


def test_lost_after_a_cancellation_nobody_owes_anything(waiting: tuple[Order, PaymentRequest]) -> None:
    order, request = waiting
    paid = payment(request, "captured")
    hear(order, request, paid)
    dispute(paid, "needs_response")
    cancel(order)
    assert stands(order) == {"receivable": -TOTAL, "disputed": TOTAL}

    lost = dispute(paid, "lost")

    assert (lost.surplus_minor, stands(order), going_back()) == (TOTAL, {}, [])


def test_lost_and_then_cancelled_nothing_is_written_off(waiting: tuple[Order, PaymentRequest]) -> None:
    order, request = waiting
    paid = payment(request, "captured")
    hear(order, request, paid)
    assert dispute(paid, "lost").surplus_minor == 0
    assert stands(order) == {"write_off": TOTAL}

    cancel(order)

    assert (stands(order), going_back()) == ({}, [])
    assert Dispute.objects.get().surplus_minor == TOTAL


def test_lost_in_part_and_then_cancelled_the_rest_goes_back(waiting: tuple[Order, PaymentRequest]) -> None:
    order, request = waiting
    paid = payment(request, "captured")
    hear(order, request, paid)
    dispute(paid, "lost", 1_000, amount=1_000)

    cancel(order)

    assert (stands(order), going_back()) == ({}, [("1", TOTAL - 1_000)])


@pytest.mark.parametrize("which", ["1", "2"])
def test_one_of_two_payments_that_is_lost_was_never_due(waiting: tuple[Order, PaymentRequest], which: str) -> None:
    order, request = waiting
    payments = {name: payment(request, "captured", name) for name in ("1", "2")}
    hear(order, request, payments["1"])
    dispute(payments[which], "lost") if which == "1" else None
    hear(order, request, *payments.values())
    if which == "2":
        key = str(Refund.objects.get().pk)
        dispute(payments["2"], "needs_response")
        failed = (refund(request, "a", TOTAL, "failed", key=key),)
        hear(order, request, payments["1"], payment(request, "captured", "2", refunds=failed))
        # The other one is not sent back in its place.
        assert going_back() == []
        dispute(payments["2"], "lost")

    assert (going_back(), stands(order)) == ([], {})
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID


def test_a_second_payment_that_was_disputed_goes_back_once_it_is_won(waiting: tuple[Order, PaymentRequest]) -> None:
    order, request = waiting
    first, second = payment(request, "captured", "1"), payment(request, "captured", "2")
    hear(order, request, first)
    hear(order, request, first, second)
    key = str(Refund.objects.get().pk)
    dispute(second, "needs_response")
    hear(
        order, request, first, payment(request, "captured", "2", refunds=(refund(request, "a", TOTAL, "failed", key),))
    )
    assert going_back() == []

    dispute(second, "won", 0)

    assert going_back() == [("2", TOTAL)]


@pytest.mark.parametrize("last", [TOTAL - 100, 0, TOTAL])
def test_what_a_lost_dispute_has_withdrawn_may_still_change(waiting: tuple[Order, PaymentRequest], last: int) -> None:
    order, request = waiting
    paid = payment(request, "captured")
    hear(order, request, paid)
    dispute(paid, "lost")

    for withdrawn in (TOTAL - 200, last):
        dispute(paid, "lost", withdrawn)

    assert stands(order) == ({"write_off": last} if last else {})


def test_a_lost_dispute_of_a_cancelled_order_that_gives_some_back_sends_it_on(
    waiting: tuple[Order, PaymentRequest],
) -> None:
    order, request = waiting
    paid = payment(request, "captured")
    hear(order, request, paid)
    dispute(paid, "lost")
    cancel(order)

    dispute(paid, "lost", TOTAL - 300)

    assert (going_back(), stands(order)) == ([("1", 300)], {})


def test_lost_in_another_currency_it_lies_nowhere(waiting: tuple[Order, PaymentRequest]) -> None:
    order, request = waiting
    strange = payment(request, "captured", "1", currency="EUR")
    hear(order, request, strange)
    promised = Refund.objects.get()
    failed = refund(request, "a", TOTAL, "failed", key=str(promised.pk))
    assert record_dispute(
        "razorpay",
        DisputeReport(
            "disp_e", "", strange.payment_id, TOTAL, "EUR", DisputeOutcome.LOST, TOTAL, "", clock.now(), None
        ),
    )
    hear(order, request, payment(request, "captured", "1", currency="EUR", refunds=(failed,)))
    assert ledger.balance(order.pk, "EUR", Account.SUSPENSE, Account.WRITE_OFF, Account.DISPUTED) == 0


def test_late_money_that_is_disputed_stays_and_the_history_says_so(waiting: tuple[Order, PaymentRequest]) -> None:
    order, request = waiting
    cancel(order)
    paid = payment(request, "captured", captured_minor=TOTAL - 5)
    hear(order, request, paid)
    refund_id = Refund.objects.get().pk
    dispute(paid, "needs_response", TOTAL - 5)
    failed = refund(request, "a", TOTAL - 5, "failed", key=str(refund_id))
    more = payment(request, "captured", refunds=(failed,))

    hear(order, request, more)

    told = order.history.filter(event=HistoryEvent.LATE_MONEY).order_by("pk").values_list("facts__outcome", flat=True)
    assert (list(told), going_back()) == (["refund", "kept_disputed"], [])


@pytest.mark.parametrize("withdrawn", [TOTAL, 1_000])
def test_a_refund_that_was_promised_before_the_dispute_ends_with_it(
    waiting: tuple[Order, PaymentRequest], withdrawn: int
) -> None:
    order, request = waiting
    paid = payment(request, "captured")
    hear(order, request, paid)
    cancel(order)
    dispute(paid, "needs_response", withdrawn, amount=withdrawn)
    assert going_back() == [("1", TOTAL)]

    dispute(paid, "lost", withdrawn, amount=withdrawn)

    assert going_back() == [("1", TOTAL - withdrawn)] * (withdrawn < TOTAL)
    assert stands(order) == {}
    assert order.history.filter(event=HistoryEvent.REFUND_FAILED).count() == 1


@pytest.mark.parametrize("change", ["surplus_minor = 1", "state = 'won'"])
def test_the_database_itself_wants_a_dispute_in_the_ledger(waiting: tuple[Order, PaymentRequest], change: str) -> None:
    order, request = waiting
    paid = payment(request, "captured")
    hear(order, request, paid)
    dispute(paid, "lost")

    lie = f"UPDATE payments_dispute SET {change}"
    told = pytest.raises(DatabaseError, match="written off in the ledger")
    with told, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(lie)

    assert stands(order) == {"write_off": TOTAL}
