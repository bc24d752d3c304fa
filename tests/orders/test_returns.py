"""What staff give back for an order: lines with their goods, amounts, everything; to the payer or as credit."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum

from kit import clock
from kit.errors import DomainError
from kit.money import Money
from orders import actors
from orders.actors import Actor
from orders.cash import collect_cash
from orders.fulfilment import deliver_order, send_order
from orders.models import HistoryEvent, Order, OrderRefund, RefundKind
from orders.restocking import restock
from orders.returns import request_refund
from orders.returns.plans import LineWish, RefundWish
from orders.returns.standing import RefundStep, standings
from orders.settlement import settle
from payments import recording
from payments.gateways.base import DisputeOutcome, DisputeReport
from payments.models import Account, CreditBalance, LedgerEntry, PaymentRequest, Refund, RefundDestination
from tests import shop as shops
from tests.orders.taxed import burden
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, give_back, place, written

ALL = RefundWish(RefundKind.FULL, "returned")


@pytest.fixture
def clerk(db: None) -> Actor:
    """A member of staff."""
    return actors.staff(shops.hire().pk)


def pay(order: Order) -> Order:
    """The customer pays all of it in cash."""
    return collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)


def arrive(order: Order) -> None:
    """All goods have reached the customer."""
    send_order(order.pk, actor=actors.SYSTEM)
    deliver_order(order.pk, actor=actors.SYSTEM)


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """Three cables of 9.50 and a shirt of 22.00 USD, delivered for 5.00: 55.50 in all, paid and not sent."""
    return pay(place(ada, shop.cash, (shop.cable, 3), (shop.shirt_large, 1)))


@pytest.fixture
def delivered(order: Order) -> Order:
    """The same, and its goods are with the customer."""
    arrive(order)
    order.refresh_from_db()
    return order


def lines(*wanted: LineWish, **fields: Any) -> RefundWish:
    """A wish for lines."""
    return RefundWish(RefundKind.LINES, "returned", lines=wanted, **fields)


def given(order: Order, wish: RefundWish, by: Actor) -> int:
    """What goes back, in cents."""
    return request_refund(order.pk, wish, actor=by).amount_minor


def refused(order: Order, wish: RefundWish, by: Actor = actors.SYSTEM) -> list[tuple[str, tuple[str | int, ...]]]:
    """The codes of a refusal and where they are; nothing was written."""
    before = written()
    with pytest.raises(DomainError) as error:
        request_refund(order.pk, wish, actor=by)
    assert written() == before
    return [(fault.code, fault.at) for fault in error.value.faults]


# --- lines ----------------------------------------------------------------------------------------------------------


def test_pieces_of_a_line_go_back_with_their_goods(shop: Shop, delivered: Order, clerk: Actor) -> None:
    refund = request_refund(delivered.pk, lines(LineWish(1, 2, restock=True)), actor=clerk)
    delivered.refresh_from_db()
    assert (refund.amount_minor, refund.kind, refund.requested_by_id) == (1900, "lines", clerk.user_id)
    assert (delivered.status, delivered.refunded_minor, shops.left(shop.cable)) == ("completed", 1900, 999)
    (line,) = refund.lines.all()
    assert (line.quantity, line.amount_minor, line.restock) == (2, 1900, True)
    row = delivered.history.get(event=HistoryEvent.REFUND_REQUESTED)
    assert (row.actor_id, row.facts["amount_minor"], row.facts["reason"]) == (clerk.user_id, 1900, "returned")


def test_without_restocking_goods_stay_gone(shop: Shop, delivered: Order, clerk: Actor) -> None:
    assert given(delivered, lines(LineWish(1, 2)), clerk) == 1900
    assert shops.left(shop.cable) == 997


def test_the_delivery_goes_back_once(delivered: Order, clerk: Actor) -> None:
    assert given(delivered, lines(LineWish(2, 1), delivery=True), clerk) == 2700
    assert refused(delivered, lines(LineWish(1, 1), delivery=True)) == [("delivery_refunded", ("delivery",))]
    assert OrderRefund.objects.get().delivery_minor == 500


def test_no_piece_goes_back_twice(delivered: Order, clerk: Actor) -> None:
    given(delivered, lines(LineWish(1, 2)), clerk)
    assert refused(delivered, lines(LineWish(1, 2))) == [("quantity_invalid", ("lines", 0, "quantity"))]
    assert given(delivered, lines(LineWish(1, 1)), clerk) == 950
    assert refused(delivered, lines(LineWish(1, 1))) == [("quantity_invalid", ("lines", 0, "quantity"))]


def test_whoever_gives_back_the_last_of_it_gives_back_the_rest_of_the_money(delivered: Order, clerk: Actor) -> None:
    give_back(delivered.pk, Money(333, "USD"), reason="late")
    assert given(delivered, lines(LineWish(1, 3)), clerk) == 2850
    last = request_refund(delivered.pk, lines(LineWish(2, 1), delivery=True), actor=clerk)
    delivered.refresh_from_db()
    assert last.amount_minor == 5550 - 333 - 2850
    assert sum(line.amount_minor for line in last.lines.all()) + last.delivery_minor == last.amount_minor
    assert delivered.status == "refunded"


def test_less_may_go_back_for_lines_than_they_cost_but_not_more(delivered: Order, clerk: Actor) -> None:
    assert given(delivered, lines(LineWish(1, 1), amount=Money(700, "USD")), clerk) == 700
    too_much = lines(LineWish(1, 1), amount=Money(951, "USD"))
    assert refused(delivered, too_much) == [("amount_beyond_lines", ("amount",))]


def test_lines_that_cost_more_than_is_left_are_refused_until_they_are_the_last(delivered: Order, clerk: Actor) -> None:
    give_back(delivered.pk, Money(5000, "USD"))
    assert refused(delivered, lines(LineWish(1, 3))) == [("amount_not_left", ("amount",))]
    assert given(delivered, lines(LineWish(1, 3), LineWish(2, 1), delivery=True), clerk) == 550


@pytest.mark.parametrize(
    ("wish", "faults"),
    [
        (lines(), [("lines_missing", ("lines",))]),
        (lines(LineWish(3, 1)), [("line_unknown", ("lines", 0, "line"))]),
        (lines(LineWish(1, 1), LineWish(1, 1)), [("line_repeated", ("lines", 1, "line"))]),
        (lines(LineWish(1, 0)), [("quantity_invalid", ("lines", 0, "quantity"))]),
        (lines(LineWish(1, -1)), [("quantity_invalid", ("lines", 0, "quantity"))]),
        (lines(LineWish(1, 4)), [("quantity_invalid", ("lines", 0, "quantity"))]),
        (
            lines(LineWish(9, 1), LineWish(1, 4)),
            [("line_unknown", ("lines", 0, "line")), ("quantity_invalid", ("lines", 1, "quantity"))],
        ),
        (RefundWish(RefundKind.PARTIAL, "x"), [("amount_missing", ("amount",))]),
        (RefundWish(RefundKind.GOODWILL, "x"), [("amount_missing", ("amount",))]),
        (RefundWish(RefundKind.FULL, "x", Money(1, "USD")), [("amount_not_expected", ("amount",))]),
        (RefundWish(RefundKind.FULL, "x", lines=(LineWish(1, 1),)), [("lines_not_expected", ("lines",))]),
        (RefundWish(RefundKind.FULL, "x", delivery=True), [("delivery_not_expected", ("delivery",))]),
        (RefundWish(RefundKind.GOODWILL, "x", Money(5551, "USD")), [("amount_not_left", ("amount",))]),
        (RefundWish(RefundKind.GOODWILL, "x", Money(1, "EUR")), [("amount_not_left", ("amount",))]),
    ],
)
def test_a_wish_that_cannot_be_is_refused_by_name(
    delivered: Order, wish: RefundWish, faults: list[tuple[str, tuple[str | int, ...]]]
) -> None:
    assert refused(delivered, wish) == faults


def test_nothing_goes_back_of_an_order_that_nobody_paid(shop: Shop, ada: Shopper) -> None:
    unpaid = place(ada, shop.cash, (shop.cable, 1))
    assert refused(unpaid, ALL) == [("nothing_to_refund", ())]
    assert refused(unpaid, lines(LineWish(1, 1))) == [("nothing_to_refund", ())]


# --- goods ----------------------------------------------------------------------------------------------------------


def test_goods_come_back_into_stock_once(shop: Shop, delivered: Order, clerk: Actor) -> None:
    given(delivered, lines(LineWish(1, 2, restock=True), LineWish(2, 1, restock=True)), clerk)
    for _ in range(2):
        restock(delivered)
    assert (shops.left(shop.cable), shops.left(shop.shirt_large)) == (999, 1000)


def test_two_lines_of_one_variant_both_come_back(shop: Shop, ada: Shopper, clerk: Actor) -> None:
    twice = pay(place(ada, shop.cash, (shop.cable, 1), (shop.cable, 2)))
    arrive(twice)
    back = [LineWish(line.position, line.quantity, restock=True) for line in twice.lines.all()]
    given(twice, lines(*back), clerk)
    assert shops.left(shop.cable) == 1000


def test_goods_that_were_not_sent_yet_are_back_as_the_rest_is_sent(shop: Shop, order: Order, clerk: Actor) -> None:
    given(order, lines(LineWish(1, 2, restock=True)), clerk)
    assert shops.left(shop.cable) == 997
    send_order(order.pk, actor=clerk)
    assert (shops.left(shop.cable), shops.left(shop.shirt_large)) == (999, 999)


def test_an_order_given_back_before_it_was_sent_frees_its_goods_and_no_others(
    shop: Shop, order: Order, clerk: Actor
) -> None:
    given(order, lines(LineWish(1, 3, restock=True)), clerk)
    given(order, ALL, clerk)
    order.refresh_from_db()
    assert (order.status, shops.left(shop.cable), shops.left(shop.shirt_large)) == ("refunded", 1000, 1000)


# --- where to -------------------------------------------------------------------------------------------------------


def test_credit_is_the_customers_at_once(delivered: Order, ada: Shopper, clerk: Actor) -> None:
    wish = RefundWish(RefundKind.GOODWILL, "sorry", Money(700, "USD"), destination=RefundDestination.CREDIT)
    refund = request_refund(delivered.pk, wish, actor=clerk)
    delivered.refresh_from_db()
    assert (delivered.status, delivered.refunded_minor) == ("completed", 700)
    assert CreditBalance.objects.get(customer=ada.customer, currency="USD").balance_minor == 700
    assert standings([refund])[refund.pk].step == RefundStep.SUCCEEDED
    assert delivered.history.get(event=HistoryEvent.CREDITED).facts == {"amount_minor": 700}
    given(delivered, RefundWish(RefundKind.FULL, "x", destination=RefundDestination.CREDIT), clerk)
    delivered.refresh_from_db()
    assert (delivered.status, CreditBalance.objects.get().balance_minor) == ("refunded", 5550)


def test_one_wish_sent_twice_is_one_refund(delivered: Order, clerk: Actor) -> None:
    wish = RefundWish(RefundKind.GOODWILL, "sorry", Money(100, "USD"), key=uuid.uuid4())
    first = request_refund(delivered.pk, wish, actor=clerk)
    before = written()
    assert request_refund(delivered.pk, wish, actor=clerk) == first
    other = RefundWish(RefundKind.GOODWILL, "sorry again", Money(100, "USD"), key=wish.key)
    assert refused(delivered, other) == [("key_used", ("key",))]
    assert written() == before


# --- gateways -------------------------------------------------------------------------------------------------------


@pytest.fixture
def online(shop: Shop, ada: Shopper) -> tuple[Order, PaymentRequest]:
    """A headphone of 199.99 USD, delivered for 60.00, paid at a gateway and with the customer."""
    order, request = asked(ada, shop)
    settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured")))
    arrive(order)
    order.refresh_from_db()
    return order, request


def hear(order: Order, request: PaymentRequest, *refunds: Any) -> None:
    """The gateway tells of refunds."""
    told = report(request, payment(request, "captured", refunds=tuple(refunds)))
    settle(order.pk, actor=actors.GATEWAY, report=told)


def test_a_refund_that_fails_is_noted_and_can_be_asked_for_again(
    online: tuple[Order, PaymentRequest], shop: Shop, clerk: Actor
) -> None:
    order, request = online
    wish = lines(LineWish(1, 1, restock=True))
    first = request_refund(order.pk, wish, actor=clerk)
    sent = Refund.objects.get()
    for outcome in ("succeeded", "failed", "failed"):
        hear(order, request, refund(request, "a", 19999, outcome, key=str(sent.pk)))
    order.refresh_from_db()

    assert (order.status, order.refunded_minor) == ("completed", 0)
    stands = standings([first])[first.pk]
    assert (stands.step, stands.failed_minor) == (RefundStep.FAILED, 19999)
    row = order.history.get(event=HistoryEvent.REFUND_FAILED)
    assert (row.facts["amount_minor"], row.facts["refund"]) == (19999, str(first.pk))
    # The goods are in stock and stay there; the same pieces do not come back once more.
    assert shops.left(shop.headphones) == 1000
    assert refused(order, wish) == [("restocked_already", ("lines", 0, "restock"))]
    assert given(order, lines(LineWish(1, 1)), clerk) == 19999
    assert shops.left(shop.headphones) == 1000


def test_what_a_bank_disputes_does_not_go_back(online: tuple[Order, PaymentRequest]) -> None:
    order, request = online
    told = DisputeReport(
        dispute_id="disp_1",
        payment_id=payment(request, "captured").payment_id,
        reference=request.gateway_reference or "",
        amount_minor=1000,
        currency="USD",
        outcome=DisputeOutcome.NEEDS_RESPONSE,
        withdrawn_minor=1000,
        reason="fraudulent",
        opened_at=clock.now(),
        respond_by=None,
    )
    with transaction.atomic():
        recording.record_dispute(request, told)
    assert refused(order, ALL) == [("payment_disputed", ())]
    assert refused(order, lines(LineWish(1, 1))) == [("payment_disputed", ("amount",))]
    assert refused(order, RefundWish(RefundKind.GOODWILL, "x", Money(1, "USD"))) == [("payment_disputed", ("amount",))]


# --- taxes and discounts --------------------------------------------------------------------------------------------


def tax_owed() -> int:
    """What of tax is owed in the ledger."""
    return -int(LedgerEntry.objects.filter(account=Account.TAX_PAYABLE).aggregate(sum=Sum("amount_minor"))["sum"] or 0)


def test_lines_bear_their_own_tax_and_discount(shop: Shop, ada: Shopper, clerk: Actor) -> None:
    placed = place(ada, shop.cash, (shop.cable, 3), (shop.shirt_large, 1))
    order = pay(burden(placed, discounts=[100, 0], taxes=[500, 0], delivery_tax=95))
    arrive(order)
    untaxed = request_refund(order.pk, lines(LineWish(2, 1)), actor=clerk)
    assert (untaxed.amount_minor, untaxed.tax_minor, tax_owed()) == (2200, 0, 595)
    one = request_refund(order.pk, lines(LineWish(1, 1)), actor=clerk)
    assert (one.amount_minor, one.tax_minor, tax_owed()) == (950 - 33 + 166, 166, 429)
    goodwill = request_refund(order.pk, RefundWish(RefundKind.GOODWILL, "x", Money(100, "USD")), actor=clerk)
    left = order.total_minor - 2200 - one.amount_minor
    assert (goodwill.tax_minor, tax_owed()) == (429 * 100 // left, 429 - 429 * 100 // left)
    last = request_refund(order.pk, lines(LineWish(1, 2), delivery=True), actor=clerk)
    assert (last.amount_minor, tax_owed()) == (left - 100, 0)
    order.refresh_from_db()
    assert order.status == "refunded"


@pytest.mark.parametrize("seed", range(8))
def test_any_sequence_of_refunds_of_any_order_gives_back_the_whole_and_its_tax(
    shop: Shop, ada: Shopper, clerk: Actor, settings: Any, seed: int
) -> None:
    settings.REFUND_APPROVAL_ABOVE = {}
    dice = random.Random(seed)
    bought = [(article, dice.randint(1, 4)) for article in (shop.cable, shop.shirt_small, shop.shirt_large)]
    placed = place(ada, shop.cash, *bought)
    prices = [line.amount_minor for line in placed.lines.order_by("position")]
    order = pay(
        burden(
            placed,
            discounts=[dice.randint(0, price) for price in prices],
            taxes=[dice.choice((0, dice.randint(0, price // 3))) for price in prices],
            delivery_tax=dice.randint(0, 100),
        )
    )
    arrive(order)
    for _ in range(12):
        wish = dice.choice(
            (
                RefundWish(RefundKind.GOODWILL, "x", Money(dice.randint(1, 400), "USD")),
                lines(LineWish(dice.randint(1, 3), dice.randint(1, 4)), delivery=dice.random() < 0.1),
            )
        )
        try:
            refund = request_refund(order.pk, wish, actor=clerk)
        except DomainError:
            continue
        assert Refund.objects.filter(cause_id=refund.pk).aggregate(sum=Sum("tax_minor"))["sum"] == refund.tax_minor
    if Order.objects.get().refunded_minor < order.total_minor:
        given(order, ALL, clerk)
    sums = OrderRefund.objects.aggregate(amount=Sum("amount_minor"), tax=Sum("tax_minor"))
    assert (sums["amount"], sums["tax"], tax_owed()) == (order.total_minor, order.tax_minor, 0)
    assert Order.objects.get().status == "refunded"
