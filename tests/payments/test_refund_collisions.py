"""Refunds that somebody makes at the gateway while ours are promised, asked for, or given as credit."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Sum

from kit import clock
from kit.errors import DomainError
from kit.money import Money
from orders import actors, cancellation
from orders.models import Order, RefundKind
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from orders.settlement import settle
from payments import ledger, queries, refunding
from payments.gateways.base import RefundReport
from payments.models import (
    Account,
    LedgerEntry,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundDestination,
    RefundState,
)
from payments.reconciliation import discrepancies
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, Resolution
from payments.reconciliation.resolving import NotResolvable, resolve
from payments.refunding import RefundAsk
from tests.concurrency import racing
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, give_back, hire

TOTAL = 25999


@pytest.fixture
def placed(shop: Shop, ada: Shopper) -> tuple[Order, PaymentRequest]:
    """An order of 259.99 USD, paid in full, with its request."""
    order, request = asked(ada, shop)
    assert order.total_minor == TOTAL
    return settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured"))), request


def hear(order: Order, request: PaymentRequest, *refunds: RefundReport) -> Order:
    return settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured", refunds=refunds)))


def promise(order: Order, minor: int) -> Refund:
    with transaction.atomic():
        (promised,) = refunding.request_refunds(order.pk, RefundAsk(minor, "USD", "goodwill"))
    settle(order.pk, actor=actors.SYSTEM)
    return promised


def tell(one: Refund, ago: timedelta = timedelta(0)) -> None:
    """The gateway is told to send it, and has not answered."""
    Refund.objects.filter(pk=one.pk).update(state=RefundState.UNKNOWN, told_at=clock.now() - ago)


def states() -> dict[int, str]:
    return dict(Refund.objects.values_list("amount_minor", "state"))


def give_credit(order: Order, minor: int) -> None:
    wish = RefundWish(
        RefundKind.GOODWILL, "sorry", Money(minor, "USD"), destination=RefundDestination.CREDIT, key=uuid.uuid4()
    )
    request_refund(order.pk, wish, actor=actors.SYSTEM)


def test_one_of_unknown_outcome_gives_way_once_the_list_does_not_know_it(placed: tuple[Order, PaymentRequest]) -> None:
    order, request = placed
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    tell(Refund.objects.get(), ago=settings.UNKNOWN_OUTCOME_ASK_AFTER + timedelta(seconds=1))

    order = hear(order, request, refund(request, "a", TOTAL))

    assert sorted(Refund.objects.values_list("state", "failed_because")) == [
        ("failed", "The money went back by another way"),
        ("succeeded", ""),
    ]
    assert (order.refunded_minor, PaymentAttempt.objects.get().refunded_minor) == (TOTAL, TOTAL)


def test_what_may_be_in_flight_is_waited_for(placed: tuple[Order, PaymentRequest]) -> None:
    order, request = placed
    tell(promise(order, 20000))
    elsewhere = refund(request, "a", 9000)

    hear(order, request, elsewhere)
    assert states() == {20000: "unknown"}

    with clock.turned(settings.UNKNOWN_OUTCOME_ASK_AFTER + timedelta(seconds=1)):
        hear(order, request, elsewhere)
    assert states() == {20000: "failed", 9000: "succeeded"}


def test_another_gives_way_in_place_of_one_in_flight(placed: tuple[Order, PaymentRequest]) -> None:
    order, request = placed
    promise(order, 10000)
    in_flight = promise(order, 8000)
    tell(in_flight)

    hear(order, request, refund(request, "a", 9000))
    assert states() == {10000: "failed", 8000: "unknown", 9000: "succeeded"}

    hear(order, request, refund(request, "a", 9000), refund(request, "b", 8000, key=str(in_flight.pk)))
    assert states() == {10000: "failed", 8000: "succeeded", 9000: "succeeded"}


def test_one_that_was_withdrawn_and_sent_after_all_is_booked(placed: tuple[Order, PaymentRequest]) -> None:
    order, request = placed
    withdrawn = promise(order, 8000)
    with transaction.atomic():
        refunding.end_refunds_of(PaymentAttempt.objects.get(), because="charged back")
    assert states() == {8000: "failed"}

    for outcome in ("sent", "succeeded", "succeeded"):
        order = hear(order, request, refund(request, "a", 8000, outcome, key=str(withdrawn.pk)))

    assert sorted(Refund.objects.values_list("state", flat=True)) == ["failed", "succeeded"]
    assert order.refunded_minor == 8000


def test_what_a_job_has_written_meanwhile_is_not_overwritten(placed: tuple[Order, PaymentRequest]) -> None:
    order, _ = placed
    promised = promise(order, 8000)
    Refund.objects.update(state=RefundState.SENT, gateway_refund_id="rfnd_1")

    with transaction.atomic():
        assert refunding.give_up(promised.pk, by=hire().pk, because="rejected") is None
        assert refunding.end_refunds_of(promised.attempt, because="charged back") == []

    assert states() == {8000: "sent"}


def test_what_failed_makes_room_before_the_rest_of_its_report(shop: Shop, ada: Shopper) -> None:
    """Paid twice, and the second payment is on its way back; that fails, and somebody sends it by hand."""
    order, request = asked(ada, shop)
    first, second = payment(request, "captured"), payment(request, "captured", "2")
    settle(order.pk, actor=actors.GATEWAY, report=report(request, first, second))
    ours = Refund.objects.get()
    failed = refund(request, "a", TOTAL, "failed", key=str(ours.pk))
    elsewhere = refund(request, "b", TOTAL)

    told = report(request, first, payment(request, "captured", "2", refunds=(elsewhere, failed)))
    order = settle(order.pk, actor=actors.GATEWAY, report=told)

    assert (order.status, order.refunded_minor) == ("paid", TOTAL)
    assert Refund.objects.get(state=RefundState.SUCCEEDED).surplus_minor == TOTAL
    assert ledger.balance(order.pk, "USD", Account.REFUNDS) == 0


def test_what_is_credit_and_goes_back_as_well_is_booked_and_put_before_a_person(
    placed: tuple[Order, PaymentRequest],
) -> None:
    order, request = placed
    give_credit(order, 1000)

    for _ in range(2):
        order = hear(order, request, refund(request, "a", TOTAL))

    attempt, twice = PaymentAttempt.objects.get(), Refund.objects.get(destination="original")
    assert (attempt.refunded_minor, attempt.credited_minor, attempt.excess_minor) == (TOTAL, 1000, 1000)
    assert (order.status, order.refunded_minor, twice.excess_minor) == ("refunded", TOTAL, 1000)
    assert queries.totals(order.pk, "USD").kept == 0
    assert ledger.balance(order.pk, "USD", Account.SUSPENSE) == 1000
    assert ledger.balance(order.pk, "USD", Account.CLEARING_RAZORPAY) == 0
    found = Discrepancy.objects.get()
    assert (found.kind, found.amount_minor, found.proposed) == ("refunded_twice", -1000, "write_off")

    resolve(found.pk, as_=Resolution.WRITTEN_OFF, by=hire().pk, reason="the payer keeps it")

    hear(order, request, refund(request, "a", TOTAL))
    assert Discrepancy.objects.get().resolution == "written_off"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account, sum(amount_minor) FROM payments_ledgerentry WHERE account IN ('suspense', 'write_off') "
            "GROUP BY 1 ORDER BY 1"
        )
        assert cursor.fetchall() == [("suspense", 0), ("write_off", 1000)]


def test_late_money_that_became_credit_and_goes_back_as_well(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.LATE_MONEY_OTHERWISE = "credit"
    order, request = asked(ada, shop)
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured")))

    order = hear(order, request, refund(request, "a", TOTAL))

    assert (order.status, order.collected_minor, order.refunded_minor) == ("cancelled", TOTAL, TOTAL)
    assert Refund.objects.get(destination="original").excess_minor == TOTAL


def test_one_that_went_back_twice_and_failed_waits_for_nobody(placed: tuple[Order, PaymentRequest]) -> None:
    order, request = placed
    give_credit(order, 1000)
    hear(order, request, refund(request, "a", TOTAL))

    order = hear(order, request, refund(request, "a", TOTAL, "failed"))

    assert discrepancies.count_open([DiscrepancyKind.REFUNDED_TWICE], ["razorpay"]) == 0
    assert ledger.balance(order.pk, "USD", Account.SUSPENSE) == 0
    # Called off, and what is left of its money goes back.
    assert (order.status, Refund.objects.latest("created_at").amount_minor) == ("cancelled", TOTAL - 1000)


def given_up(order: Order) -> dict[str, int]:
    """What of the order's currency lies in suspense and is written off."""
    sums = LedgerEntry.objects.filter(account__in=("suspense", "write_off"), currency=order.currency)
    rows = sums.order_by().values_list("account").annotate(sum=Sum("amount_minor"))
    return {account: minor for account, minor in rows if minor}


def test_what_was_written_off_of_one_that_failed_is_written_on_again(placed: tuple[Order, PaymentRequest]) -> None:
    order, request = placed
    give_credit(order, 1000)
    hear(order, request, refund(request, "a", TOTAL))
    clerk = hire()
    resolve(Discrepancy.objects.get().pk, as_=Resolution.WRITTEN_OFF, by=clerk.pk, reason="the payer keeps it")
    assert given_up(order) == {"write_off": 1000}

    for _ in range(2):
        hear(order, request, refund(request, "a", TOTAL, "failed"))

    assert given_up(order) == {}
    found = Discrepancy.objects.get()
    assert (found.state, found.resolution, found.resolved_by) == ("gone", "", None)
    undone = found.acts.latest("pk")
    assert (undone.deed, undone.by, undone.reason) == ("undone", None, "The refund has failed after all")
    assert undone.before == {"state": "resolved", "resolution": "written_off", "reason": "the payer keeps it"}
    assert found.acts.count() == 2
    # It goes back once more, twice again, and that is another matter for a person.
    hear(order, request, refund(request, "a", TOTAL, "failed"), refund(request, "b", TOTAL))
    assert given_up(order) == {"suspense": 1000}
    resolve(Discrepancy.objects.get(state="open").pk, as_=Resolution.WRITTEN_OFF, by=clerk.pk, reason="again")
    assert given_up(order) == {"write_off": 1000}


def test_what_was_accepted_and_failed_moves_nothing_more(placed: tuple[Order, PaymentRequest]) -> None:
    order, request = placed
    give_credit(order, 1000)
    hear(order, request, refund(request, "a", TOTAL))
    resolve(Discrepancy.objects.get().pk, as_=Resolution.ACCEPTED, by=hire().pk, reason="a present")

    hear(order, request, refund(request, "a", TOTAL, "failed"))

    assert (given_up(order), Discrepancy.objects.get().resolution) == ({}, "accepted")


def test_who_writes_off_while_it_fails_writes_off_nothing(
    shop: Shop, ada: Shopper, placed: tuple[Order, PaymentRequest]
) -> None:
    """Whoever of the two is first: either nothing is open any more, or what was written off is undone."""
    order, request = placed
    clerk = hire()
    seen = set()
    for _ in range(20):
        give_credit(order, 1000)
        hear(order, request, refund(request, "a", TOTAL))
        found = Discrepancy.objects.get(state="open")
        write_off = partial(resolve, found.pk, as_=Resolution.WRITTEN_OFF, by=clerk.pk, reason="quickly")
        fail = partial(hear, order, request, refund(request, "a", TOTAL, "failed"))
        outcomes = racing.together([racing.outcome(write_off), racing.outcome(fail)])

        seen.add(type(outcomes[0]))
        assert isinstance(outcomes[1], Order), outcomes[1]
        found.refresh_from_db()
        assert (found.state, given_up(order)) == ("gone", {})
        order, request = asked(ada, shop)
        settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured")))
    assert seen <= {Discrepancy, NotResolvable}


def test_an_order_that_is_called_off_recasts_what_went_back_once(placed: tuple[Order, PaymentRequest]) -> None:
    order, request = placed
    give_credit(order, 1000)
    hear(order, request, refund(request, "a", TOTAL))

    with transaction.atomic(), connection.cursor() as cursor:
        refunding.recast(order.pk)
        cursor.execute("SELECT sum(surplus_minor + excess_minor), sum(amount_minor) FROM payments_refund")
        assert cursor.fetchone() == (TOTAL + 1000, TOTAL + 1000)
        transaction.set_rollback(True)


def test_a_key_names_one_amount_and_the_same_lines(placed: tuple[Order, PaymentRequest]) -> None:
    order, _ = placed
    wish = RefundWish(RefundKind.GOODWILL, "sorry", Money(100, "USD"), key=uuid.uuid4())
    known = request_refund(order.pk, wish, actor=actors.SYSTEM)

    assert request_refund(order.pk, wish, actor=actors.SYSTEM) == known
    other = RefundWish(RefundKind.GOODWILL, "sorry", Money(200, "USD"), key=wish.key)
    with pytest.raises(DomainError) as refused:
        request_refund(order.pk, other, actor=actors.SYSTEM)
    assert refused.value.first.code == "key_used"
    assert Refund.objects.count() == 1
    assert give_back(order.pk, Money(200, "USD")).status == "paid"
