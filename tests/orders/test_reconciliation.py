"""`reconcile_payments`: what is certain is healed, what is not is put before a person, and nothing happens twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, connections

from kit import clock
from kit.ids import new_id
from kit.money import Money
from orders import actors, cancellation
from orders.models import Order, PaymentTerms
from orders.reconciliation import jobs as reconciling
from orders.reconciliation.reviewing import look_again
from orders.reconciliation.running import LOCK, Reconciliation
from payments import collecting, gateways
from payments.gateways.base import Ask
from payments.models import (
    Dispute,
    DisputeState,
    GatewayName,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundState,
    RequestState,
)
from payments.reconciliation.locking import only_one
from payments.reconciliation.models import (
    Discrepancy,
    DiscrepancyKind,
    ReconciliationRun,
    Resolution,
    RunKind,
    RunState,
)
from payments.reconciliation.resolving import resolve
from payments.reconciliation.windows import default_window
from payments.sandbox.models import ArmedFault, Charge, RazorpayPayment
from tests.faults.buying import buy, now
from tests.gateway_process import SandboxProcess
from tests.gateways import bulk
from tests.jobs import assert_books_agree
from tests.processes import kill, process, wait_until
from tests.reconciling import fingerprints, reconcile
from tests.shop import Shop, Shopper, hire, place, written


def pay(sandbox: SandboxProcess, ada: Shopper, shop: Shop, gateway: str, outcome: str = "succeed") -> Order:
    """An order that is paid at the gateway, and nobody has told us."""
    order, payment = buy(ada, shop, gateway, shop.cable)
    sandbox.pay(payment, outcome=outcome, webhook="none")
    return order


def pay_a_stranger(sandbox: SandboxProcess, gateway: str, outcome: str = "succeed") -> str:
    """Somebody pays for something that was asked for under our keys, but not by us; the payment's reference."""
    mine = gateways.online(gateway)
    ask = Ask("not-one-of-ours", Money(4200, "USD"), "Elsewhere", clock.now())
    reference = mine.create(ask).reference
    sandbox.pay(reference, outcome=outcome, webhook="none")
    return reference


def tamper(gateway: str, **columns: object) -> None:
    """The gateway's own rows of all payments change."""
    (Charge if gateway == "stripe" else RazorpayPayment).objects.update(**columns)


# --- what is nothing of ours ------------------------------------------------------------------------------------------


def test_a_payment_of_no_order_is_filed_once_with_both_sides_facts(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = pay(sandbox, ada, shop, gateway)
    reference = pay_a_stranger(sandbox, gateway)

    first = reconcile()

    assert (first.exit_code, first.left_open, first.done("file"), first.done("heal")) == (1, 1, 1, 1)
    assert now(order).status == "paid"
    discrepancy = Discrepancy.objects.get()
    (payment,) = gateways.online(gateway).fetch(reference).payments
    assert (discrepancy.kind, discrepancy.gateway_id) == (DiscrepancyKind.PAYMENT_UNKNOWN, payment.payment_id)
    assert (discrepancy.gateway, discrepancy.currency, discrepancy.amount_minor) == (gateway, "USD", 4200)
    assert (discrepancy.proposed, discrepancy.ours) == ("send_back", {})
    assert (discrepancy.theirs["reference"], discrepancy.theirs["captured_minor"]) == (reference, 4200)

    again = reconcile()
    assert (again.exit_code, again.left_open, again.steps) == (1, 1, [])
    assert Discrepancy.objects.count() == 1


def test_a_strangers_payment_that_goes_back_is_gone(sandbox: SandboxProcess, db: None, gateway: str) -> None:
    reference = pay_a_stranger(sandbox, gateway)
    assert reconcile().left_open == 1
    mine = gateways.online(gateway)
    (payment,) = mine.fetch(reference).payments
    mine.refund(reference, payment.payment_id, Money(4200, "USD"), key=str(new_id()))

    after = reconcile()

    # The payment is even; that money went back by no word of ours still is a person's to know.
    kinds = dict(Discrepancy.objects.values_list("kind", "state"))
    assert kinds == {"payment_unknown": "gone", "refund_unknown": "open"}
    assert (after.done("clear"), after.done("file"), after.exit_code) == (1, 1, 1)


def test_a_strangers_try_that_came_to_nothing_is_nobodys_business(
    sandbox: SandboxProcess, db: None, gateway: str
) -> None:
    pay_a_stranger(sandbox, gateway, outcome="fail")
    done = reconcile()
    assert (done.exit_code, done.gateways[gateway]["payments"]) == (0, 1)
    assert not Discrepancy.objects.exists()


def test_a_dispute_and_a_refund_of_a_stranger_are_filed(sandbox: SandboxProcess, db: None, gateway: str) -> None:
    sandbox.dispute(pay_a_stranger(sandbox, gateway), webhook="none")
    assert reconcile().left_open == 2
    assert set(Discrepancy.objects.values_list("kind", flat=True)) == {"payment_unknown", "dispute_unknown"}


# --- what was cut off -------------------------------------------------------------------------------------------------


def test_a_payment_for_a_request_whose_reference_we_never_learned_is_ours(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    prepaid = {"terms": PaymentTerms.PREPAID, "gateway": GatewayName(gateway)}
    order = place(ada, shop.standard, (shop.cable, 1), **prepaid)
    request = PaymentRequest.objects.get()
    report = gateways.online(gateway).create(collecting.ask_of(request))
    sandbox.pay(report.reference, webhook="none")

    done = reconcile()

    assert (done.exit_code, now(order).status) == (0, "paid")
    request.refresh_from_db()
    assert (request.state, request.gateway_reference) == (RequestState.PAID, report.reference)
    assert not Discrepancy.objects.exists()


def test_a_request_that_was_cut_off_is_cleared_up(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID, gateway=GatewayName.STRIPE)
    with clock.turned(settings.UNKNOWN_OUTCOME_ASK_AFTER * 2):
        plan, done = reconcile("--dry-run"), reconcile()
    assert plan.plan == done.plan
    assert done.done("chase") == 1
    assert now(order).status == "cancelled"
    assert PaymentRequest.objects.get().state == RequestState.CANCELLED


def test_a_refund_that_stays_unknown_is_put_before_a_person_until_it_is_known(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = pay(sandbox, ada, shop, gateway)
    reconcile()
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    sandbox.arm(gateway, "refund", "error_500", times=50)

    with clock.turned(settings.RECONCILE_STUCK_AFTER * 2):
        stuck = reconcile()
        assert (stuck.exit_code, Refund.objects.get().state) == (1, RefundState.UNKNOWN)
        discrepancy = Discrepancy.objects.get()
        assert (discrepancy.kind, discrepancy.gateway_id) == ("stuck", str(Refund.objects.get().pk))
        ArmedFault.objects.all().delete()

        healed = reconcile()

    assert (healed.exit_code, healed.done("chase"), healed.done("clear")) == (0, 1, 1)
    assert Refund.objects.get().state == RefundState.SUCCEEDED
    assert_books_agree(sandbox)


# --- what cannot be healed --------------------------------------------------------------------------------------------


def test_a_payment_that_the_gateway_no_longer_has_is_filed(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order = pay(sandbox, ada, shop, "razorpay")
    reconcile()
    RazorpayPayment.objects.all().delete()

    done = reconcile()

    discrepancy = Discrepancy.objects.get()
    assert (done.exit_code, discrepancy.kind, discrepancy.amount_minor) == (1, "payment_missing", -order.total_minor)
    assert (discrepancy.ours["captured_minor"], discrepancy.theirs) == (order.total_minor, {})
    assert reconcile().steps == []


def test_a_payment_that_no_list_has_shown_is_asked_for(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    pay(sandbox, ada, shop, "razorpay")
    reconcile()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM reconciliation_sighting")
    # At the gateway it is of long ago, and in our books of today.
    tamper("razorpay", created=1_000_000_000)
    assert reconcile().exit_code == 0
    RazorpayPayment.objects.all().delete()
    assert reconcile().exit_code == 1
    assert Discrepancy.objects.get().kind == "payment_missing"


@pytest.mark.parametrize(
    ("columns", "kind", "difference"),
    [
        ({"amount_minor": 6951, "captured_minor": 6951}, "amount_differs", 1),
        ({"currency": "eur"}, "currency_differs", 6950),
    ],
)
def test_another_amount_or_currency_than_recorded_is_filed_and_changes_nothing(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, columns: dict[str, object], kind: str, difference: int
) -> None:
    pay(sandbox, ada, shop, "stripe")
    reconcile()
    before = fingerprints()
    tamper("stripe", **columns)

    done = reconcile()

    discrepancy = Discrepancy.objects.get()
    assert (done.exit_code, discrepancy.kind, discrepancy.amount_minor) == (1, kind, difference)
    assert {table for table, rows in fingerprints().items() if rows != before[table]} == {
        "reconciliation_discrepancy",
        "reconciliation_reconciliationrun",
    }


@contextmanager
def refused_by_the_database(payment_id: str) -> Iterator[None]:
    """Within the block no attempt of this id can be written."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TRIGGER poison BEFORE INSERT ON payments_paymentattempt FOR EACH ROW "
            f"WHEN (NEW.gateway_payment_id = '{payment_id}') EXECUTE FUNCTION forbid_change()"
        )
        try:
            yield
        finally:
            cursor.execute("DROP TRIGGER poison ON payments_paymentattempt")


def test_a_poison_payment_holds_up_no_other(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    poison = pay(sandbox, ada, shop, "stripe")
    payment_id = Charge.objects.get().public_id
    healthy = pay(sandbox, ada, shop, "stripe")

    with refused_by_the_database(payment_id):
        done = reconcile()

    assert (now(poison).status, now(healthy).status) == ("payment_pending", "paid")
    discrepancy = Discrepancy.objects.get()
    assert (done.exit_code, discrepancy.kind, discrepancy.gateway_id) == (1, "captured_differs", payment_id)
    after = reconcile()
    assert (after.exit_code, now(poison).status, Discrepancy.objects.get().state) == (0, "paid", "gone")


def test_a_refund_that_fails_after_all_is_healed(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = pay(sandbox, ada, shop, gateway)
    reconcile()
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    with clock.turned(settings.UNKNOWN_OUTCOME_ASK_AFTER * 2):
        reconcile()
    sent = Refund.objects.get()
    assert sent.state == RefundState.SUCCEEDED
    sandbox.fail_refund(str(sent.gateway_refund_id), webhook="none")

    done = reconcile()

    sent.refresh_from_db()
    # It is sent once more, at once.
    assert (sent.state, Refund.objects.count(), done.done("heal")) == (RefundState.FAILED, 2, 1)
    assert_books_agree(sandbox)


def test_an_open_dispute_from_before_the_window_is_asked_about(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = pay(sandbox, ada, shop, gateway)
    reference = str(PaymentRequest.objects.get(subject_id=order.pk).gateway_reference)
    sandbox.dispute(reference, webhook="none")
    reconcile()
    assert Dispute.objects.get().state == DisputeState.NEEDS_RESPONSE
    sandbox.dispute(reference, "win", webhook="none")

    tomorrow = clock.now() + timedelta(days=1)
    done = reconcile("--since", tomorrow.isoformat(), "--until", (tomorrow + timedelta(days=1)).isoformat())

    assert (done.exit_code, done.done("heal")) == (0, 1)
    assert (Dispute.objects.get().state, Dispute.objects.get().withdrawn_minor) == (DisputeState.WON, 0)


# --- what people do ---------------------------------------------------------------------------------------------------


def test_what_a_person_accepts_is_quiet_and_leaves_nothing_open(sandbox: SandboxProcess, db: None) -> None:
    pay_a_stranger(sandbox, "stripe")
    assert reconcile().exit_code == 1
    resolve(Discrepancy.objects.get().pk, as_=Resolution.ACCEPTED, by=hire().pk, reason="the workshop's till")

    again = reconcile()

    assert (again.exit_code, again.left_open, again.steps) == (0, 0, [])
    assert Discrepancy.objects.count() == 1


def test_looking_again_finds_out_whether_it_is_gone(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    pay(sandbox, ada, shop, "stripe")
    reconcile()
    was = Charge.objects.values("amount_minor", "captured_minor").get()
    tamper("stripe", amount_minor=7000, captured_minor=7000)
    reconcile()
    discrepancy = Discrepancy.objects.get()

    assert not look_again(discrepancy)
    tamper("stripe", **was)
    assert look_again(discrepancy)

    discrepancy.refresh_from_db()
    assert discrepancy.state == "gone"


# --- runs -------------------------------------------------------------------------------------------------------------


def test_a_dry_run_writes_nothing_and_says_what_is_then_done(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    pay(sandbox, ada, shop, gateway)
    pay(sandbox, ada, shop, gateway, outcome="fail")
    pay_a_stranger(sandbox, gateway)
    before = fingerprints()

    plan = reconcile("--dry-run")

    assert fingerprints() == before
    assert (plan.done("heal"), plan.done("file")) == (2, 1)
    done = reconcile()
    assert done.steps == plan.steps


def test_a_second_run_at_once_does_nothing_and_says_so(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order = pay(sandbox, ada, shop, "stripe")
    begun, over = threading.Event(), threading.Event()

    def hold_the_lock() -> None:
        with only_one(LOCK) as is_alone:
            assert is_alone
            begun.set()
            over.wait(10)
        connections["default"].close()

    other = threading.Thread(target=hold_the_lock)
    other.start()
    assert begun.wait(10)
    before = written()
    second = reconcile()
    over.set()
    other.join()

    assert (second.exit_code, second.state) == (0, "already_running")
    assert written() == before
    assert reconcile().exit_code == 0
    assert now(order).status == "paid"


def test_a_gateway_that_is_down_leaves_a_run_that_the_next_one_takes_up(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = pay(sandbox, ada, shop, gateway)
    sandbox.arm(gateway, "*", "error_500", times=500)
    before = {table: rows for table, rows in fingerprints().items() if not table.startswith("reconciliation")}

    down = reconcile()

    assert (down.exit_code, down.state, down.steps) == (1, "unfinished", [])
    assert down.gateways[gateway]["unanswered"] != ""
    assert before == {table: rows for table, rows in fingerprints().items() if table in before}
    ArmedFault.objects.all().delete()
    assert reconcile().exit_code == 0
    assert now(order).status == "paid"
    (run,) = ReconciliationRun.objects.filter(gateway=gateway)
    assert run.state == RunState.COMPLETE


def test_a_run_goes_on_at_the_slice_where_it_was_cut_off(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    pay(sandbox, ada, shop, gateway)
    window = default_window(gateway, RunKind.PAYMENTS)
    slices: list[datetime] = []
    steps = Reconciliation(gateway, window).steps(slices.append)
    next(steps)
    # The day before our first order is done; the slice with the payment is not.
    steps.close()
    (run,) = ReconciliationRun.objects.all()
    assert (run.state, run.since, run.done_until) == (RunState.UNFINISHED, window.since, slices[-1])

    again: list[datetime] = []
    assert list(Reconciliation(gateway, default_window(gateway, RunKind.PAYMENTS)).steps(again.append)) == []
    assert again[0] > slices[-1]
    run.refresh_from_db()
    assert run.state == RunState.COMPLETE


def test_killed_half_way_and_run_again_is_as_if_it_had_never_been_killed(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    paid = [pay(sandbox, ada, shop, gateway) for _ in range(4)]

    def has_begun() -> bool:
        return PaymentAttempt.objects.count() >= 2

    with process("manage.py", "reconcile_payments", "--gateway", gateway) as running:
        wait_until(has_begun, running)
        kill(running)

    deadline = time.monotonic() + 10
    while (done := reconcile("--gateway", gateway)).state == "already_running":
        # The database notices a moment later that the process is gone.
        assert time.monotonic() < deadline
    assert done.exit_code == 0
    assert {now(order).status for order in paid} == {"paid"}
    assert_books_agree(sandbox)
    assert reconcile().steps == []


@pytest.fixture
def strangers(db: None, gateway: str) -> list[str]:
    """Payments of no order of ours at known seconds: at ten, and one second before and after."""
    ten = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp())
    return bulk.captured(gateway, [ten - 1, ten, ten + 3599, ten + 3600])


def test_a_window_has_its_beginning_and_not_its_end(
    sandbox: SandboxProcess, strangers: list[str], gateway: str
) -> None:
    done = reconcile("--since", "2026-11-20T10:00:00Z", "--until", "2026-11-20T11:00:00Z")
    assert done.gateways[gateway]["payments"] == 2
    assert set(Discrepancy.objects.values_list("gateway_id", flat=True)) == set(strangers[1:3])

    day = reconcile("--since", "2026-11-20", "--until", "2026-11-21", "--gateway", gateway)
    assert (list(day.gateways), day.gateways[gateway]["payments"], day.done("file")) == ([gateway], 4, 2)
    assert reconcile("--since", "2026-11-21", "--until", "2026-11-22").gateways[gateway]["payments"] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--since", "yesterday"),
        ("--since", "2026-02-30"),
        ("--until", "2026-11-20T25:00:00"),
        ("--since", "2026-11-21", "--until", "2026-11-20"),
        ("--since", "2026-11-20", "--until", "2026-11-20"),
    ],
)
def test_a_window_that_is_none_is_refused(db: None, arguments: tuple[str, ...]) -> None:
    before = written()
    with pytest.raises(CommandError, match=r"window|date"):
        call_command("reconcile_payments", *arguments)
    assert written() == before


def test_a_list_of_many_pages_is_read_whole_and_each_payment_once(
    sandbox: SandboxProcess, db: None, gateway: str
) -> None:
    ten = int(datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp())
    made = bulk.captured(gateway, [ten + number for number in range(230)])
    window = ("--since", "2026-11-20T09:00:00Z", "--until", "2026-11-20T12:00:00Z")
    done = reconcile(*window)
    assert (done.gateways[gateway]["payments"], done.done("file")) == (230, 230)
    assert set(Discrepancy.objects.values_list("gateway_id", flat=True)) == set(made)
    assert reconcile(*window).steps == []


# --- the background ---------------------------------------------------------------------------------------------------


def test_the_job_reconciles_as_a_whole_once_a_day_and_what_is_new_in_between(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order = pay(sandbox, ada, shop, "stripe")
    reconciling.reconcile_payments(timestamp=0)
    assert now(order).status == "paid"
    later = pay(sandbox, ada, shop, "razorpay")
    reconciling.reconcile_payments(timestamp=0)
    assert now(later).status == "paid"
    with clock.turned(timedelta(days=1)):
        reconciling.reconcile_payments(timestamp=0)
    whole = list(ReconciliationRun.objects.filter(gateway="stripe").order_by("pk").values_list("asked", flat=True))
    assert whole == [False, True, False]
    assert set(ReconciliationRun.objects.values_list("state", flat=True)) == {RunState.COMPLETE}


def test_the_next_whole_run_begins_before_the_end_of_the_last(sandbox: SandboxProcess, shop: Shop) -> None:
    reconcile()
    last = ReconciliationRun.objects.filter(gateway="stripe").get()
    with clock.turned(timedelta(days=30)):
        window = default_window("stripe", RunKind.PAYMENTS)
    assert window.since == last.until - settings.RECONCILE_OVERLAP
