"""Disputes: heard of by webhook, written down once, in the ledger and in the history; the order goes its way."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from kit import clock
from orders import actors, jobs
from orders.fulfilment import send_order
from orders.models import Order, OrderStatus
from orders.payments import status_of
from orders.subjects import record_dispute
from payments import gateways, ledger, refunding
from payments.gateways.base import DisputeOutcome, DisputeReport
from payments.models import Account, Dispute, DisputeState, EventState, WebhookEvent
from tests.faults.buying import buy, now
from tests.gateway_process import SandboxProcess
from tests.jobs import deliver, settle_down, work
from tests.shop import Shop, Shopper

TOTAL = 19999 + 6000


def paid(ada: Shopper, shop: Shop, sandbox: SandboxProcess, gateway: str) -> tuple[Order, str]:
    """A paid order, and what names its payment to the bank."""
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment)
    settle_down()
    assert now(order).status == OrderStatus.PAID
    return now(order), payment.split("_secret_")[0]


def arrive() -> None:
    """The webhooks come and are worked."""
    deliver()
    work()


def events(order: Order) -> list[str]:
    rows = order.history.filter(event__startswith="dispute").order_by("pk")
    return [f"{row.event} {row.facts.get('outcome', '')}".strip() for row in rows]


def kept_back(order: Order) -> int:
    return ledger.balance(order.pk, order.currency, Account.DISPUTED)


def test_a_dispute_is_written_down_with_its_deadline(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = paid(ada, shop, sandbox, gateway)
    assert status_of(order) == "paid"

    opened = sandbox.dispute(payment, "open", amount=5_000, reason="fraudulent")
    arrive()

    dispute = Dispute.objects.get()
    assert (dispute.gateway_dispute_id, dispute.amount_minor, dispute.state) == (
        opened["dispute"],
        5_000,
        DisputeState.NEEDS_RESPONSE,
    )
    assert dispute.respond_by is not None
    assert kept_back(order) == dispute.withdrawn_minor
    assert (now(order).status, status_of(order), events(order)) == (OrderStatus.PAID, "disputed", ["dispute_opened"])
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {EventState.WORKED}


@pytest.mark.parametrize(("act", "status"), [("win", "paid"), ("lose", "charged_back")])
def test_a_dispute_ends_once(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, act: str, status: str
) -> None:
    order, payment = paid(ada, shop, sandbox, gateway)
    for step in ("open", "review", act):
        sandbox.dispute(payment, step)
        arrive()

    outcome = {"win": "won", "lose": "lost"}[act]
    assert events(order) == ["dispute_opened", f"dispute_closed {outcome}"]
    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.closed_at is not None, kept_back(order)) == (outcome, True, 0)
    assert ledger.balance(order.pk, "USD", Account.WRITE_OFF) == (TOTAL if act == "lose" else 0)
    assert (now(order).status, status_of(order)) == (OrderStatus.PAID, status)


def test_a_dispute_that_is_over_when_we_first_hear_of_it_began_and_ended(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = paid(ada, shop, sandbox, gateway)
    sandbox.dispute(payment, "open", webhook="none")
    sandbox.dispute(payment, "lose")

    arrive()

    assert events(order) == ["dispute_opened", "dispute_closed lost"]


def test_what_is_disputed_is_not_refunded_and_may_be_sent(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = paid(ada, shop, sandbox, gateway)
    sandbox.dispute(payment, "open")
    arrive()

    assert refunding.refundable_minor(order.pk, order.currency) == 0
    assert send_order(order.pk, actor=actors.SYSTEM).fulfilment == "sent"


def test_a_dispute_is_faster_than_the_news_of_its_payment(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    payment = payment.split("_secret_")[0]
    sandbox.pay(payment, webhook="none")
    sandbox.dispute(payment, "open")

    arrive()

    assert (now(order).status, events(order)) == (OrderStatus.PAID, ["dispute_opened"])


def test_a_dispute_of_nothing_of_ours_is_an_orphan(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    stored = WebhookEvent.objects.create(
        gateway=gateway,
        event_key="evt_1",
        event_type="dispute",
        dispute_id={"stripe": "dp_0", "razorpay": "disp_00000000000000"}[gateway],
        body=b"{}",
    )
    jobs.work_event(event_id=stored.pk)

    stored.refresh_from_db()
    assert stored.state == EventState.ORPHANED
    assert not Dispute.objects.exists()


def test_reports_in_any_order_end_the_same(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, payment = paid(ada, shop, sandbox, "stripe")
    opened = sandbox.dispute(payment, "open", webhook="none")
    first = gateways.online("stripe").fetch_dispute(opened["dispute"])
    reports = {
        "open": first,
        "review": replace(first, outcome=DisputeOutcome.UNDER_REVIEW),
        "lost": replace(first, outcome=DisputeOutcome.LOST),
    }
    for number, names in enumerate(permutations(reports)):
        told = [replace(reports[name], dispute_id=f"dp_{number}", amount_minor=1, withdrawn_minor=1) for name in names]
        for report in [*told, *told]:
            assert record_dispute("stripe", report)
        dispute = Dispute.objects.get(gateway_dispute_id=f"dp_{number}")
        assert (dispute.state, dispute.withdrawn_minor) == ("lost", 1)

    assert sorted(set(events(order))) == ["dispute_closed lost", "dispute_opened"]
    assert len(events(order)) == 2 * number + 2


def test_a_payment_that_we_do_not_have_has_no_dispute(db: None) -> None:
    report = DisputeReport(
        dispute_id="dp_1",
        reference="",
        payment_id="ch_nobody",
        amount_minor=1,
        currency="USD",
        outcome=DisputeOutcome.NEEDS_RESPONSE,
        withdrawn_minor=1,
        reason="",
        opened_at=clock.now(),
        respond_by=None,
    )
    assert not record_dispute("stripe", report)
    assert not Dispute.objects.exists()
