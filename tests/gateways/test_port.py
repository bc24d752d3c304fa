"""The port, held by both gateways alike: the official SDKs against the sandbox, over HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from kit.money import Money
from payments.gateways.base import (
    Gateway,
    GatewayError,
    NotKnown,
    OutcomeUnknown,
    PaymentState,
    Reason,
    RefundOutcome,
    Rejected,
    RequestReport,
    Unavailable,
)
from payments.sandbox.models import StoredAnswer
from tests.gateway_process import SandboxProcess
from tests.gateways.conftest import WAIT_S, make, new_ask

USD = "USD"


def paid(gateway: Gateway, sandbox: SandboxProcess, minor: int = 12345) -> RequestReport:
    report = gateway.create(new_ask(minor))
    sandbox.pay(report.reference, webhook="none")
    return gateway.fetch(report.reference)


def test_what_was_asked_is_what_the_gateway_reports(gateway: Gateway) -> None:
    ask = new_ask()

    report = gateway.create(ask)

    assert (report.gateway, report.key, report.amount) == (gateway.name, ask.key, ask.amount)
    assert report.reference.startswith({"stripe": "pi_", "razorpay": "order_"}[gateway.name])
    assert bool(report.client_secret) == (gateway.name == "stripe")
    assert (report.cancelled, report.payments) == (False, ())
    assert gateway.fetch(report.reference) == report


def test_asking_twice_with_one_key_is_asking_once(gateway: Gateway, sandbox: SandboxProcess) -> None:
    ask = new_ask()

    references = {gateway.create(ask).reference for _ in range(3)}

    assert len(references) == 1
    assert [order["id"] for order in sandbox.books(gateway.name)["orders"]] == list(references)


def test_a_request_is_found_by_its_key_alone(gateway: Gateway) -> None:
    asks = [new_ask() for _ in range(12)]
    reports = [gateway.create(ask) for ask in asks]

    assert [gateway.find(ask) for ask in asks] == reports


def test_finding_creates_nothing(gateway: Gateway, sandbox: SandboxProcess) -> None:
    assert gateway.find(new_ask()) is None
    assert sandbox.books(gateway.name)["orders"] == []


def test_a_request_is_found_after_the_gateway_has_forgotten_its_key(gateway: Gateway, sandbox: SandboxProcess) -> None:
    ask = new_ask()
    report = gateway.create(ask)
    StoredAnswer.objects.all().delete()

    assert gateway.find(ask) == report
    assert len(sandbox.books(gateway.name)["orders"]) == 1


def test_a_request_of_another_day_is_not_taken_for_ours(gateway: Gateway) -> None:
    ask = new_ask()
    gateway.create(ask)

    if gateway.name == "stripe":
        assert gateway.find(replace(ask, since=ask.since - timedelta(days=3)), thorough=True) is None
    assert gateway.find(replace(ask, key=new_ask().key)) is None


def test_only_who_looks_thoroughly_finds_what_was_made_late(gateway: Gateway) -> None:
    ask = new_ask()
    report = gateway.create(ask)
    early = replace(ask, since=ask.since - timedelta(hours=2))

    assert gateway.find(early, thorough=True) == report
    # A receipt is looked up whatever its age.
    assert gateway.find(early) == (None if gateway.name == "stripe" else report)


def test_a_payment_shows_with_its_amount_method_and_card(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = gateway.create(new_ask(12345))
    sandbox.pay(report.reference, method="card", last4="0504", webhook="none")

    (payment,) = gateway.fetch(report.reference).payments

    assert payment.state == PaymentState.CAPTURED
    assert (payment.amount_minor, payment.captured_minor, payment.currency) == (12345, 12345, USD)
    assert (payment.method, payment.last4, payment.failure_code, payment.refunds) == ("card", "0504", "", ())


def test_a_failed_try_shows_as_failed_and_a_second_one_can_succeed(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = gateway.create(new_ask())
    sandbox.pay(report.reference, "fail", webhook="none")

    (failed,) = gateway.fetch(report.reference).payments
    assert (failed.state, failed.captured_minor) == (PaymentState.FAILED, 0)
    assert failed.failure_code

    sandbox.pay(report.reference, webhook="none")
    assert PaymentState.CAPTURED in {payment.state for payment in gateway.fetch(report.reference).payments}


def test_authorized_money_is_taken_once_however_often_it_is_captured(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = gateway.create(new_ask())
    sandbox.pay(report.reference, "authorize", webhook="none")
    (held,) = gateway.fetch(report.reference).payments
    assert (held.state, held.captured_minor) == (PaymentState.AUTHORIZED, 0)

    for _ in range(2):
        gateway.capture(report.reference, held.payment_id, report.amount)

    (taken,) = gateway.fetch(report.reference).payments
    assert (taken.payment_id, taken.state, taken.captured_minor) == (held.payment_id, PaymentState.CAPTURED, 12345)
    assert sandbox.books(gateway.name)["totals"][USD]["captured"] == 12345


def test_two_captures_at_once_both_succeed(name: str, sandbox: SandboxProcess) -> None:
    report = make(name).create(new_ask())
    sandbox.pay(report.reference, "authorize", webhook="none")
    (held,) = make(name).fetch(report.reference).payments
    barrier, errors = threading.Barrier(4), []

    def capture() -> None:
        barrier.wait()
        try:
            make(name).capture(report.reference, held.payment_id, report.amount)
        except GatewayError as error:
            errors.append(error)

    threads = [threading.Thread(target=capture) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sandbox.books(name)["totals"][USD]["captured"] == 12345


def test_captures_at_once_take_their_own_amounts(name: str, sandbox: SandboxProcess) -> None:
    gateway = make(name)
    holds = []
    for minor in range(1000, 1008):
        report = gateway.create(new_ask(minor))
        sandbox.pay(report.reference, "authorize", webhook="none")
        holds.append((report, gateway.fetch(report.reference).payments[0].payment_id))
    barrier = threading.Barrier(len(holds))

    def capture(report: RequestReport, payment_id: str) -> None:
        barrier.wait()
        gateway.capture(report.reference, payment_id, report.amount)

    threads = [threading.Thread(target=capture, args=hold) for hold in holds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    captured = [gateway.fetch(report.reference).payments[0].captured_minor for report, _ in holds]
    assert captured == list(range(1000, 1008))


def test_what_nobody_authorized_cannot_be_captured(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = gateway.create(new_ask())
    sandbox.pay(report.reference, "fail", webhook="none")
    (failed,) = gateway.fetch(report.reference).payments

    with pytest.raises(Rejected):
        gateway.capture(report.reference, failed.payment_id, report.amount)


def test_a_cancelled_request_cannot_be_paid_where_the_gateway_can_cancel(
    gateway: Gateway, sandbox: SandboxProcess
) -> None:
    report = gateway.create(new_ask())

    for _ in range(2):
        answer = gateway.cancel(report.reference)
        assert (answer.reference, answer.cancelled) == (report.reference, gateway.name == "stripe")
    assert gateway.fetch(report.reference) == answer


def test_cancelling_what_is_paid_says_that_it_is_paid(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = paid(gateway, sandbox)

    answer = gateway.cancel(report.reference)

    assert answer == report
    assert (answer.cancelled, answer.payments[0].captured_minor) == (False, 12345)


def test_cancelling_gives_up_a_hold(sandbox: SandboxProcess) -> None:
    gateway = make("stripe")
    report = gateway.create(new_ask())
    sandbox.pay(report.reference, "authorize", webhook="none")

    assert gateway.cancel(report.reference).payments[0].state == PaymentState.CANCELLED


def test_a_refund_with_one_key_is_one_refund(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report, key = paid(gateway, sandbox), new_ask().key
    payment = report.payments[0].payment_id

    first, second = (gateway.refund(report.reference, payment, Money(2345, USD), key=key) for _ in range(2))

    assert first == second
    assert (first.key, first.amount_minor, first.outcome) == (key, 2345, RefundOutcome.SUCCEEDED)
    assert sandbox.books(gateway.name)["totals"][USD]["refunded"] == 2345
    assert gateway.fetch(report.reference).payments[0].refunds == (first,)


def test_refunds_with_two_keys_are_two(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = paid(gateway, sandbox)
    payment = report.payments[0].payment_id

    for _ in range(2):
        gateway.refund(report.reference, payment, Money(5000, USD), key=new_ask().key)

    refunds = gateway.fetch(report.reference, refunds=True).payments[0].refunds
    assert [refund.amount_minor for refund in refunds] == [5000, 5000]


def test_more_than_was_captured_is_not_refunded(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = paid(gateway, sandbox)

    with pytest.raises(Rejected):
        gateway.refund(report.reference, report.payments[0].payment_id, Money(12346, USD), key=new_ask().key)

    assert sandbox.books(gateway.name)["totals"][USD]["refunded"] == 0


def test_a_refund_that_fails_later_shows_as_failed_when_asked(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = paid(gateway, sandbox)
    refund = gateway.refund(report.reference, report.payments[0].payment_id, report.amount, key=new_ask().key)
    sandbox.fail_refund(refund.refund_id, webhook="none")

    # The gateway itself says that nothing went back now, so only whoever asks hears of it.
    assert gateway.fetch(report.reference).payments[0].refunds == ()
    (failed,) = gateway.fetch(report.reference, refunds=True).payments[0].refunds
    assert failed == replace(refund, outcome=RefundOutcome.FAILED)


def test_a_refund_is_made_although_the_gateway_keeps_its_own_failure_under_the_key(
    gateway: Gateway, sandbox: SandboxProcess
) -> None:
    report, key = paid(gateway, sandbox), new_ask().key
    sandbox.arm(gateway.name, "refund", "error_500", times=3)

    def refund() -> None:
        gateway.refund(report.reference, report.payments[0].payment_id, report.amount, key=key)

    with pytest.raises(OutcomeUnknown):
        refund()
    for _ in range(4):
        with suppress(OutcomeUnknown):
            refund()

    assert sandbox.books(gateway.name)["totals"][USD]["refunded"] == 12345


CALLS: dict[str, Callable[[Gateway, RequestReport, str], object]] = {
    "create": lambda gateway, report, payment: gateway.create(new_ask()),
    "retrieve": lambda gateway, report, payment: gateway.fetch(report.reference),
    "capture": lambda gateway, report, payment: gateway.capture(report.reference, payment, report.amount),
    "refund": lambda gateway, report, payment: gateway.refund(
        report.reference, payment, report.amount, key=new_ask().key
    ),
}
FAULTS = {
    "timeout_before": OutcomeUnknown,
    "timeout_after": OutcomeUnknown,
    "error_500": OutcomeUnknown,
    "html_502": OutcomeUnknown,
    "reset": OutcomeUnknown,
    "rate_limit": Unavailable,
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_every_fault_is_told_by_who_must_act_and_in_time(
    gateway: Gateway, sandbox: SandboxProcess, call: str, fault: str
) -> None:
    report = gateway.create(new_ask())
    sandbox.pay(report.reference, "authorize" if call == "capture" else "succeed", webhook="none")
    payment = gateway.fetch(report.reference).payments[0].payment_id
    sandbox.arm(gateway.name, call, fault)

    started = time.monotonic()
    with pytest.raises(GatewayError) as caught:
        CALLS[call](gateway, report, payment)

    assert isinstance(caught.value, FAULTS[fault])
    assert time.monotonic() - started < sum(WAIT_S) + 0.5
    assert caught.value.reason in Reason
    assert str(caught.value) == f"payment provider: {caught.value.reason}"


def test_a_gateway_that_is_not_there_is_an_unknown_outcome_or_none_at_all(name: str) -> None:
    gateway = make(name, base="http://127.0.0.1:9")

    with pytest.raises((OutcomeUnknown, Unavailable)):
        gateway.create(new_ask())


def test_a_wrong_key_is_our_own_mistake_and_stays_out_of_the_reason(name: str, sandbox: SandboxProcess) -> None:
    gateway = make(name, key="sk_test_0123456789wrong")

    with pytest.raises(Rejected) as caught:
        gateway.create(new_ask())

    assert not isinstance(caught.value, NotKnown)
    assert "0123456789" not in f"{caught.value} {caught.value.reason}"
    assert sandbox.books(name)["orders"] == []


def test_what_the_gateway_does_not_know_is_rejected(gateway: Gateway) -> None:
    unknown = {"stripe": "pi_000000000000000000000000", "razorpay": "order_00000000000000"}[gateway.name]
    for call in (gateway.fetch, gateway.cancel):
        with pytest.raises(NotKnown) as caught:
            call(unknown)
        assert caught.value.reason == Reason.NOT_KNOWN


def test_a_payment_that_the_gateway_does_not_know_is_not_refunded(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = paid(gateway, sandbox)
    unknown = {"stripe": "ch_000000000000000000000000", "razorpay": "pay_00000000000000"}[gateway.name]

    with pytest.raises(NotKnown):
        gateway.refund(report.reference, unknown, report.amount, key=new_ask().key)


def test_an_amount_below_the_gateways_minimum_is_rejected(gateway: Gateway) -> None:
    with pytest.raises(Rejected):
        gateway.create(new_ask(1, {"stripe": "USD", "razorpay": "INR"}[gateway.name]))
