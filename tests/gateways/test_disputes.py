"""Disputes over the port: what a payer's bank takes back, or may."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kit.money import Money
from payments.gateways.base import DisputeOutcome, Gateway, NotKnown, Rejected
from payments.sandbox.models import Dispute
from tests.gateway_process import SandboxProcess
from tests.gateways.conftest import new_ask

AN_HOUR = timedelta(hours=1)


def paid(gateway: Gateway, sandbox: SandboxProcess) -> tuple[str, str]:
    """A paid request of 123.45: its reference and its payment."""
    report = gateway.create(new_ask(12345))
    sandbox.pay(report.reference, webhook="none")
    return report.reference, gateway.fetch(report.reference).payments[0].payment_id


def test_a_dispute_tells_what_is_claimed_and_until_when_to_answer(gateway: Gateway, sandbox: SandboxProcess) -> None:
    reference, payment_id = paid(gateway, sandbox)
    answer = sandbox.dispute(payment_id, amount=2345, reason="fraudulent", webhook="none")

    dispute = gateway.fetch_dispute(answer["dispute"])

    assert (dispute.dispute_id, dispute.payment_id) == (answer["dispute"], payment_id)
    assert dispute.reference == (reference if gateway.name == "stripe" else "")
    assert (dispute.amount_minor, dispute.currency, dispute.withdrawn_minor) == (2345, "USD", 2345)
    assert (dispute.outcome, dispute.reason) == (DisputeOutcome.NEEDS_RESPONSE, "fraudulent")
    assert abs(dispute.opened_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert dispute.respond_by == dispute.opened_at + timedelta(days=7)
    now = datetime.now(UTC)
    assert list(gateway.list_disputes(now - AN_HOUR, now + AN_HOUR)) == [dispute]


@pytest.mark.parametrize(
    ("acts", "outcome", "withdrawn"),
    [
        (("review",), DisputeOutcome.UNDER_REVIEW, 12345),
        (("review", "win"), DisputeOutcome.WON, 0),
        (("win",), DisputeOutcome.WON, 0),
        (("review", "lose"), DisputeOutcome.LOST, 12345),
        (("lose",), DisputeOutcome.LOST, 12345),
    ],
)
def test_a_dispute_goes_on_and_ends(
    gateway: Gateway, sandbox: SandboxProcess, acts: tuple[str, ...], outcome: DisputeOutcome, withdrawn: int
) -> None:
    _, payment_id = paid(gateway, sandbox)
    dispute_id = sandbox.dispute(payment_id, webhook="none")["dispute"]

    for act in acts:
        sandbox.dispute(payment_id, act, webhook="none")

    dispute = gateway.fetch_dispute(dispute_id)
    assert (dispute.outcome, dispute.withdrawn_minor, dispute.amount_minor) == (outcome, withdrawn, 12345)
    assert sandbox.books(gateway.name)["totals"]["USD"]["disputed"] == withdrawn


@pytest.mark.parametrize(
    ("acts", "outcome", "withdrawn"),
    [
        ((), DisputeOutcome.NEEDS_RESPONSE, 0),
        (("review",), DisputeOutcome.UNDER_REVIEW, 0),
        (("win",), DisputeOutcome.WON, 0),
        (("lose",), DisputeOutcome.LOST, 12345),
    ],
)
def test_nothing_is_kept_back_for_an_inquiry_until_it_is_lost(
    gateway: Gateway, sandbox: SandboxProcess, acts: tuple[str, ...], outcome: DisputeOutcome, withdrawn: int
) -> None:
    _, payment_id = paid(gateway, sandbox)
    dispute_id = sandbox.dispute(payment_id, kept_back=False, webhook="none")["dispute"]

    for act in acts:
        sandbox.dispute(payment_id, act, webhook="none")

    dispute = gateway.fetch_dispute(dispute_id)
    assert (dispute.outcome, dispute.withdrawn_minor) == (outcome, withdrawn)


def test_disputes_are_listed_by_the_time_of_their_opening(gateway: Gateway, sandbox: SandboxProcess) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    made = []
    for minute in range(3):
        dispute_id = sandbox.dispute(paid(gateway, sandbox)[1], webhook="none")["dispute"]
        Dispute.objects.filter(public_id=dispute_id).update(created=int(noon.timestamp()) + 60 * minute)
        made.append(dispute_id)

    listed = gateway.list_disputes(noon + timedelta(minutes=1), noon + timedelta(minutes=2))

    assert [dispute.dispute_id for dispute in listed] == [made[1]]


def test_while_a_payment_is_disputed_it_is_not_refunded(gateway: Gateway, sandbox: SandboxProcess) -> None:
    reference, payment_id = paid(gateway, sandbox)
    sandbox.dispute(payment_id, amount=1000, webhook="none")

    with pytest.raises(Rejected):
        gateway.refund(reference, payment_id, Money(500, "USD"), key=new_ask().key)
    assert sandbox.books(gateway.name)["totals"]["USD"]["refunded"] == 0

    sandbox.dispute(payment_id, "win", webhook="none")
    gateway.refund(reference, payment_id, Money(500, "USD"), key=new_ask().key)
    assert sandbox.books(gateway.name)["totals"]["USD"]["refunded"] == 500


def test_a_dispute_that_the_gateway_does_not_know_is_not_known(gateway: Gateway, sandbox: SandboxProcess) -> None:
    unknown = {"stripe": "du_000000000000000000000000", "razorpay": "disp_00000000000000"}[gateway.name]

    with pytest.raises(NotKnown):
        gateway.fetch_dispute(unknown)
