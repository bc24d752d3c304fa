"""`reconcile_payments`: what it cannot bring right holds up nothing else, and a person is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from kit import clock
from kit.ids import new_id
from orders import actors, cancellation
from orders.models import Order
from payments import gateways
from payments.models import PaymentAttempt, Refund, RefundState
from payments.reconciliation.models import Discrepancy
from tests.faults.buying import buy, now
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree
from tests.reconciling import Reconciled, fingerprints, reconcile
from tests.shop import Shop, Shopper


def pay(sandbox: SandboxProcess, ada: Shopper, shop: Shop, gateway: str) -> Order:
    """An order that is paid at the gateway, and nobody has told us."""
    order, payment = buy(ada, shop, gateway, shop.cable)
    sandbox.pay(payment, webhook="none")
    return order


def reconcile_later(*arguments: str) -> Reconciled:
    """When whatever was cut off is due."""
    with clock.turned(settings.UNKNOWN_OUTCOME_ASK_AFTER * 2):
        return reconcile(*arguments)


@contextmanager
def refused_by_the_database(moment: str, table: str, when: str = "true") -> Iterator[None]:
    """Within the block the database refuses to write certain rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TRIGGER poison BEFORE {moment} ON {table} FOR EACH ROW WHEN ({when}) "
            "EXECUTE FUNCTION forbid_change()"
        )
        try:
            yield
        finally:
            cursor.execute(f"DROP TRIGGER poison ON {table}")


# --- what our books do not take ---------------------------------------------------------------------------------------


def test_a_poison_refund_holds_up_no_other(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    poison, healthy = pay(sandbox, ada, shop, gateway), pay(sandbox, ada, shop, gateway)
    reconcile()
    for order in (poison, healthy):
        cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    stays = Refund.objects.get(attempt__request__subject_id=poison.pk)

    with refused_by_the_database("UPDATE OF state", "payments_refund", f"OLD.id = '{stays.pk}'"):
        done = reconcile_later()
        assert (done.exit_code, done.state, done.gateways[gateway]["failed"]) == (1, "complete", 1)
        discrepancy = Discrepancy.objects.get()
        assert (discrepancy.kind, discrepancy.gateway_id) == ("not_brought_in_line", str(stays.pk))
        assert (discrepancy.proposed, discrepancy.ours["subject"]) == ("check_gateway", str(poison.pk))
        assert (now(poison).refunded_minor, now(healthy).refunded_minor) == (0, healthy.total_minor)

    assert reconcile_later().exit_code == 0
    assert now(poison).refunded_minor == poison.total_minor
    assert Discrepancy.objects.get().state == "gone"
    assert_books_agree(sandbox)


def test_a_dry_run_does_not_know_whether_a_poison_refund_is_taken_by_now(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    poison = pay(sandbox, ada, shop, "stripe")
    reconcile()
    cancellation.cancel_order(poison.pk, actor=actors.SYSTEM)
    with refused_by_the_database("UPDATE OF state", "payments_refund"):
        reconcile_later()
    before = fingerprints()

    plan = reconcile_later("--dry-run")

    assert (plan.done("clear"), plan.exit_code) == (0, 1)
    assert fingerprints() == before


def test_a_run_that_fails_as_a_whole_leaves_the_other_gateway_its_own(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    broken, healthy = pay(sandbox, ada, shop, "stripe"), pay(sandbox, ada, shop, "razorpay")

    with refused_by_the_database("INSERT", "reconciliation_sighting", "NEW.gateway = 'stripe'"):
        done = reconcile()

    assert (done.exit_code, done.state) == (1, "unfinished")
    assert {name: told["unanswered"] for name, told in done.gateways.items()} == {"stripe": "failed", "razorpay": ""}
    assert now(healthy).status == "paid"
    assert reconcile().exit_code == 0
    assert now(broken).status == "paid"


# --- what does not go back --------------------------------------------------------------------------------------------


def fail_to_send_back(sandbox: SandboxProcess, times: int) -> Reconciled:
    """The gateway sends a refund back, which fails after all, so many times; the last run of the reconciliation."""
    for _ in range(times):
        reconcile_later()
        sent = Refund.objects.get(state=RefundState.SUCCEEDED)
        sandbox.fail_refund(str(sent.gateway_refund_id), webhook="none")
    return reconcile_later()


def test_what_fails_to_go_back_three_times_is_put_before_a_person(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = pay(sandbox, ada, shop, gateway)
    reconcile()
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)

    done = fail_to_send_back(sandbox, 3)

    discrepancy = Discrepancy.objects.get()
    assert (done.exit_code, discrepancy.kind, discrepancy.gateway_id) == (1, "not_sent_back", str(order.pk))
    assert (discrepancy.gateway, discrepancy.amount_minor) == (gateway, order.total_minor)
    assert (discrepancy.proposed, discrepancy.ours["refunds_failed"]) == ("send_back", 3)
    assert (discrepancy.ours["order"], "owed_to" in discrepancy.ours) == (order.number, False)
    assert (reconcile_later().steps, reconcile_later("--dry-run").steps) == ([], [])

    attempt = PaymentAttempt.objects.select_related("request").get()
    mine, reference = gateways.online(gateway), str(attempt.request.gateway_reference)
    mine.refund(reference, attempt.gateway_payment_id, order.total, key=str(new_id()))
    after = reconcile_later()
    assert (after.exit_code, after.done("clear"), Discrepancy.objects.get().state) == (0, 1, "gone")
    assert now(order).refunded_minor == order.total_minor


def test_what_a_bank_disputes_of_a_cancelled_order_is_put_before_a_person_until_it_goes_back(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = pay(sandbox, ada, shop, gateway)
    reconcile()
    payment = PaymentAttempt.objects.get().gateway_payment_id
    sandbox.dispute(payment, amount=50, webhook="none")
    reconcile()
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)

    done = reconcile_later()

    discrepancy = Discrepancy.objects.get()
    assert (done.exit_code, discrepancy.kind, discrepancy.proposed) == (1, "not_sent_back", "look_again")
    assert discrepancy.amount_minor == order.total_minor - 50
    sandbox.dispute(payment, "win", webhook="none")
    after = reconcile_later()
    assert (after.exit_code, Discrepancy.objects.get().state) == (0, "gone")


def test_an_order_that_keeps_what_it_may_keep_is_nobodys_business(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    pay(sandbox, ada, shop, gateway)
    called_off = pay(sandbox, ada, shop, gateway)
    reconcile()
    cancellation.cancel_order(called_off.pk, actor=actors.SYSTEM)
    assert reconcile_later().exit_code == 0
    assert not Discrepancy.objects.exists()
