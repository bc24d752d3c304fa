"""What customers owe for goods that have left and will not pay is given up by people; when it is paid after all, the
books say so, whatever happens in between and in whatever order it is heard of.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from kit import clock
from kit.errors import DomainError
from kit.ids import new_id
from kit.money import Money
from orders import actors, cancellation
from orders.actors import Actor
from orders.approval_limits import read_limits
from orders.cash import collect_cash
from orders.fulfilment import deliver_order, send_order
from orders.models import HistoryEvent, Order, OrderStatus, OrderWriteOff, RefundKind
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from orders.settlement import settle
from orders.subjects import record_dispute
from orders.writing_off import WriteOffWish, approve_write_off, owed, refuse_write_off, write_off
from orders_project.roles import ensure_roles
from payments import collecting, ledger, recording
from payments.gateways.base import DisputeOutcome, DisputeReport
from payments.models import Account, GatewayName, LedgerTransfer, PaymentRequest, Refund
from tests import shop as shops
from tests.payments.reports import payment, refund, report
from tests.shop import Shop, Shopper, give_back, hire, place, written

TOTAL = 4300  # four cables and their delivery


@pytest.fixture(autouse=True)
def limit(settings: Any) -> None:
    """Up to 50.00 USD one person is enough."""
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:50,*:1")


def accountant(name: str) -> Actor:
    """Who may give debts up, and agree to it."""
    ensure_roles()
    user = shops.hire(f"{name}@example.com")
    user.groups.add(Group.objects.get(name="accounting"))
    return actors.staff(user.pk)


@pytest.fixture
def clerk(db: None) -> Actor:
    """Who gives debts up."""
    return accountant("clerk")


@pytest.fixture
def second(db: None) -> Actor:
    """Who agrees."""
    return accountant("second")


@pytest.fixture
def sent(shop: Shop, ada: Shopper) -> Order:
    """43.00 USD to be paid at the door, on its way."""
    order = place(ada, shop.cash, (shop.cable, 4))
    assert order.total_minor == TOTAL
    return send_order(order.pk, actor=actors.SYSTEM)


def pay(order: Order, minor: int) -> Order:
    return collect_cash(order.pk, amount=Money(minor, "USD"), receipt=uuid.uuid4(), actor=actors.SYSTEM)


def give_up(order: Order, minor: int, by: Actor, **fields: Any) -> OrderWriteOff:
    wish = {"amount": Money(minor, "USD"), "reason": "moved away", **fields}
    return write_off(order.pk, WriteOffWish(**wish), actor=by)


def now(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def stands(order: Order) -> dict[str, int]:
    """What stands for the order in the ledger, but for nothing."""
    named = {account.value: ledger.balance(order.pk, "USD", account) for account in Account}
    return {name: minor for name, minor in named.items() if minor}


def events(order: Order, count: int = 1) -> list[str]:
    """The last things that happened."""
    return list(order.history.order_by("pk").values_list("event", flat=True))[-count:]


def refusal(act: Any, *arguments: Any, **named: Any) -> str:
    """Why an act was refused; nothing was written."""
    before = written(), list(LedgerTransfer.objects.values_list("source", flat=True))
    with pytest.raises(DomainError) as refused:
        act(*arguments, **named)
    assert (written(), list(LedgerTransfer.objects.values_list("source", flat=True))) == before
    return refused.value.first.code


SOLD = {"revenue": -3800, "delivery_revenue": -500}


# --- giving up ------------------------------------------------------------------------------------------------------


def test_what_is_owed_for_goods_that_left_is_given_up(sent: Order, clerk: Actor) -> None:
    one = give_up(sent, TOTAL, clerk)

    assert stands(sent) == {**SOLD, "write_off": TOTAL}
    order = now(sent)
    assert (order.status, order.written_off_minor, owed(order).minor) == (OrderStatus.PAYMENT_PENDING, TOTAL, 0)
    row = order.history.latest("pk")
    assert (row.event, row.actor_id) == (HistoryEvent.WRITTEN_OFF, clerk.user_id)
    assert (row.facts["amount_minor"], row.facts["reason"]) == (TOTAL, "moved away")
    transfer = LedgerTransfer.objects.get(source=f"write-off:{one.pk}")
    assert (transfer.kind, transfer.memo) == ("written_off", "moved away")
    assert refusal(give_up, sent, 1, clerk) == "nothing_owed"


def test_what_is_left_once_a_part_payment_has_gone_back_is_given_up(sent: Order, clerk: Actor) -> None:
    pay(sent, 1000)
    assert give_back(sent.pk, Money(1000, "USD")).status == OrderStatus.REFUNDED
    assert stands(sent) == {**SOLD, "receivable": 3300, "refunds": 1000}

    give_up(sent, 3300, clerk)

    assert stands(sent) == {**SOLD, "refunds": 1000, "write_off": 3300}
    assert now(sent).status == OrderStatus.REFUNDED


def test_a_part_is_given_up_and_then_the_rest(sent: Order, clerk: Actor) -> None:
    give_up(sent, 1000, clerk)
    assert owed(now(sent)).minor == 3300
    assert refusal(give_up, sent, 3301, clerk) == "amount_not_owed"
    give_up(sent, 3300, clerk)
    assert stands(sent) == {**SOLD, "write_off": TOTAL}


def test_one_wish_sent_twice_is_one_write_off(sent: Order, clerk: Actor) -> None:
    key = uuid.uuid4()
    assert give_up(sent, 1000, clerk, key=key) == give_up(sent, 1000, clerk, key=key)
    assert now(sent).written_off_minor == 1000
    for changed in ({"amount": Money(1001, "USD")}, {"reason": "other"}):
        assert refusal(give_up, sent, 1000, clerk, key=key, **changed) == "key_used"


@pytest.mark.parametrize("amount", [Money(0, "USD"), Money(-1, "USD"), Money(TOTAL + 1, "USD"), Money(100, "EUR")])
def test_no_more_is_given_up_than_is_owed(sent: Order, clerk: Actor, amount: Money) -> None:
    assert refusal(give_up, sent, 1, clerk, amount=amount) == "amount_not_owed"


def test_a_reason_is_needed(sent: Order, clerk: Actor) -> None:
    assert refusal(give_up, sent, 1, clerk, reason="  ") == "reason_missing"


def test_goods_that_are_here_are_cancelled_instead(shop: Shop, ada: Shopper, clerk: Actor) -> None:
    order = place(ada, shop.cash, (shop.cable, 4))
    assert refusal(give_up, order, 1, clerk) == "not_sent_yet"
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert refusal(give_up, order, 1, clerk) == "not_sent_yet"


def test_nothing_is_owed_for_what_is_paid(sent: Order, clerk: Actor) -> None:
    pay(sent, TOTAL)
    assert refusal(give_up, sent, 1, clerk) == "nothing_owed"
    give_back(sent.pk, Money(1000, "USD"))
    assert refusal(give_up, sent, 1, clerk) == "nothing_owed"


@pytest.mark.parametrize("by", ["support", "warehouse", "nobody", "the clock"])
def test_only_who_may_gives_debts_up(sent: Order, by: str) -> None:
    ensure_roles()
    user = hire("eve@example.com")
    if by in ("support", "warehouse"):
        user.groups.add(Group.objects.get(name=by))
    actor = actors.SYSTEM if by == "the clock" else actors.staff(user.pk)
    assert refusal(give_up, sent, 1, actor) == "approval_not_allowed"


# --- two people -----------------------------------------------------------------------------------------------------


@pytest.fixture
def strict(settings: Any) -> None:
    """Above 20.00 USD somebody has to agree."""
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:20,*:1")


def test_above_the_limit_nothing_is_posted_until_somebody_agrees(
    sent: Order, clerk: Actor, second: Actor, strict: None
) -> None:
    one = give_up(sent, 2001, clerk)

    assert (one.is_pending, stands(sent), now(sent).written_off_minor) == (True, {**SOLD, "receivable": TOTAL}, 0)
    assert events(sent) == ["write_off_requested"]
    assert refusal(give_up, sent, TOTAL - 2000, clerk) == "amount_not_owed"
    assert refusal(approve_write_off, one.pk, actor=clerk) == "second_person_needed"
    assert refusal(approve_write_off, one.pk, actor=actors.staff(hire("x@example.com").pk)) == "approval_not_allowed"
    assert refusal(approve_write_off, one.pk, actor=actors.SYSTEM) == "approval_not_allowed"

    approved = approve_write_off(one.pk, actor=second)

    assert (approved.is_pending, approved.is_refused, approved.approved_by_id) == (False, False, second.user_id)
    assert stands(sent) == {**SOLD, "receivable": TOTAL - 2001, "write_off": 2001}
    assert events(sent) == ["written_off"]
    assert refusal(approve_write_off, one.pk, actor=second) == "already_decided"
    assert refusal(refuse_write_off, one.pk, actor=second, reason="no") == "already_decided"


def test_what_is_refused_can_be_asked_for_anew(sent: Order, clerk: Actor, second: Actor, strict: None) -> None:
    one = give_up(sent, TOTAL, clerk)
    assert refusal(refuse_write_off, one.pk, actor=second, reason=" ") == "reason_missing"
    assert refusal(refuse_write_off, one.pk, actor=actors.staff(hire("x@example.com").pk), reason="no") == (
        "approval_not_allowed"
    )
    refused = refuse_write_off(one.pk, actor=second, reason="ask once more")

    assert (refused.is_refused, refused.refused_because, now(sent).written_off_minor) == (True, "ask once more", 0)
    assert events(sent) == ["write_off_refused"]
    own = give_up(sent, TOTAL, clerk)
    assert refuse_write_off(own.pk, actor=clerk, reason="mistaken").is_refused
    assert stands(sent) == {**SOLD, "receivable": TOTAL}


def test_what_one_person_gives_back_and_gives_up_counts_together(
    sent: Order, clerk: Actor, second: Actor, strict: None
) -> None:
    pay(sent, 2000)
    assert not give_up(sent, 1500, clerk).needs_approval
    wish = RefundWish(RefundKind.GOODWILL, "sorry", Money(501, "USD"))
    assert request_refund(sent.pk, wish, actor=clerk).needs_approval
    assert not request_refund(sent.pk, replace(wish, amount=Money(500, "USD")), actor=clerk).needs_approval
    assert give_up(sent, 1, clerk).needs_approval
    assert not give_up(sent, 1, second).needs_approval


def test_what_waits_and_is_paid_meanwhile_waits_no_more(sent: Order, clerk: Actor, second: Actor, strict: None) -> None:
    whole, part = give_up(sent, 2200, clerk), give_up(sent, 2100, clerk)

    order = pay(sent, 100)

    # Both together are more than is owed now; the newer one gives way.
    whole.refresh_from_db()
    part.refresh_from_db()
    assert (whole.is_pending, part.is_refused, part.refused_by) == (True, True, None)
    assert part.refused_because == "It is paid in the meantime"
    assert events(order, 2) == ["write_off_refused", "payment"]
    assert refusal(approve_write_off, part.pk, actor=second) == "already_decided"
    approve_write_off(whole.pk, actor=second)
    assert stands(order) == {**SOLD, "clearing_offline": 100, "receivable": 2000, "write_off": 2200}


# --- and paid after all ---------------------------------------------------------------------------------------------


def test_money_that_comes_after_all_undoes_as_much_of_it(sent: Order, clerk: Actor) -> None:
    give_up(sent, TOTAL, clerk)

    order = pay(sent, 1000)

    assert stands(order) == {**SOLD, "clearing_offline": 1000, "write_off": TOTAL - 1000}
    assert (order.status, order.written_off_minor) == (OrderStatus.PARTIALLY_PAID, TOTAL - 1000)
    told = order.history.get(event=HistoryEvent.WRITTEN_OFF_PAID)
    assert told.facts == {"amount_minor": 1000, "still_written_off_minor": TOTAL - 1000}
    order = deliver_order(pay(order, TOTAL - 1000).pk, actor=actors.SYSTEM)
    assert stands(order) == {**SOLD, "clearing_offline": TOTAL}
    assert (order.status, order.written_off_minor) == (OrderStatus.COMPLETED, 0)
    assert LedgerTransfer.objects.filter(kind="written_off_paid").count() == 2


def test_what_is_still_claimed_is_paid_first(sent: Order, clerk: Actor) -> None:
    give_up(sent, 3000, clerk)
    order = pay(sent, 1300)
    assert (stands(order)["write_off"], order.written_off_minor) == (3000, 3000)
    assert "written_off_paid" not in events(order, 5)
    assert (stands(pay(order, 1)).get("write_off"), now(order).written_off_minor) == (2999, 2999)


def test_an_order_whose_part_payment_went_back_can_still_be_paid_in_cash(sent: Order, clerk: Actor) -> None:
    pay(sent, 1000)
    give_back(sent.pk, Money(1000, "USD"))
    give_up(sent, 3300, clerk)
    assert refusal(pay, sent, 3301) == "amount_invalid"

    order = pay(sent, 3300)

    assert (order.status, order.written_off_minor) == (OrderStatus.PAID, 0)
    assert stands(order) == {**SOLD, "refunds": 1000, "clearing_offline": 3300}
    assert refusal(pay, sent, 1) == "nothing_due"


def online(order: Order, minor: int) -> PaymentRequest:
    """Somebody asks for an amount at a gateway."""
    with transaction.atomic():
        for request in PaymentRequest.objects.filter(subject_id=order.pk, gateway=GatewayName.OFFLINE):
            collecting.call_off(request)
    request_id = new_id()
    assert collecting.open_request(
        request_id=request_id,
        subject_id=order.pk,
        gateway=GatewayName.RAZORPAY,
        amount=Money(minor, "USD"),
        description="",
        hold=False,
    )
    PaymentRequest.objects.filter(pk=request_id).update(state="open", gateway_reference="order_online")
    return PaymentRequest.objects.get(pk=request_id)


def hear(order: Order, request: PaymentRequest, *payments: Any) -> Order:
    return settle(order.pk, actor=actors.GATEWAY, report=report(request, *payments))


def test_more_than_was_owed_goes_back(sent: Order, clerk: Actor) -> None:
    give_up(sent, TOTAL, clerk)
    request = online(sent, TOTAL)

    order = hear(sent, request, payment(request, "captured", "1"), payment(request, "captured", "2"))

    assert (order.status, order.written_off_minor) == (OrderStatus.PAID, 0)
    back = Refund.objects.get()
    assert (back.amount_minor, back.surplus_minor) == (TOTAL, TOTAL)
    assert stands(order) == {**SOLD, "clearing_razorpay": 2 * TOTAL, "refunds_payable": -TOTAL}


@pytest.mark.parametrize("at_once", [True, False])
def test_money_that_came_and_went_leaves_the_same_books_however_it_is_heard_of(
    sent: Order, clerk: Actor, at_once: bool
) -> None:
    give_up(sent, TOTAL, clerk)
    request = online(sent, TOTAL)
    came = payment(request, "captured", captured_minor=1000)
    went = replace(came, refunds=(refund(request, "a", 1000),))

    for told in (went,) if at_once else (came, went):
        order = hear(sent, request, told)

    assert stands(order) == {**SOLD, "write_off": TOTAL - 1000, "refunds": 1000}
    assert (order.status, order.written_off_minor) == (OrderStatus.REFUNDED, TOTAL - 1000)
    assert Refund.objects.get().surplus_minor == 0


def test_a_refund_that_fails_after_it_was_written_off_leaves_it_written_off(sent: Order, clerk: Actor) -> None:
    request = online(sent, TOTAL)
    part = payment(request, "captured", captured_minor=1000)
    hear(sent, request, replace(part, refunds=(refund(request, "a", 1000),)))
    give_up(sent, TOTAL - 1000, clerk)

    order = hear(sent, request, replace(part, refunds=(refund(request, "a", 1000, "failed"),)))

    assert (order.status, order.written_off_minor) == (OrderStatus.PARTIALLY_PAID, TOTAL - 1000)
    assert stands(order) == {**SOLD, "clearing_razorpay": 1000, "write_off": TOTAL - 1000}


def test_what_a_bank_takes_back_is_a_loss_of_its_own(sent: Order, clerk: Actor) -> None:
    request = online(sent, TOTAL)
    part = payment(request, "captured", captured_minor=1000)
    hear(sent, request, part)
    give_up(sent, TOTAL - 1000, clerk)
    lost = DisputeReport(
        dispute_id="disp_1",
        reference=request.gateway_reference or "",
        payment_id=part.payment_id,
        amount_minor=1000,
        currency="USD",
        outcome=DisputeOutcome.LOST,
        reason="fraud",
        withdrawn_minor=1000,
        opened_at=clock.now() - timedelta(days=1),
        respond_by=None,
    )

    record_dispute("razorpay", lost)
    assert stands(sent) == {**SOLD, "write_off": TOTAL}
    assert now(sent).written_off_minor == TOTAL - 1000
    # What the payer's bank has taken, and is paid once more, was due all the time.
    order = hear(sent, request, part, payment(request, "captured", "2", captured_minor=TOTAL))
    assert (order.written_off_minor, Refund.objects.count()) == (0, 0)
    assert stands(order) == {**SOLD, "clearing_razorpay": TOTAL}


# --- what it is not -------------------------------------------------------------------------------------------------


def test_its_customer_is_told_nothing(sent: Order, clerk: Actor, ada: Shopper, strict: None) -> None:
    refuse_write_off(give_up(sent, TOTAL, clerk).pk, actor=clerk, reason="no")
    give_up(sent, 2000, clerk)
    pay(sent, TOTAL - 1000)
    answer = json.loads(shops.send("GET", f"/api/v1/orders/{sent.pk}/", by=ada).content)
    assert [event["event"] for event in answer["history"]] == ["placed", "sent", "payment"]
    assert answer["payment_status"] == "partially_paid"
    assert "write" not in json.dumps(answer)


ATTACKS = [
    ("UPDATE orders_order SET written_off_minor = 1", "in the ledger"),
    ("UPDATE orders_order SET written_off_minor = -1", "order_written_off_means_sent"),
    ("UPDATE orders_order SET written_off_minor = 1, fulfilment = 'unfulfilled'", "order_written_off_means_sent"),
    ("UPDATE orders_orderwriteoff SET amount_minor = 1", "append-only"),
    ("UPDATE orders_orderwriteoff SET reason = 'x'", "append-only"),
    ("UPDATE orders_orderwriteoff SET needs_approval = false", "append-only"),
    ("DELETE FROM orders_orderwriteoff", "append-only"),
    ("TRUNCATE orders_orderwriteoff", "append-only"),
    ("UPDATE orders_orderwriteoff SET approved_by_id = requested_by_id, decided_at = now()", "second_person"),
    (
        "UPDATE orders_orderwriteoff SET decided_at = now(), approved_by_id = (SELECT id FROM customers_user "
        "WHERE email = 'second@example.com')",
        "has 0 in the ledger",
    ),
    ("UPDATE orders_orderwriteoff SET decided_at = now()", "decided_once"),
    (
        "INSERT INTO orders_orderwriteoff (id, order_id, currency, amount_minor, reason, requested_by_id, "
        "needs_approval, refused_because) SELECT gen_random_uuid(), order_id, currency, 1, 'x', requested_by_id, "
        "false, '' FROM orders_orderwriteoff",
        "has 0 in the ledger",
    ),
]


@pytest.mark.parametrize(("statement", "reason"), ATTACKS)
def test_the_database_refuses_what_the_acts_would_not_do(
    sent: Order, clerk: Actor, second: Actor, strict: None, statement: str, reason: str
) -> None:
    assert give_up(sent, 2001, clerk).is_pending
    before = written()
    with pytest.raises(DatabaseError, match=reason), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert written() == before


def test_a_decision_is_made_once(sent: Order, clerk: Actor, second: Actor, strict: None) -> None:
    refuse_write_off(give_up(sent, TOTAL, clerk).pk, actor=second, reason="no")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE orders_orderwriteoff SET refused_because = 'yes'")


def test_whoever_records_a_payment_and_forgets_the_write_off_cannot_commit_it(sent: Order, clerk: Actor) -> None:
    give_up(sent, TOTAL, clerk)
    request = PaymentRequest.objects.get()
    told = collecting.cash_received(subject_id=sent.pk, amount=Money(1000, "USD"), receipt=uuid.uuid4())

    def forget() -> None:
        with transaction.atomic():
            recording.record(request, told)
            Order.objects.filter(pk=sent.pk).update(collected_minor=1000)

    before = written()
    with pytest.raises(DatabaseError, match="written off that was paid"):
        forget()
    assert written() == before
