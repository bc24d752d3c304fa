"""What a merchant's order says follows from its money, whoever tells of it, in whatever order, webhooks or none."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from procrastinate.contrib.django import app

from kit import clock
from kit.money import Money
from orders import subjects
from orders.actors import GATEWAY
from payments import gateways
from payments.merchants import settling
from payments.merchants.models import MerchantOrder
from payments.models import (
    Account,
    Dispute,
    DisputeState,
    LedgerEntry,
    PaymentRequest,
    Refund,
    RefundState,
    WebhookEvent,
)
from payments.reconciliation.models import Discrepancy
from tests import merchants
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, chase, deliver, settle_down, waiting
from tests.merchants import Integration, answer, call, enrol, hear, order, owed, paid, row
from tests.payments import reports
from tests.reconciling import fingerprints, reconcile


@pytest.fixture
def books(db: None) -> Integration:
    """A merchant with a key."""
    return enrol()


def balances() -> dict[str, int]:
    """What stands in each account, those that are even left out."""
    sums: dict[str, int] = {}
    for account, minor in LedgerEntry.objects.values_list("account", "amount_minor"):
        sums[account] = sums.get(account, 0) + minor
    return {account: minor for account, minor in sums.items() if minor}


def stands(made: dict[str, Any]) -> tuple[str, int, int, bool]:
    """What the order says of its money."""
    now = row(made)
    return now.status, now.attempts, now.paid_minor, now.authorized


def send_back(payment: str, made: dict[str, Any], minor: int) -> None:
    """Somebody refunds in the gateway's own dashboard."""
    gateways.razorpay().refund(made["id"], payment, Money(minor, "INR"), key=f"dashboard-{minor}")


# --- the ledger -----------------------------------------------------------------------------------------------------


def test_what_is_collected_is_owed_to_the_merchant_and_no_sale_of_ours(
    sandbox: SandboxProcess, books: Integration
) -> None:
    payment = paid(books, sandbox)
    assert balances() == {Account.CLEARING_RAZORPAY: 50000, Account.MERCHANT_FUNDS: -50000}

    answer(call("POST", f"/v1/payments/{payment}/refund", {"amount": 20000}, by=books))

    assert balances() == {Account.CLEARING_RAZORPAY: 30000, Account.MERCHANT_FUNDS: -30000}
    [refund] = Refund.objects.all()
    assert (refund.surplus_minor, refund.amount_minor) == (20000, 20000)


def test_the_gateways_fee_is_ours_as_always(sandbox: SandboxProcess, books: Integration) -> None:
    paid(books, sandbox)
    sandbox.settle("razorpay")
    with clock.turned(timedelta(minutes=1)):
        call_command("reconcile_settlements", gateway="razorpay")
    assert balances() == {
        Account.BANK: 48820,
        Account.GATEWAY_FEES: 1000,
        Account.FEE_TAX: 180,
        Account.MERCHANT_FUNDS: -50000,
    }


@pytest.mark.parametrize(("act", "left"), [("win", 50000), ("lose", 45000)])
def test_a_dispute_lessens_what_is_owed_once_it_is_lost(
    sandbox: SandboxProcess, books: Integration, act: str, left: int
) -> None:
    payment = paid(books, sandbox)
    sandbox.dispute(payment, amount=5000)
    hear()
    assert (owed(books), Dispute.objects.get().state) == (50000, DisputeState.NEEDS_RESPONSE)

    sandbox.dispute(payment, act)
    hear()

    assert owed(books) == left
    assert MerchantOrder.objects.get().status == "paid"
    assert Account.WRITE_OFF not in balances()
    assert_books_agree(sandbox)
    if act == "win":
        refunded = answer(call("POST", f"/v1/payments/{payment}/refund", {}, by=books))
        assert (refunded["amount"], owed(books)) == (50000, 0)


# --- whoever tells --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_webhooks_in_any_order_and_twice_come_to_the_same(
    sandbox: SandboxProcess, books: Integration, seed: int
) -> None:
    """A failed try, a payment and two refunds: the jobs of all their webhooks, shuffled, some of them again."""
    made = order(books)
    sandbox.pay(made["id"], "fail")
    payment = sandbox.pay(made["id"])["payment"]
    send_back(payment, made, 100)
    send_back(payment, made, 200)
    deliver()
    jobs = waiting() * 2
    assert len(jobs) >= 8
    random.Random(seed).shuffle(jobs)

    for name, arguments in jobs:
        app.tasks[name](**arguments)

    assert stands(made) == ("paid", 2, 50000, False)
    assert answer(call("GET", f"/v1/payments/{payment}", by=books))["amount_refunded"] == 300
    assert (owed(books), Refund.objects.count()) == (49700, 2)
    assert_books_agree(sandbox)


def test_reports_in_any_order_come_to_the_same(sandbox: SandboxProcess, books: Integration) -> None:
    """What a gateway says at different times, read late: nothing that is known is unlearned."""
    for shuffled in itertools.permutations(range(4)):
        made = order(books)
        request = PaymentRequest.objects.get(gateway_reference=made["id"])
        failed = reports.payment(request, "failed", "00")
        told = [
            reports.report(request),
            reports.report(request, failed),
            reports.report(request, failed, reports.payment(request, "authorized", "01")),
            reports.report(request, failed, reports.payment(request, "captured", "01")),
        ]
        for number in shuffled:
            subjects.settle(request, actor=GATEWAY, report=told[number])
        assert stands(made) == ("paid", 2, 50000, False)
    assert owed(books) == 24 * 50000


def test_with_webhooks_off_the_reconciliation_alone_brings_it_right(
    sandbox: SandboxProcess, books: Integration
) -> None:
    names = ("paid", "failed", "captured by us", "waits", "refunded", "disputed", "lost", "forgotten")
    made = {name: order(books, payment_capture=1) if name == "captured by us" else order(books) for name in names}

    def pay(name: str, outcome: str = "succeed") -> str:
        return str(sandbox.pay(made[name]["id"], outcome, webhook="none")["payment"])

    for name, outcome in (
        ("paid", "succeed"),
        ("failed", "fail"),
        ("captured by us", "authorize"),
        ("waits", "authorize"),
    ):
        pay(name, outcome)
    send_back(pay("refunded"), made["refunded"], 20000)
    sandbox.dispute(pay("disputed"), webhook="none")
    lost = pay("lost")
    sandbox.dispute(lost, webhook="none", amount=5000)
    sandbox.dispute(lost, "lose", webhook="none")

    assert reconcile("--dry-run").done("heal") > 0
    assert not MerchantOrder.objects.exclude(status="created").exists()
    done = reconcile()

    assert (done.exit_code, done.left_open, WebhookEvent.objects.count()) == (0, 0, 0)
    assert {name: stands(one) for name, one in made.items()} == {
        "paid": ("paid", 1, 50000, False),
        "failed": ("attempted", 1, 0, False),
        "captured by us": ("paid", 1, 50000, False),
        "waits": ("attempted", 1, 0, True),
        "refunded": ("paid", 1, 50000, False),
        "disputed": ("paid", 1, 50000, False),
        "lost": ("paid", 1, 50000, False),
        "forgotten": ("created", 0, 0, False),
    }
    assert owed(books) == 5 * 50000 - 20000 - 5000
    assert_books_agree(sandbox)
    before = fingerprints()
    again = reconcile()
    assert (again.exit_code, again.steps, Discrepancy.objects.count()) == (0, [], 0)
    changed = {table for table, rows in fingerprints().items() if before[table] != rows}
    assert changed <= {"reconciliation_reconciliationrun", "reconciliation_sighting"}


def test_a_refund_that_fails_late_is_heard_of_by_the_chase(sandbox: SandboxProcess, books: Integration) -> None:
    payment = paid(books, sandbox)
    made = answer(call("POST", f"/v1/payments/{payment}/refund", {}, by=books))
    sandbox.fail_refund(made["id"], webhook="none")
    reconcile()
    assert (Refund.objects.get().state, owed(books)) == (RefundState.FAILED, 50000)


# --- money that may not be kept ---------------------------------------------------------------------------------------


def test_more_than_was_asked_for_goes_back(sandbox: SandboxProcess, books: Integration) -> None:
    """Two captured payments of one order, which no gateway should have let happen."""
    made = order(books)
    request = PaymentRequest.objects.get()
    first, second = (reports.payment(request, "captured", name) for name in ("01", "02"))

    subjects.settle(request, actor=GATEWAY, report=reports.report(request, first, second))

    [refund] = Refund.objects.all()
    assert (refund.amount_minor, refund.state, stands(made)) == (50000, RefundState.APPROVED, ("paid", 2, 50000, False))
    assert (owed(books), settling.settle(row(made).pk).paid_minor) == (50000, 50000)
    assert Refund.objects.count() == 1


def test_another_currency_pays_for_nothing_and_goes_back(sandbox: SandboxProcess, books: Integration) -> None:
    made = order(books)
    request = PaymentRequest.objects.get()
    strange = reports.payment(request, "captured", "01", currency="USD")

    subjects.settle(request, actor=GATEWAY, report=reports.report(request, strange))

    assert stands(made) == ("attempted", 1, 0, False)
    assert [(refund.currency, refund.amount_minor) for refund in Refund.objects.all()] == [("USD", 50000)]
    assert (owed(books), owed(books, "USD")) == (0, 0)


def test_a_report_about_another_request_is_not_believed(sandbox: SandboxProcess, books: Integration) -> None:
    first, second = order(books), order(books)
    request = PaymentRequest.objects.get(gateway_reference=first["id"])
    settling.settle(row(second).pk, report=reports.report(request, reports.payment(request, "captured", "01")))
    assert (stands(first), stands(second)) == (("created", 0, 0, False),) * 2


def test_an_order_that_was_given_up_keeps_no_money(sandbox: SandboxProcess, books: Integration) -> None:
    """The gateway has the order, its answer was lost, and somebody finds and pays it there all the same."""
    sandbox.arm("razorpay", "create", "timeout_after")
    assert call("POST", "/v1/orders", {"amount": 50000, "currency": "INR"}, by=books).status_code == 502
    [theirs] = sandbox.books("razorpay")["orders"]

    sandbox.pay(theirs["id"], webhook="none")
    chase(rounds=2)
    reconcile()
    settle_down()

    made = MerchantOrder.objects.get()
    assert (made.given_up, made.reference, made.status) == (True, None, "paid")
    assert [refund.state for refund in Refund.objects.all()] == [RefundState.SUCCEEDED]
    assert owed(books) == 0
    assert answer(call("GET", "/v1/orders", by=books))["count"] == 0
    payment = Refund.objects.get().attempt.gateway_payment_id
    assert merchants.refusal(call("GET", f"/v1/payments/{payment}", by=books))["field"] == "id"
    assert_books_agree(sandbox)


# --- the database's own word ------------------------------------------------------------------------------------------

ATTACKS: list[tuple[str, str]] = [
    ("DELETE FROM merchants_merchantorder", "append-only"),
    ("TRUNCATE merchants_merchantorder CASCADE", "append-only"),
    ("DELETE FROM merchants_merchant", "append-only"),
    ("DELETE FROM merchants_merchantkey", "append-only"),
    ("DELETE FROM merchants_merchantrefund", "append-only"),
    ("UPDATE merchants_merchantorder SET amount_minor = amount_minor + 1", "append-only"),
    ("UPDATE merchants_merchantorder SET currency = 'USD'", "append-only"),
    ("UPDATE merchants_merchantorder SET receipt = 'x'", "append-only"),
    ("UPDATE merchants_merchantorder SET merchant_id = gen_random_uuid()", "append-only"),
    ("UPDATE merchants_merchantorder SET reference = 'order_x'", "append-only"),
    ("UPDATE merchants_merchantorder SET attempts = 0 WHERE attempts > 0", "append-only"),
    ("UPDATE merchants_merchantorder SET paid_minor = 0 WHERE paid_minor > 0", "append-only"),
    ("UPDATE merchants_merchantorder SET attempts = attempts + 1 WHERE attempts > 0", "of its payments"),
    ("UPDATE merchants_merchantorder SET authorized = true", "of its payments"),
    ("UPDATE merchants_merchantorder SET given_up = true", "merchant_order_given_up_is_not_shown"),
    ("UPDATE merchants_merchantorder SET status = 'paid' WHERE attempts = 0", "merchant_order_status_follows"),
    ("UPDATE merchants_merchantorder SET status = 'created' WHERE attempts > 0", "merchant_order_status_follows"),
    ("UPDATE payments_paymentrequest SET owed_to = 'receivable'", "append-only"),
    ("UPDATE merchants_merchantkey SET secret_digest = 'x'", "append-only"),
    ("UPDATE merchants_merchant SET account_id = 'acc_x'", "append-only"),
    (
        "INSERT INTO payments_paymentrequest (id, subject_id, gateway, amount_minor, currency, state, owed_to, hold, "
        "description, client_secret, times_asked, created_at) SELECT gen_random_uuid(), gen_random_uuid(), gateway, "
        "amount_minor, currency, 'initiated', owed_to, hold, '', '', 0, created_at FROM payments_paymentrequest",
        "is another's",
    ),
    (
        "WITH t AS (INSERT INTO payments_ledgertransfer (source, kind, memo) VALUES ('x', 'capture', '') RETURNING id) "
        "INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, subject_id) "
        "SELECT t.id, a.account, 'INR', a.minor, o.id FROM t, (SELECT id FROM merchants_merchantorder LIMIT 1) o, "
        "(VALUES ('merchant_funds', -1), ('clearing_razorpay', 1)) a (account, minor)",
        "owed in the ledger",
    ),
]


@pytest.mark.parametrize(("attack", "refusal"), ATTACKS, ids=[attack[:70] for attack, _ in ATTACKS])
def test_the_database_refuses_what_no_act_of_ours_does(
    sandbox: SandboxProcess, books: Integration, attack: str, refusal: str
) -> None:
    payment = paid(books, sandbox)
    order(books)
    answer(call("POST", f"/v1/payments/{payment}/refund", {"amount": 100}, by=books))

    with pytest.raises(IntegrityError, match=refusal):
        run(f"{attack}; SET CONSTRAINTS ALL IMMEDIATE")


def run(statements: str) -> None:
    """All of it in one transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statements)
