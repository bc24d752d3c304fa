"""Cash over the port: what staff count is what the gateway says, at once and however often it is told."""

from __future__ import annotations

import uuid

from kit import clock
from kit.ids import new_id
from kit.money import Money
from payments.gateways.base import Ask, PaymentState, RefundOutcome
from payments.gateways.offline import OfflineGateway, payment_id

DUE = Money(1450, "USD")


def ask() -> Ask:
    return Ask(key=str(new_id()), amount=DUE, description="Order 1", since=clock.now())


def test_the_same_receipt_is_the_same_payment() -> None:
    asked, receipt = ask(), uuid.uuid4()
    first, again = (OfflineGateway().received(asked, receipt, Money(1000, "USD")) for _ in range(2))
    assert first == again
    (payment,) = first.payments
    assert (payment.payment_id, payment.state, payment.captured_minor, payment.method) == (
        payment_id(receipt),
        PaymentState.CAPTURED,
        1000,
        "cash",
    )
    assert (first.key, first.amount, first.cancelled) == (asked.key, DUE, False)


def test_two_receipts_are_two_payments_of_one_request() -> None:
    asked = ask()
    first, second = (OfflineGateway().received(asked, uuid.uuid4(), DUE) for _ in range(2))
    assert first.reference == second.reference
    assert first.payments[0].payment_id != second.payments[0].payment_id


def test_what_is_called_off_takes_no_cash() -> None:
    report = OfflineGateway().cancel(ask())
    assert (report.cancelled, report.payments) == (True, ())


def test_cash_is_back_when_it_is_said() -> None:
    key = str(new_id())
    report = OfflineGateway().refund(DUE, key=key)
    assert (report.outcome, report.amount_minor, report.key) == (RefundOutcome.SUCCEEDED, 1450, key)
