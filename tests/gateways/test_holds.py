"""Money that is held first and taken later, over the port."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kit.money import Money
from payments.gateways.base import Ask, Gateway, PaymentState, Rejected, RequestReport
from tests.gateway_process import SandboxProcess
from tests.gateways.conftest import make, new_ask


def held(gateway: Gateway, sandbox: SandboxProcess, ask: Ask) -> RequestReport:
    report = gateway.create(ask)
    sandbox.pay(report.reference, webhook="none")
    return gateway.fetch(report.reference)


def test_what_is_to_be_held_is_only_authorized_when_it_is_paid(gateway: Gateway, sandbox: SandboxProcess) -> None:
    ask = replace(new_ask(), hold=True)

    (payment,) = held(gateway, sandbox, ask).payments

    assert (payment.state, payment.amount_minor, payment.captured_minor) == (PaymentState.AUTHORIZED, 12345, 0)
    assert sandbox.books(gateway.name)["totals"]["USD"]["captured"] == 0


def test_asking_for_a_hold_twice_is_asking_once(gateway: Gateway, sandbox: SandboxProcess) -> None:
    ask = replace(new_ask(), hold=True)

    report = gateway.create(ask)

    assert gateway.create(ask) == gateway.find(ask) == report
    assert len(sandbox.books(gateway.name)["orders"]) == 1


def test_what_is_not_to_be_held_is_taken_when_it_is_paid(gateway: Gateway, sandbox: SandboxProcess) -> None:
    (payment,) = held(gateway, sandbox, new_ask()).payments

    assert (payment.state, payment.captured_minor) == (PaymentState.CAPTURED, 12345)


def test_a_hold_is_taken_in_full(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = held(gateway, sandbox, replace(new_ask(), hold=True))

    gateway.capture(report.reference, report.payments[0].payment_id, report.amount)

    (payment,) = gateway.fetch(report.reference).payments
    assert (payment.state, payment.captured_minor) == (PaymentState.CAPTURED, 12345)


def test_stripe_takes_a_part_of_a_hold_and_releases_the_rest(sandbox: SandboxProcess) -> None:
    gateway = make("stripe")
    report = held(gateway, sandbox, replace(new_ask(), hold=True))

    for _ in range(2):
        gateway.capture(report.reference, report.payments[0].payment_id, Money(10000, "USD"))

    (payment,) = gateway.fetch(report.reference).payments
    assert (payment.state, payment.amount_minor, payment.captured_minor) == (PaymentState.CAPTURED, 12345, 10000)
    totals = sandbox.books("stripe")["totals"]["USD"]
    assert (totals["captured"], totals["refunded"]) == (10000, 0)
    # The gateway calls the release a refund.
    assert payment.refunds == ()
    with pytest.raises(Rejected):
        gateway.refund(report.reference, payment.payment_id, Money(10001, "USD"), key=new_ask().key)


def test_what_is_refunded_of_a_part_that_was_taken_is_told_apart_from_the_release(sandbox: SandboxProcess) -> None:
    gateway = make("stripe")
    report = held(gateway, sandbox, replace(new_ask(), hold=True))
    payment_id = report.payments[0].payment_id
    gateway.capture(report.reference, payment_id, Money(10000, "USD"))
    refund = gateway.refund(report.reference, payment_id, Money(4000, "USD"), key=new_ask().key)
    now = datetime.now(UTC)
    lately = (now - timedelta(hours=1), now + timedelta(hours=1))

    assert gateway.fetch(report.reference).payments[0].refunds == (refund,)
    assert [listed.refund for listed in gateway.list_refunds(*lately)] == [refund]
    (listed,) = gateway.list_payments(*lately)
    assert (listed.payment.captured_minor, listed.refunded_minor) == (10000, 4000)


def test_razorpay_takes_a_hold_in_full_or_not_at_all(sandbox: SandboxProcess) -> None:
    gateway = make("razorpay")
    report = held(gateway, sandbox, replace(new_ask(), hold=True))

    with pytest.raises(Rejected):
        gateway.capture(report.reference, report.payments[0].payment_id, Money(10000, "USD"))

    assert sandbox.books("razorpay")["totals"]["USD"]["captured"] == 0


def test_more_than_is_held_is_not_taken(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = held(gateway, sandbox, replace(new_ask(), hold=True))

    with pytest.raises(Rejected):
        gateway.capture(report.reference, report.payments[0].payment_id, Money(12346, "USD"))

    assert sandbox.books(gateway.name)["totals"]["USD"]["captured"] == 0
