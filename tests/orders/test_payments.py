"""Further payments of an order: asked for once, captured as wanted, given up; whatever a gateway does meanwhile."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from kit import clock
from kit.errors import DomainError
from kit.money import Money
from orders import actors, jobs, payments
from orders.cancellation import cancel_order
from orders.cash import collect_cash
from orders.checkout import PaymentNotInitialized, resume
from orders.models import Order, OrderStatus
from orders.payments import capture_payment, request_payment, status_of, void_payment
from orders.status import StatusRefused
from payments import collecting, gateways, holding
from payments.gateways.base import OutcomeUnknown, Rejected, Unavailable
from payments.models import AttemptState, GatewayName, PaymentAttempt, PaymentRequest, RequestState
from tests.faults.buying import buy, confirm, now
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, chase, deliver, settle_down, waiting, work
from tests.shop import Shop, Shopper, hire, left, place, written

TOTAL = 19999 + 6000


def given_up(ada: Shopper, shop: Shop, gateway: str) -> Order:
    """An order whose payer was asked and is not any more."""
    order, _ = buy(ada, shop, gateway)
    return void_payment(order.pk, request_id=only(order).pk, actor=actors.SYSTEM)


def only(order: Order, **which: Any) -> PaymentRequest:
    return PaymentRequest.objects.get(subject_id=order.pk, **which)


def ask(order: Order, gateway: str, **how: Any) -> PaymentRequest:
    return request_payment(order.pk, gateway=GatewayName(gateway), actor=actors.SYSTEM, **how)


def held(ada: Shopper, shop: Shop, sandbox: SandboxProcess, gateway: str) -> tuple[Order, PaymentAttempt]:
    """An order whose whole total is held for us."""
    order = given_up(ada, shop, gateway)
    request = ask(order, gateway, hold=True)
    sandbox.pay(str(request.gateway_reference))
    deliver()
    work()
    return now(order), PaymentAttempt.objects.get(request=request)


def usd(minor: int) -> Money:
    return Money(minor, "USD")


def events(order: Order) -> list[str]:
    return list(order.history.order_by("pk").values_list("event", flat=True))


# --- asking ---------------------------------------------------------------------------------------------------------


def test_what_is_still_due_is_asked_for_and_paid(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = given_up(ada, shop, gateway)

    request = ask(order, gateway)

    assert (request.state, request.amount, request.hold) == (RequestState.OPEN, usd(TOTAL), False)
    assert bool(request.client_secret) == (gateway == "stripe")
    assert status_of(order) == "unpaid"
    sandbox.pay(str(request.gateway_reference))
    settle_down()
    assert (now(order).status, status_of(now(order))) == (OrderStatus.PAID, "paid")
    assert events(order) == ["placed", "payment_voided", "payment_requested", "payment"]
    assert_books_agree(sandbox)


def test_an_order_is_paid_in_parts_at_two_gateways(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order = given_up(ada, shop, "stripe")
    sandbox.pay(str(ask(order, "stripe", amount=usd(10_000)).gateway_reference))
    settle_down()
    assert (now(order).status, status_of(now(order))) == (OrderStatus.PARTIALLY_PAID, "partially_paid")

    rest = ask(order, "razorpay")

    assert rest.amount == usd(TOTAL - 10_000)
    sandbox.pay(str(rest.gateway_reference))
    settle_down()
    assert (now(order).status, now(order).collected_minor) == (OrderStatus.PAID, TOTAL)
    assert_books_agree(sandbox)


def test_the_rest_that_a_bank_only_authorizes_is_captured_by_itself(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order = given_up(ada, shop, "stripe")
    sandbox.pay(str(ask(order, "stripe", amount=usd(10_000)).gateway_reference))
    settle_down()
    sandbox.pay(str(ask(order, "razorpay").gateway_reference), "authorize")

    settle_down()

    assert now(order).status == OrderStatus.PAID


def test_whoever_is_asked_already_is_asked_with_the_same_request(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, _ = buy(ada, shop, gateway)
    before = written()

    assert ask(order, gateway) == only(order)

    assert written() == before


def test_who_would_rather_pay_another_way_calls_the_first_one_off(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, _ = buy(ada, shop, gateway)
    first = only(order)

    second = ask(order, "razorpay" if gateway == "stripe" else "stripe")

    first.refresh_from_db()
    assert (first.state, second.state) == (RequestState.CANCELLED, RequestState.OPEN)
    sandbox.pay(str(second.gateway_reference))
    settle_down()
    assert now(order).status == OrderStatus.PAID
    assert events(order) == ["placed", "payment_voided", "payment_requested", "payment"]
    assert_books_agree(sandbox)


def test_what_is_to_be_paid_on_delivery_may_be_paid_online_after_all(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    part = Money(order.total_minor - 100, "USD")
    collect_cash(order.pk, amount=part, receipt=uuid.uuid4(), actor=actors.SYSTEM)

    rest = ask(order, gateway)

    assert rest.amount == usd(100)
    sandbox.pay(str(rest.gateway_reference))
    settle_down()
    assert (now(order).status, now(order).collected_minor) == (OrderStatus.PAID, order.total_minor)


def test_cash_is_taken_at_the_door_although_it_was_to_be_paid_online(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    ask(order, "stripe")

    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)

    assert now(order).status == OrderStatus.PAID


def test_what_a_bank_holds_already_does_not_give_way(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, attempt = held(ada, shop, sandbox, "stripe")
    before = written()

    with pytest.raises(StatusRefused, match="payment_open"):
        ask(order, "razorpay")

    assert written() == before
    assert PaymentAttempt.objects.get(pk=attempt.pk).state == AttemptState.AUTHORIZED


def test_what_was_paid_before_it_could_be_called_off_counts(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, reference = buy(ada, shop, gateway)
    sandbox.pay(reference, webhook="none")

    with pytest.raises(StatusRefused, match="nothing_due"):
        ask(order, "razorpay" if gateway == "stripe" else "stripe")

    assert now(order).status == OrderStatus.PAID
    assert_books_agree(sandbox)


def test_two_who_ask_at_once_ask_once(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order = given_up(ada, shop, "stripe")
    barrier, outcomes = threading.Barrier(2), list[str]()

    def run(gateway: str) -> None:
        try:
            barrier.wait()
            outcomes.append(ask(order, gateway).state)
        except StatusRefused as refusal:
            outcomes.append(refusal.first.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(gateway,)) for gateway in ("stripe", "razorpay")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # The second is refused while the first is on its way to its gateway, and takes its place afterwards.
    assert sorted(outcomes) in (["open", "payment_open"], ["open", "open"])
    assert PaymentRequest.objects.filter(subject_id=order.pk, state=RequestState.OPEN).count() == 1


@pytest.mark.parametrize("amount", [usd(0), usd(-1), usd(TOTAL + 1), Money(1, "EUR")])
def test_no_more_than_is_due_is_asked_for(sandbox: SandboxProcess, shop: Shop, ada: Shopper, amount: Money) -> None:
    order = given_up(ada, shop, "stripe")
    before = written()

    with pytest.raises(DomainError, match="amount_invalid") as refusal:
        ask(order, "stripe", amount=amount)

    assert refusal.value.first.facts == {"due": usd(TOTAL)}
    assert written() == before


def test_nothing_is_asked_for_what_is_paid_or_called_off(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    paid, payment = buy(ada, shop, "stripe")
    sandbox.pay(payment)
    settle_down()
    cancelled, _ = buy(ada, shop, "stripe")
    cancel_order(cancelled.pk, actor=actors.SYSTEM)
    before = written()

    for order, code in [(paid, "nothing_due"), (cancelled, "nothing_due")]:
        with pytest.raises(StatusRefused, match=code):
            ask(order, "stripe")
    with pytest.raises(DomainError, match="gateway_not_configured"):
        ask(paid, "offline")
    with pytest.raises(Order.DoesNotExist):
        request_payment(uuid.uuid4(), gateway=GatewayName.STRIPE, actor=actors.SYSTEM)

    assert written() == before


@pytest.mark.parametrize("fault", ["error_500", "rate_limit", "timeout_before", "timeout_after"])
def test_a_gateway_that_cannot_be_told_leaves_the_order_as_it_was(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, fault: str
) -> None:
    order = given_up(ada, shop, gateway)
    sandbox.arm(gateway, "create", fault)

    with pytest.raises(PaymentNotInitialized):
        ask(order, gateway)

    sandbox.arm(gateway, "*", "none")
    assert now(order).status == OrderStatus.PAYMENT_PENDING
    chase(rounds=2)
    assert now(order).status == OrderStatus.PAYMENT_PENDING
    states = set(PaymentRequest.objects.filter(subject_id=order.pk).values_list("state", flat=True))
    assert states <= {RequestState.CANCELLED, RequestState.REFUSED}
    sandbox.pay(str(ask(order, gateway).gateway_reference))
    settle_down()
    assert now(order).status == OrderStatus.PAID


@pytest.mark.parametrize("state", ["initiated", "unknown", "refused"])
def test_a_request_that_was_cut_off_is_given_up_and_the_order_stands(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, state: str
) -> None:
    order = given_up(ada, shop, gateway)
    request = ask(order, gateway)
    PaymentRequest.objects.filter(pk=request.pk).update(state=state, gateway_reference=None)

    chase(rounds=2)

    request.refresh_from_db()
    assert now(order).status == OrderStatus.PAYMENT_PENDING
    assert request.cancel_wanted_at is not None
    assert request.state == (RequestState.REFUSED if state == "refused" else RequestState.CANCELLED)
    assert events(order)[-1] == "payment_voided"


def test_whoever_repeats_the_act_finds_what_it_began(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, name = given_up(ada, shop, gateway), uuid.uuid4()
    first = ask(order, gateway, request_id=name)
    # Cut off after the gateway had made it, before its reference was stored.
    PaymentRequest.objects.filter(pk=name).update(state="initiated", gateway_reference=None, client_secret="")

    again = ask(order, gateway, request_id=name)

    assert (again.pk, again.gateway_reference, again.state) == (name, first.gateway_reference, RequestState.OPEN)
    assert events(order).count("payment_requested") == 1
    assert len(sandbox.books(gateway)["orders"]) == 2


def test_the_time_to_pay_begins_anew(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order = given_up(ada, shop, "stripe")
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now() - timedelta(seconds=5))

    ask(order, "stripe")
    jobs.expire_orders(timestamp=0)

    assert now(order).status == OrderStatus.PAYMENT_PENDING
    with clock.turned(settings.ORDER_EXPIRES_AFTER + timedelta(seconds=5)):
        jobs.expire_orders(timestamp=0)
    assert now(order).status == OrderStatus.CANCELLED


def test_the_placing_that_is_taken_up_again_finds_its_own_request(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    key = uuid.uuid4()
    order = given_up(ada, shop, "stripe")
    Order.objects.filter(pk=order.pk).update(placement_key=key)
    ask(order, "razorpay")

    with pytest.raises(PaymentNotInitialized, match="cancelled_meanwhile"):
        resume(key)


# --- held money -----------------------------------------------------------------------------------------------------


def test_held_money_is_not_paid_and_is_captured_in_full(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, attempt = held(ada, shop, sandbox, gateway)
    assert (order.status, status_of(order), attempt.state) == (OrderStatus.PAYMENT_PENDING, "authorized", "authorized")
    assert confirm(ada, order).status_code == 400
    chase(rounds=2)
    assert now(order).status == OrderStatus.PAYMENT_PENDING

    clerk = hire()
    done = capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(TOTAL), actor=actors.staff(clerk.pk))

    assert (done.status, done.collected_minor) == (OrderStatus.PAID, TOTAL)
    assert PaymentRequest.objects.get(pk=attempt.request_id).state == RequestState.PAID
    last = order.history.order_by("-pk").values_list("event", "actor_id")[:2]
    assert list(last) == [("payment", clerk.pk), ("capture_requested", clerk.pk)]
    settle_down()
    assert_books_agree(sandbox)


def test_stripe_captures_a_part_and_the_rest_is_asked_for_anew(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order, attempt = held(ada, shop, sandbox, "stripe")

    done = capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(20_000), actor=actors.SYSTEM)

    assert (done.status, done.collected_minor) == (OrderStatus.PARTIALLY_PAID, 20_000)
    assert PaymentRequest.objects.get(pk=attempt.request_id).state == RequestState.CLOSED
    assert ask(order, "stripe").amount == usd(TOTAL - 20_000)
    settle_down()
    assert_books_agree(sandbox)


def test_razorpay_captures_a_hold_in_full_alone(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, attempt = held(ada, shop, sandbox, "razorpay")
    before = written()

    with pytest.raises(DomainError, match="only_in_full") as refusal:
        capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(TOTAL - 1), actor=actors.SYSTEM)

    assert refusal.value.first.facts == {"amount": usd(TOTAL)}
    assert written() == before
    attempt.refresh_from_db()
    assert (attempt.capture_wanted_at, attempt.capture_wanted_minor) == (None, None)


@pytest.mark.parametrize("amount", [usd(0), usd(TOTAL + 1), Money(100, "EUR")])
def test_no_more_than_is_held_is_captured(sandbox: SandboxProcess, shop: Shop, ada: Shopper, amount: Money) -> None:
    order, attempt = held(ada, shop, sandbox, "stripe")
    before = written()

    with pytest.raises(DomainError, match="amount_invalid"):
        capture_payment(order.pk, attempt_id=attempt.pk, amount=amount, actor=actors.SYSTEM)

    assert written() == before


def test_what_is_not_held_is_not_captured(sandbox: SandboxProcess, shop: Shop, ada: Shopper, bob: Shopper) -> None:
    order, attempt = held(ada, shop, sandbox, "stripe")
    other, _ = buy(bob, shop, "stripe")
    capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(TOTAL - 1), actor=actors.SYSTEM)
    before = written()

    for of, which in [(other, attempt.pk), (order, attempt.pk), (order, uuid.uuid4())]:
        with pytest.raises(StatusRefused, match="not_held"):
            capture_payment(of.pk, attempt_id=which, amount=usd(1), actor=actors.SYSTEM)

    assert written() == before


@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before", "error_500", "rate_limit"])
def test_a_capture_of_unknown_outcome_is_wanted_until_it_is_known(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, fault: str
) -> None:
    order, attempt = held(ada, shop, sandbox, gateway)
    sandbox.arm(gateway, "capture", fault)

    with pytest.raises((OutcomeUnknown, Unavailable)):
        capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(TOTAL), actor=actors.SYSTEM)

    with pytest.raises(StatusRefused, match="capture_pending"):
        void_payment(order.pk, request_id=attempt.request_id, actor=actors.SYSTEM)
    chase(rounds=2)
    assert (now(order).status, now(order).collected_minor) == (OrderStatus.PAID, TOTAL)
    assert_books_agree(sandbox)


def test_another_amount_is_not_captured_while_one_is_wanted(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, attempt = held(ada, shop, sandbox, "stripe")
    sandbox.arm("stripe", "capture", "timeout_before")
    with pytest.raises(OutcomeUnknown):
        capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(20_000), actor=actors.SYSTEM)

    with pytest.raises(StatusRefused, match="capture_pending"):
        capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(10_000), actor=actors.SYSTEM)

    again = capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(20_000), actor=actors.SYSTEM)
    assert again.collected_minor == 20_000
    assert events(order).count("capture_requested") == 1


def test_a_final_no_takes_the_wish_back(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, attempt = held(ada, shop, sandbox, "stripe")
    request = attempt.request
    before = collecting.fetch(request)
    holding.want_capture(attempt, TOTAL)
    # Between the look and the capture the gateway lets go of it.
    gateways.online("stripe").cancel(str(request.gateway_reference))

    with pytest.raises(Rejected):
        collecting.capture_authorized(request, before)

    attempt.refresh_from_db()
    assert (attempt.capture_wanted_at, attempt.capture_wanted_minor) == (None, None)
    # The first to ask again finds out, and then it is known.
    for _ in range(2):
        with pytest.raises(StatusRefused, match="not_held"):
            capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(TOTAL), actor=actors.SYSTEM)
    assert status_of(now(order)) == "unpaid"


def test_two_who_capture_at_once_capture_once(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order, attempt = held(ada, shop, sandbox, gateway)
    barrier, outcomes = threading.Barrier(2), list[object]()

    def run() -> None:
        try:
            barrier.wait()
            done = capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(TOTAL), actor=actors.SYSTEM)
            outcomes.append(done.collected_minor)
        except (StatusRefused, OutcomeUnknown, Rejected) as refusal:
            outcomes.append(type(refusal))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert TOTAL in outcomes
    settle_down()
    assert now(order).collected_minor == TOTAL
    assert_books_agree(sandbox)


# --- letting go -----------------------------------------------------------------------------------------------------


def test_a_hold_that_is_let_go_frees_the_payer_and_the_order_stands(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order, attempt = held(ada, shop, sandbox, "stripe")

    done = void_payment(order.pk, request_id=attempt.request_id, actor=actors.SYSTEM)

    attempt.refresh_from_db()
    assert (done.status, status_of(done), attempt.state) == (OrderStatus.PAYMENT_PENDING, "unpaid", "cancelled")
    assert only(order, hold=True).state == RequestState.CANCELLED
    assert sandbox.books("stripe")["orders"][0]["status"] == "canceled"
    assert ask(order, "stripe").state == RequestState.OPEN


def test_razorpay_cannot_be_told_and_a_late_payment_counts(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, payment = buy(ada, shop, "razorpay")

    void_payment(order.pk, request_id=only(order).pk, actor=actors.SYSTEM)

    assert only(order).state == RequestState.CANCELLED
    sandbox.pay(payment)
    settle_down()
    assert now(order).status == OrderStatus.PAID
    assert_books_agree(sandbox)


def test_what_was_paid_meanwhile_is_not_given_up(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, payment = buy(ada, shop, "stripe")
    sandbox.pay(payment, webhook="none")

    done = void_payment(order.pk, request_id=only(order).pk, actor=actors.SYSTEM)

    assert (done.status, only(order).state) == (OrderStatus.PAID, RequestState.PAID)


def test_a_gateway_that_does_not_answer_is_told_by_the_chase(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, _ = buy(ada, shop, "stripe")
    sandbox.arm("stripe", "*", "error_500", times=5)

    with pytest.raises(OutcomeUnknown):
        void_payment(order.pk, request_id=only(order).pk, actor=actors.SYSTEM)

    sandbox.arm("stripe", "*", "none")
    with pytest.raises(StatusRefused, match="payment_open"):
        ask(order, "stripe")
    chase()
    assert only(order).state == RequestState.CANCELLED
    assert now(order).status == OrderStatus.PAYMENT_PENDING


def test_what_is_not_open_is_not_given_up(sandbox: SandboxProcess, shop: Shop, ada: Shopper, bob: Shopper) -> None:
    order = given_up(ada, shop, "stripe")
    other, _ = buy(bob, shop, "stripe")
    cash = place(ada, shop.cash, (shop.cable, 1))
    before = written()

    for of, which in [(order, only(order).pk), (order, only(other).pk), (cash, only(cash).pk)]:
        with pytest.raises(StatusRefused, match="not_open"):
            void_payment(of.pk, request_id=which, actor=actors.SYSTEM)

    assert written() == before


# --- holds and the clock --------------------------------------------------------------------------------------------


def test_an_order_does_not_expire_while_its_money_is_held(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, attempt = held(ada, shop, sandbox, gateway)
    after = settings.ORDER_EXPIRES_AFTER + timedelta(seconds=5)

    with clock.turned(after):
        jobs.expire_orders(timestamp=0)
        # Not asked about again before its time is over once more.
        sandbox.arm(gateway, "*", "error_500", times=1)
        jobs.expire_orders(timestamp=0)
        sandbox.arm(gateway, "*", "none")

    assert now(order).status == OrderStatus.PAYMENT_PENDING
    done = capture_payment(order.pk, attempt_id=attempt.pk, amount=usd(TOTAL), actor=actors.SYSTEM)
    assert done.status == OrderStatus.PAID


def test_an_order_expires_once_the_gateway_has_let_go(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, attempt = held(ada, shop, sandbox, "stripe")
    gateways.online("stripe").cancel(str(attempt.request.gateway_reference))

    with clock.turned(settings.ORDER_EXPIRES_AFTER + timedelta(seconds=5)):
        jobs.expire_orders(timestamp=0)

    assert now(order).status == OrderStatus.CANCELLED
    assert left(shop.headphones) == 1000


def test_a_cancellation_lets_go_of_the_hold(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, attempt = held(ada, shop, sandbox, "stripe")

    cancel_order(order.pk, actor=actors.SYSTEM)
    work()

    attempt.refresh_from_db()
    assert (attempt.state, status_of(now(order))) == (AttemptState.CANCELLED, "voided")


def test_asking_and_capturing_wait_for_nobody_in_a_transaction(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order = given_up(ada, shop, "stripe")
    sandbox.arm("stripe", "create", "error_500")
    with pytest.raises(PaymentNotInitialized):
        ask(order, "stripe")

    # The one job that finds out what the gateway made of it.
    assert [name for name, _ in waiting()].count("orders.chase_request") == 1
    assert payments.find_open(order) is not None


def test_cash_is_still_taken_beside_what_was_given_up(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)

    assert status_of(now(order)) == "paid"
