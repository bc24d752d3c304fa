"""What a gateway has in its books, listed over the port: whole windows, page by page, nothing missed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from kit.money import Money
from payments.gateways.base import Gateway, GatewayError, OutcomeUnknown, PaymentState, RefundOutcome
from payments.sandbox.models import Charge, RazorpayPayment, RazorpayRefund, StripeRefund
from tests.gateway_process import SandboxProcess
from tests.gateways import bulk
from tests.gateways.conftest import make, new_ask

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def gateway(name: str, sandbox: SandboxProcess) -> Gateway:
    """One that has the time that a long list takes on a busy machine."""
    del sandbox
    return make(name, wait_s=(3, 10))


def unix(moment: datetime) -> int:
    return int(moment.timestamp())


def lately() -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now - AN_HOUR, now + AN_HOUR


def ids(gateway: Gateway, since: datetime, until: datetime) -> list[str]:
    return [listed.payment.payment_id for listed in gateway.list_payments(since, until)]


def test_a_listed_payment_is_what_asking_for_it_tells(gateway: Gateway, sandbox: SandboxProcess) -> None:
    asks = {outcome: new_ask() for outcome in ("succeed", "fail", "authorize")}
    reports = {outcome: gateway.create(ask) for outcome, ask in asks.items()}
    for outcome, report in reports.items():
        sandbox.pay(report.reference, outcome, webhook="none")
    gateway.create(new_ask())  # Nobody tries to pay it.

    listed = {payment.reference: payment for payment in gateway.list_payments(*lately())}

    assert set(listed) == {report.reference for report in reports.values()}
    for outcome, report in reports.items():
        found = listed[report.reference]
        assert (found.payment,) == gateway.fetch(report.reference).payments
        assert (found.key, found.refunded_minor) == (asks[outcome].key, 0)
    states = {outcome: listed[report.reference].payment.state for outcome, report in reports.items()}
    assert states == {
        "succeed": PaymentState.CAPTURED,
        "fail": PaymentState.FAILED,
        "authorize": PaymentState.AUTHORIZED,
    }


def test_each_try_to_pay_is_listed(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = gateway.create(new_ask())
    sandbox.pay(report.reference, "fail", webhook="none")
    sandbox.pay(report.reference, webhook="none")

    tries = [listed.payment.state for listed in gateway.list_payments(*lately())]

    assert Counter(tries) == {PaymentState.CAPTURED: 1, PaymentState.FAILED: 1}


def test_a_hold_that_was_given_up_is_listed_as_cancelled_with_nothing_refunded(
    gateway: Gateway, sandbox: SandboxProcess
) -> None:
    report = gateway.create(new_ask())
    sandbox.pay(report.reference, "authorize", webhook="none")
    cancelled = gateway.cancel(report.reference)

    (listed,) = gateway.list_payments(*lately())

    # Razorpay has no cancelling.
    assert listed.payment.state == cancelled.payments[0].state
    assert (listed.payment.state == PaymentState.CANCELLED) == (gateway.name == "stripe")
    assert (listed.payment.captured_minor, listed.refunded_minor) == (0, 0)
    assert list(gateway.list_refunds(*lately())) == []


def test_a_window_has_its_first_instant_and_not_its_last(gateway: Gateway, sandbox: SandboxProcess) -> None:
    before, first, last, after = bulk.captured(gateway.name, [unix(NOON) + second for second in range(4)])

    assert set(ids(gateway, NOON + SECOND, NOON + 3 * SECOND)) == {first, last}
    assert ids(gateway, NOON + SECOND, NOON + SECOND) == []
    # Gateways date by whole seconds: what has the second of noon is not after half a second past noon.
    half = timedelta(milliseconds=500)
    assert set(ids(gateway, NOON + half, NOON + 2 * SECOND + half)) == {first, last}
    assert set(ids(gateway, NOON - half, NOON + half)) == {before}
    assert ids(gateway, NOON + 2 * SECOND + half, NOON + 4 * SECOND) == [after]


def test_windows_side_by_side_have_each_payment_once(gateway: Gateway, sandbox: SandboxProcess) -> None:
    made = bulk.captured(gateway.name, [unix(NOON) + second for second in range(50)])
    edges = [NOON + timedelta(seconds=7.3 * number) for number in range(-1, 9)]

    found = [each for since, until in pairwise(edges) for each in ids(gateway, since, until)]

    assert Counter(found) == Counter(made)


def test_more_than_a_page_is_listed_whole(gateway: Gateway, sandbox: SandboxProcess) -> None:
    made = bulk.captured(gateway.name, [unix(NOON) + number // 3 for number in range(301)])

    listed = list(gateway.list_payments(NOON, NOON + AN_HOUR))

    assert Counter(each.payment.payment_id for each in listed) == Counter(made)
    by_id = {each.payment.payment_id: each for each in listed}
    assert [by_id[payment].key for payment in made] == [f"key{number}" for number in range(301)]
    assert [by_id[payment].created_at for payment in made] == [
        NOON + timedelta(seconds=number // 3) for number in range(301)
    ]


@pytest.mark.parametrize("seconds_each", [0, 1])
def test_a_long_list_is_whole_however_its_payments_lie_in_time(
    gateway: Gateway, sandbox: SandboxProcess, seconds_each: int
) -> None:
    made = bulk.captured(gateway.name, [unix(NOON) + seconds_each * number for number in range(2350)])

    assert set(ids(gateway, NOON - AN_HOUR, NOON + 2 * AN_HOUR)) == set(made)


def test_nothing_is_missed_when_payments_come_while_the_list_is_read(gateway: Gateway, sandbox: SandboxProcess) -> None:
    now = datetime.now(UTC)
    made = bulk.captured(gateway.name, [unix(now) - 100 + number // 3 for number in range(250)])
    reading = gateway.list_payments(now - AN_HOUR, now + AN_HOUR)
    read = [listed.payment.payment_id for listed in islice(reading, 50)]

    for _ in range(3):
        sandbox.pay(gateway.create(new_ask()).reference, webhook="none")
    read += [listed.payment.payment_id for listed in reading]

    assert set(made) <= set(read)


def test_a_list_is_read_as_far_as_it_is_wanted(gateway: Gateway, sandbox: SandboxProcess) -> None:
    bulk.captured(gateway.name, [unix(NOON)] * 250)
    reading = gateway.list_payments(NOON, NOON + AN_HOUR)
    assert len(list(islice(reading, 100))) == 100

    sandbox.arm(gateway.name, "*", "error_500")

    with pytest.raises(OutcomeUnknown):
        next(reading)


@pytest.mark.parametrize("fault", ["timeout_before", "error_500", "html_502", "reset", "rate_limit"])
def test_a_list_that_breaks_off_says_so(gateway: Gateway, sandbox: SandboxProcess, fault: str) -> None:
    sandbox.arm(gateway.name, "*", fault)

    with pytest.raises(GatewayError):
        list(gateway.list_payments(NOON, NOON + AN_HOUR))


def test_every_refund_is_listed_with_its_payment_and_outcome(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = gateway.create(new_ask(9000))
    sandbox.pay(report.reference, webhook="none")
    (payment,) = gateway.fetch(report.reference).payments
    keys = [new_ask().key for _ in range(2)]
    went, came_back = (
        gateway.refund(report.reference, payment.payment_id, Money(minor, "USD"), key=key)
        for minor, key in zip((1000, 2500), keys, strict=True)
    )
    sandbox.fail_refund(came_back.refund_id, webhook="none")

    listed = {each.refund.key: each for each in gateway.list_refunds(*lately())}

    assert listed[keys[0]].refund == went
    assert listed[keys[1]].refund == replace(came_back, outcome=RefundOutcome.FAILED)
    assert {(each.payment_id, each.currency) for each in listed.values()} == {(payment.payment_id, "USD")}
    (of_payment,) = gateway.list_payments(*lately())
    assert of_payment.refunded_minor == 1000


def test_a_refund_that_nobody_here_asked_for_is_listed_without_a_key(gateway: Gateway, sandbox: SandboxProcess) -> None:
    (payment_id,) = bulk.captured(gateway.name, [unix(NOON)])
    if gateway.name == "stripe":
        charge = Charge.objects.get(public_id=payment_id)
        StripeRefund.objects.create(
            public_id="re_1",
            intent=charge.intent,
            charge=charge,
            amount_minor=300,
            currency="usd",
            balance_transaction="txn_1",
            created=unix(NOON),
        )
    else:
        RazorpayRefund.objects.create(
            public_id="rfnd_1",
            payment=RazorpayPayment.objects.get(public_id=payment_id),
            amount_minor=300,
            currency="USD",
            speed="normal",
            created=unix(NOON),
        )

    assert list(gateway.list_refunds(NOON - AN_HOUR, NOON)) == []
    (listed,) = gateway.list_refunds(NOON, NOON + SECOND)
    assert (listed.refund.key, listed.refund.amount_minor, listed.payment_id) == ("", 300, payment_id)
    assert listed.created_at == NOON


def test_a_payment_is_reported_with_all_its_refunds_however_many(sandbox: SandboxProcess) -> None:
    gateway = make("razorpay")
    (payment_id,) = bulk.captured("razorpay", [unix(NOON)])
    made = bulk.sent_back(payment_id, 201)

    (payment,) = gateway.fetch("order_bulk0000000000").payments

    assert Counter(refund.refund_id for refund in payment.refunds) == Counter(made)
