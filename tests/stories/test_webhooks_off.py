"""A day without a single webhook and without a worker: the reconciliation alone brings the books right."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

from kit import clock
from kit.ids import new_id
from kit.money import Money
from orders import actors, cancellation
from orders.models import Order
from payments import gateways
from payments.models import Dispute, PaymentRequest, WebhookEvent
from payments.reconciliation.models import Discrepancy, ReconciliationRun
from tests.faults.buying import buy, now
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree
from tests.reconciling import fingerprints, reconcile
from tests.shop import Shop, Shopper, written


def send_back(gateway: str, payment: str, amount: Money) -> None:
    """Somebody refunds a payment in the gateway's own dashboard."""
    report = gateways.online(gateway).fetch(payment)
    (paid,) = [each for each in report.payments if each.captured_minor]
    gateways.online(gateway).refund(report.reference, paid.payment_id, amount, key=str(new_id()))


def reference(order: Order) -> str:
    return PaymentRequest.objects.get(subject_id=order.pk).gateway_reference or ""


def run_a_day(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> dict[str, Order]:
    """Whatever can become of an order, at one gateway, and nobody tells us anything of it."""
    day: dict[str, Order] = {}

    def order(name: str, *outcomes: str) -> Order:
        day[name], payment = buy(ada, shop, gateway, shop.cable)
        for outcome in outcomes:
            sandbox.pay(payment, outcome=outcome, webhook="none")
        return day[name]

    order("paid", "succeed")
    order("declined", "fail")
    order("paid at the second try", "fail", "succeed")
    order("held", "authorize")
    order("forgotten")
    send_back(gateway, reference(order("refunded in part", "succeed")), Money(100, "USD"))
    refunded = order("refunded", "succeed")
    send_back(gateway, reference(refunded), Money(refunded.total_minor, "USD"))
    sandbox.dispute(reference(order("disputed", "succeed")), webhook="none")
    lost = reference(order("dispute lost", "succeed"))
    sandbox.dispute(lost, webhook="none")
    sandbox.dispute(lost, "lose", webhook="none")
    called_off = order("called off and paid", "succeed")
    cancellation.cancel_order(called_off.pk, actor=actors.SYSTEM)
    expired = order("expired and paid", "succeed")
    with clock.turned(settings.ORDER_EXPIRES_AFTER + timedelta(seconds=1)):
        assert cancellation.expire_order(expired.pk)
    return day


EXPECTED = {
    "paid": "paid",
    "declined": "payment_pending",
    "paid at the second try": "paid",
    "held": "paid",
    "forgotten": "payment_pending",
    "refunded in part": "paid",
    "refunded": "refunded",
    "disputed": "paid",
    "dispute lost": "paid",
    "called off and paid": "cancelled",
    "expired and paid": "paid",
}


def test_the_reconciliation_alone_brings_the_books_right(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    days = {gateway: run_a_day(sandbox, shop, ada, gateway) for gateway in ("stripe", "razorpay")}
    before = written()

    plan = reconcile("--dry-run")
    assert written() == before
    assert not ReconciliationRun.objects.exists()

    done = reconcile()

    for day in days.values():
        assert {name: now(order).status for name, order in day.items()} == EXPECTED
        assert now(day["refunded in part"]).refunded_minor == 100
        assert now(day["called off and paid"]).refunded_minor == day["called off and paid"].total_minor
    assert_books_agree(sandbox)
    assert sorted(Dispute.objects.values_list("state", flat=True)) == [
        "lost",
        "lost",
        "needs_response",
        "needs_response",
    ]
    assert WebhookEvent.objects.count() == 0
    assert not Discrepancy.objects.exists()
    assert (done.exit_code, done.state, done.left_open) == (0, "complete", 0)
    assert plan.plan == done.plan
    # Of each gateway all orders but the forgotten one, and two disputes.
    assert (done.done("heal"), len(done.steps)) == (24, 24)


def test_a_second_reconciliation_changes_nothing(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    run_a_day(sandbox, shop, ada, gateway)
    reconcile()
    before = fingerprints()

    again = reconcile()

    assert (again.exit_code, again.steps) == (0, [])
    assert again.gateways[gateway]["payments"] == 11
    changed = {table for table, rows in fingerprints().items() if before[table] != rows}
    # That it ran, and that it has seen the refund that the first run sent.
    assert changed <= {"reconciliation_reconciliationrun", "reconciliation_sighting"}
