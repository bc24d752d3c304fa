"""Two processes act on one merchant's order, payment or key at once; and what happens without the locks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.db.models import Sum

from kit.errors import DomainError
from kit.money import Money
from orders import subjects
from payments.merchants import keys, settling
from payments.merchants.capturing import capture_payment
from payments.merchants.giving_back import RefundWish, refund_payment
from payments.merchants.models import MerchantKey, MerchantOrder
from payments.models import PaymentAttempt, PaymentRequest, Refund, RefundState
from payments.outgoing.models import OF_AUDIENCES, OutgoingEvent, Subscription, Wire
from tests.concurrency.racing import PATIENCE_S, together
from tests.gateway_process import SandboxProcess
from tests.merchants import Integration, enrol, order, owed, paid

ROUNDS = 10
PART = 30000
"""Three fifths of what was paid, twice of which nobody may give back."""


@pytest.fixture
def books(db: None) -> Integration:
    """A merchant with a key."""
    return enrol()


def said(act: Callable[[], object]) -> str:
    """What became of it: "done", or why not."""
    try:
        act()
    except DomainError as refused:
        return refused.first.code
    except DatabaseError as failed:
        return "wall" if isinstance(failed, IntegrityError) else "lost"
    return "done"


def without_locks(before: str) -> Callable[[Callable[[], str]], Callable[[], str]]:
    """Makes acts of two threads that take no locks, both of which have come to the statement that begins like this
    before either does it."""
    both = threading.Barrier(2)

    def execute(run: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if sql.startswith(before):
            both.wait(PATIENCE_S)
        return run(sql.replace(" FOR UPDATE", "").replace(" FOR NO KEY UPDATE", ""), parameters, many, context)

    def wrap(act: Callable[[], str]) -> Callable[[], str]:
        def run() -> str:
            with connection.execute_wrapper(execute):
                return act()

        return run

    return wrap


def refund(by: Integration, payment: str, key: str | None = None) -> str:
    wish = RefundWish(PART, "{}", None, "normal", key=key, fingerprint=b"x" * 32)
    return said(lambda: refund_payment(by.merchant.pk, payment, wish))


def promised() -> int:
    """What goes back or will, in paise."""
    refunds = Refund.objects.exclude(state=RefundState.FAILED)
    return int(refunds.aggregate(sum=Sum("amount_minor", default=0))["sum"])


def test_two_refunds_of_one_payment_never_send_back_more_than_came(sandbox: SandboxProcess, books: Integration) -> None:
    for number in range(1, ROUNDS + 1):
        payment = paid(books, sandbox)
        assert sorted(together([lambda payment=payment: refund(books, payment)] * 2)) == ["beyond_left", "done"]  # type: ignore[misc]
        assert promised() == number * PART
    assert owed(books) == ROUNDS * (50000 - PART)


def test_without_the_locks_the_database_is_the_last_wall(sandbox: SandboxProcess, books: Integration) -> None:
    """The negative control of the refunds' lock."""
    payment = paid(books, sandbox)
    unlocked = without_locks('INSERT INTO "payments_refund"')
    assert sorted(together([unlocked(lambda: refund(books, payment))] * 2)) == ["done", "wall"]
    assert promised() == PART


def test_one_key_of_razorpays_makes_one_refund(sandbox: SandboxProcess, books: Integration) -> None:
    for number in range(1, ROUNDS + 1):
        payment = paid(books, sandbox)
        answers = together([lambda payment=payment, key=f"key-number-{number}": refund(books, payment, key)] * 3)  # type: ignore[misc]
        assert set(answers) <= {"done", "key_in_use"}
        assert "done" in answers
        assert Refund.objects.count() == number


def test_two_captures_of_one_payment_take_it_once(sandbox: SandboxProcess, books: Integration) -> None:
    for number in range(1, ROUNDS + 1):
        payment = paid(books, sandbox, outcome="authorize")

        def capture(payment: str = payment) -> str:
            return said(lambda: capture_payment(books.merchant.pk, payment, Money(50000, "INR")))

        answers = together([capture] * 2)
        assert "done" in answers
        assert set(answers) <= {"done", "already_captured"}
        assert owed(books) == number * 50000


def test_whoever_asks_at_once_writes_one_payment(sandbox: SandboxProcess, books: Integration) -> None:
    """The webhook worker, the checkout, the chase and a reconciliation learn of it at one instant."""
    for number in range(1, ROUNDS + 1):
        made = order(books)
        sandbox.pay(made["id"], webhook="none")
        request = PaymentRequest.objects.get(gateway_reference=made["id"])
        together([lambda request=request: subjects.ask_gateway(request)] * 4)  # type: ignore[misc]
        assert PaymentAttempt.objects.count() == number
        assert owed(books) == number * 50000


@pytest.fixture
def heard(books: Integration) -> None:
    """Somebody wants to hear of everything."""
    Subscription.objects.create(
        name="Books",
        url="https://books.example/hooks",
        events=list(OF_AUDIENCES),
        audience_id=books.merchant.pk,
        wire=Wire.RAZORPAY,
        sealed_secret="x",
    )


def forgotten(books: Integration, sandbox: SandboxProcess) -> MerchantOrder:
    """A paid order that was told of three times, of which nothing is remembered."""
    paid(books, sandbox)
    MerchantOrder.objects.update(told=[])
    return MerchantOrder.objects.get()


@pytest.mark.usefixtures("heard")
def test_what_is_settled_by_two_at_once_is_told_once(sandbox: SandboxProcess, books: Integration) -> None:
    made = forgotten(books, sandbox)
    together([lambda: settling.settle(made.pk)] * 2)
    assert OutgoingEvent.objects.count() == 3 + 3


@pytest.mark.usefixtures("heard")
def test_without_the_lock_it_is_told_twice(sandbox: SandboxProcess, books: Integration) -> None:
    """The negative control of the order's lock."""
    made = forgotten(books, sandbox)
    unlocked = without_locks("\nWITH \nemitted_events")
    assert together([unlocked(lambda: said(lambda: settling.settle(made.pk)))] * 2) == ["done", "done"]
    assert OutgoingEvent.objects.count() == 3 + 6


def replace(key: MerchantKey) -> str:
    return "replaced" if keys.replace(key.pk) else "nothing"


def test_a_key_is_replaced_once(books: Integration) -> None:
    assert sorted(together([lambda: replace(books.key)] * 2)) == ["nothing", "replaced"]
    assert MerchantKey.objects.count() == 2


def test_without_the_lock_a_key_is_replaced_twice(books: Integration) -> None:
    """The negative control of the key's lock."""
    unlocked = without_locks('UPDATE "merchants_merchantkey"')
    assert together([unlocked(lambda: replace(books.key))] * 2) == ["replaced", "replaced"]
    assert MerchantKey.objects.count() == 3
