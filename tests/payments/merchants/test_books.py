"""Each invariant of merchants finds what it is for."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from payments.merchants.books import INVARIANTS
from tests import merchants
from tests.gateway_process import SandboxProcess
from tests.jobs import deliver, work
from tests.merchants import call, enrol

ATTACKS: dict[str, str] = {
    "a merchant's order has one payment request, of its own amount, and every request for a merchant an order": (
        "UPDATE merchants_merchantorder SET reference = reference || 'x'"
    ),
    "a merchant's order says what its payments say": (
        "UPDATE merchants_merchantorder SET attempts = attempts + 1 WHERE attempts > 0"
    ),
    "what was collected for a merchant is owed to it in the ledger, less what was promised back or taken by a bank": (
        "UPDATE payments_ledgerentry SET amount_minor = amount_minor - 1 WHERE account = 'merchant_funds'"
    ),
    "nothing that was collected for a merchant is a sale of ours": (
        "UPDATE payments_ledgerentry SET account = 'receivable' WHERE account = 'merchant_funds'"
    ),
    "what a merchant said of a refund is of a refund of its own": (
        "UPDATE merchants_merchantrefund SET merchant_id = gen_random_uuid()"
    ),
}
MORE: dict[str, str] = {
    "DELETE FROM merchants_merchantorder": (
        "a merchant's order has one payment request, of its own amount, and every request for a merchant an order"
    ),
    "UPDATE merchants_merchantorder SET paid_minor = 0, status = 'attempted' WHERE attempts > 0": (
        "a merchant's order says what its payments say"
    ),
    "UPDATE merchants_merchantorder SET authorized = true": "a merchant's order says what its payments say",
    "DELETE FROM merchants_merchantorder WHERE attempts > 0": (
        "what was collected for a merchant is owed to it in the ledger, less what was promised back or taken by a bank"
    ),
}


@pytest.fixture
def traded(sandbox: SandboxProcess, db: None) -> None:
    """A merchant was paid, and has given some of it back."""
    books = enrol()
    made = merchants.order(books)
    merchants.order(books)
    payment = sandbox.pay(made["id"])["payment"]
    deliver()
    work()
    assert call("POST", f"/v1/payments/{payment}/refund", {"amount": 100}, by=books).status_code == 200


@pytest.mark.parametrize(("name", "attack"), [*ATTACKS.items(), *((name, attack) for attack, name in MORE.items())])
def test_books_that_were_tampered_with_are_noticed(traded: None, name: str, attack: str) -> None:
    statement = dict(INVARIANTS)[name]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchall() == []
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(attack)
        cursor.execute(statement)
        assert cursor.fetchall() != []
        transaction.set_rollback(True)


def test_every_invariant_is_attacked() -> None:
    assert set(ATTACKS) == {name for name, _ in INVARIANTS}
