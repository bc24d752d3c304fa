"""Each invariant of settlements finds what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection, transaction

from payments.settlements.books import INVARIANTS
from tests.payments.settlements.world import World, import_rows, itemised, write_file

LINES = "settlements_settlementline"
ENTRY = (
    "INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor) SELECT id, '{}', 'USD', 7 FROM "
)
TRANSFER = "(SELECT min(id) AS id FROM payments_ledgertransfer WHERE kind = 'settlement') transfer"
ATTACKS: dict[str, str] = {
    "a settlement's totals are those of its lines": f"DELETE FROM {LINES}",
    "a line is in a settlement of its own gateway and currency": f"UPDATE {LINES} SET currency = 'INR'",
    "the bank has what the settlements say, and the fees are those of their lines": ENTRY.format("bank") + TRANSFER,
    "a clearing account holds what was captured, less what went back, is disputed and was settled": (
        ENTRY.format("clearing_stripe") + TRANSFER
    ),
    "suspense holds what of the settlements nobody can explain": ENTRY.format("suspense") + TRANSFER,
    "a matched line is about something of ours with its amount": (
        f"UPDATE {LINES} SET finding = 'matched', explained_minor = gross_minor WHERE finding <> 'matched'"
    ),
    "whatever of a settlement nobody can explain was put before a person": "DELETE FROM reconciliation_discrepancy",
    "what a file claims is kept row by row": "DELETE FROM settlements_claimedrow",
    "whatever a file says otherwise than the gateway was put before a person": (
        "UPDATE settlements_claimedrow SET gross_minor = gross_minor + 7, net_minor = net_minor + 7"
    ),
}


@pytest.mark.parametrize("name", [name for name, _ in INVARIANTS])
def test_books_that_were_tampered_with_are_noticed(world: World, tmp_path: Path, name: str) -> None:
    world.sell("stripe")
    world.sell_unheard("stripe")
    rows = itemised(world.pay_out("stripe"))
    import_rows(write_file(tmp_path / "file.csv", rows), "stripe", code=1)
    statement = dict(INVARIANTS)[name]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.fetchall() == []
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(ATTACKS[name])
        cursor.execute(statement)
        assert cursor.fetchall() != []
        transaction.set_rollback(True)
