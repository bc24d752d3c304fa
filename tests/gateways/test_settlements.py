"""What a gateway paid out, and the lines that it is made of, over the port."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from kit.money import Money
from payments.gateways.base import Gateway, LineKind, RequestReport, SettlementLine
from tests.gateway_process import SandboxProcess
from tests.gateways import bulk
from tests.gateways.conftest import new_ask

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)


def paid(gateway: Gateway, sandbox: SandboxProcess, minor: int = 10000) -> RequestReport:
    report = gateway.create(new_ask(minor))
    sandbox.pay(report.reference, webhook="none")
    return gateway.fetch(report.reference)


def settled(gateway: Gateway) -> dict[str, list[SettlementLine]]:
    """Every settlement with its lines; that each adds up is asserted."""
    now = datetime.now(UTC)
    lines = {}
    for settlement in gateway.list_settlements(now - AN_HOUR, now + AN_HOUR):
        lines[settlement.settlement_id] = list(gateway.list_settlement_lines(settlement))
        assert sum(line.net_minor for line in lines[settlement.settlement_id]) == settlement.amount_minor
    for line in [line for each in lines.values() for line in each]:
        assert line.net_minor == line.gross_minor - line.fee_minor - line.tax_minor
    return lines


def test_a_settlement_is_made_of_the_payments_and_refunds_before_it(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = paid(gateway, sandbox)
    payment = report.payments[0].payment_id
    refund = gateway.refund(report.reference, payment, Money(1000, "USD"), key=new_ask().key)
    (payout,) = sandbox.settle(gateway.name)

    lines = settled(gateway)[payout["id"]]

    fee, tax = {"stripe": (320, 0), "razorpay": (200, 36)}[gateway.name]
    assert {
        (line.kind, line.entity_id, line.payment_id, line.gross_minor, line.fee_minor, line.tax_minor) for line in lines
    } == {
        (LineKind.PAYMENT, payment, payment, 10000, fee, tax),
        (LineKind.REFUND, refund.refund_id, payment, -1000, 0, 0),
    }
    assert {(line.settlement_id, line.currency) for line in lines} == {(payout["id"], "USD")}
    assert len({line.line_id for line in lines}) == 2
    assert {line.wire_kind for line in lines} == (
        {"charge", "refund"} if gateway.name == "stripe" else {"payment", "refund"}
    )


def test_a_settlement_has_an_amount_a_currency_and_the_banks_reference(
    gateway: Gateway, sandbox: SandboxProcess
) -> None:
    paid(gateway, sandbox)
    (payout,) = sandbox.settle(gateway.name)
    now = datetime.now(UTC)

    (settlement,) = gateway.list_settlements(now - AN_HOUR, now + AN_HOUR)

    assert (settlement.settlement_id, settlement.amount_minor) == (payout["id"], payout["amount"])
    assert settlement.currency == "USD"
    assert settlement.bank_reference
    assert abs(settlement.created_at - now) < timedelta(minutes=1)


def test_each_line_is_in_one_settlement_of_a_day(gateway: Gateway, sandbox: SandboxProcess) -> None:
    payments = []
    for _ in range(3):
        payments.append(paid(gateway, sandbox).payments[0].payment_id)
        sandbox.settle(gateway.name)

    lines = settled(gateway)

    assert Counter(line.entity_id for each in lines.values() for line in each) == Counter(payments)
    assert [len(each) for each in lines.values()] == [1, 1, 1]


def test_a_refund_that_came_back_and_a_dispute_that_was_won_have_lines_of_their_own(
    gateway: Gateway, sandbox: SandboxProcess
) -> None:
    report = paid(gateway, sandbox)
    payment = report.payments[0].payment_id
    refund = gateway.refund(report.reference, payment, Money(1000, "USD"), key=new_ask().key)
    sandbox.fail_refund(refund.refund_id, webhook="none")
    dispute = sandbox.dispute(payment, amount=3000, webhook="none")["dispute"]
    sandbox.dispute(payment, "win", webhook="none")
    (payout,) = sandbox.settle(gateway.name)

    lines = settled(gateway)[payout["id"]]

    dispute_fee = {"stripe": 1500, "razorpay": 0}[gateway.name]
    assert {
        (line.kind, line.entity_id, line.payment_id, line.gross_minor, line.fee_minor)
        for line in lines
        if line.kind != LineKind.PAYMENT
    } == {
        (LineKind.REFUND, refund.refund_id, payment, -1000, 0),
        (LineKind.REFUND_FAILURE, refund.refund_id, payment, 1000, 0),
        (LineKind.DISPUTE, dispute, payment, -3000, dispute_fee),
        (LineKind.DISPUTE_REVERSAL, dispute, payment, 3000, 0),
    }
    assert len({line.line_id for line in lines}) == 5


def test_a_settlement_may_be_negative(gateway: Gateway, sandbox: SandboxProcess) -> None:
    report = paid(gateway, sandbox)
    sandbox.settle(gateway.name)
    gateway.refund(report.reference, report.payments[0].payment_id, Money(4000, "USD"), key=new_ask().key)

    assert sandbox.settle(gateway.name) == []
    (payout,) = sandbox.settle(gateway.name, negative=True)

    assert payout["amount"] == -4000
    (line,) = settled(gateway)[payout["id"]]
    assert (line.kind, line.net_minor) == (LineKind.REFUND, -4000)


def test_a_settlement_of_more_than_a_page_is_listed_whole(gateway: Gateway, sandbox: SandboxProcess) -> None:
    payments = bulk.captured(gateway.name, [int(NOON.timestamp())] * 1101)
    bulk.paid_out(gateway.name, payments, int(NOON.timestamp()))

    (settlement,) = gateway.list_settlements(NOON, NOON + AN_HOUR)
    lines = list(gateway.list_settlement_lines(settlement))

    assert Counter(line.payment_id for line in lines) == Counter(payments)
    assert sum(line.net_minor for line in lines) == settlement.amount_minor == 1101 * 1000
    assert len({line.line_id for line in lines}) == 1101


def test_settlements_are_listed_by_the_time_they_were_made(gateway: Gateway, sandbox: SandboxProcess) -> None:
    second = int(NOON.timestamp())
    made = bulk.paid_out(gateway.name, bulk.captured(gateway.name, [second]), second)

    assert [each.settlement_id for each in gateway.list_settlements(NOON, NOON + timedelta(seconds=1))] == [made]
    assert list(gateway.list_settlements(NOON - AN_HOUR, NOON)) == []
    assert list(gateway.list_settlements(NOON + timedelta(seconds=1), NOON + AN_HOUR)) == []


def test_one_settlement_is_found_by_its_id_and_nothing_by_any_other(gateway: Gateway, sandbox: SandboxProcess) -> None:
    paid(gateway, sandbox)
    (payout,) = sandbox.settle(gateway.name)
    now = datetime.now(UTC)

    found = gateway.find_settlement(payout["id"])

    assert [found] == list(gateway.list_settlements(now - AN_HOUR, now + AN_HOUR))
    prefix = payout["id"].partition("_")[0]
    for name in (f"{prefix}_NoSuchThing000", f"{prefix}_x", "recon", "ondemand", "..", ""):
        assert gateway.find_settlement(name) is None
