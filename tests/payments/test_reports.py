"""The trial balance and the balance sheet, as a command and as a page."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from kit import clock
from kit.money import Money
from orders import actors
from orders.cash import collect_cash
from orders.models import Order
from payments.models import Account, TransferKind
from payments.reports import TYPES, AccountType, balance_sheets
from tests.shop import Shop, Shopper, hire, place
from tests.statements import statements


@pytest.fixture
def order(shop: Shop, ada: Shopper) -> Order:
    """14.50 USD for two cables, on delivery; 4.50 of it is paid."""
    order = place(ada, shop.cash, (shop.cable, 1))
    return collect_cash(order.pk, amount=Money(450, "USD"), receipt=uuid.uuid4(), actor=actors.SYSTEM)


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("ledger", *arguments, stdout=out)
    return out.getvalue()


def test_every_account_is_on_one_side() -> None:
    assert set(TYPES) == set(Account)


def test_assets_are_liabilities_and_equity(order: Order) -> None:
    (sheet,) = balance_sheets()
    assert (sheet.currency, sheet.balances) == ("USD", True)
    assert {row.account: row.balance_minor for row in sheet.rows} == {
        Account.RECEIVABLE: order.total_minor - 450,
        Account.CLEARING_OFFLINE: 450,
        Account.DEFERRED_REVENUE: -order.total_minor,
    }
    assert (sheet.assets_minor, sheet.liabilities_minor, sheet.equity_minor) == (
        order.total_minor,
        order.total_minor,
        0,
    )
    collect_cash(order.pk, amount=Money(order.total_minor - 450, "USD"), receipt=uuid.uuid4(), actor=actors.SYSTEM)
    (sheet,) = balance_sheets()
    assert (sheet.assets_minor, sheet.liabilities_minor, sheet.equity_minor) == (
        order.total_minor,
        0,
        order.total_minor,
    )
    assert sum(row.balance_minor for row in sheet.of_type(AccountType.INCOME)) == -order.total_minor


def test_all_currencies_are_one_statement(order: Order) -> None:
    with statements() as told:
        balance_sheets()
    assert len(told) == 1


def test_what_was_posted_later_is_not_in_it(order: Order) -> None:
    assert balance_sheets(clock.now() - timedelta(hours=1)) == []
    assert len(balance_sheets(clock.now() + timedelta(hours=1))) == 1


def test_the_command_prints_it_for_people_and_for_programs(order: Order) -> None:
    text = printed()
    assert "Cash box" in text
    assert "4.50" in text
    told = json.loads(printed("--json"))
    assert told["USD"]["balances"] is True
    assert told["USD"]["accounts"]["clearing_offline"] == {"debit": 450, "credit": 0, "balance": 450}
    assert json.loads(printed("--json", "--until", "2020-01-01")) == {}
    assert printed("--until", "2020-01-01") == "Nothing was posted before 2020-01-01.\n"


@pytest.mark.parametrize("wrong", ["yesterday", "2026-02-30", "2026-13-01T00:00:00Z", ""])
def test_a_date_that_is_none_is_named(order: Order, wrong: str) -> None:
    if wrong:
        with pytest.raises(CommandError, match=wrong):
            printed("--until", wrong)


def test_the_command_fails_for_a_sheet_that_does_not_balance(order: Order) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "BEGIN; SET LOCAL session_replication_role = replica; "
            "INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor) "
            "SELECT max(id), 'bank', 'USD', 1 FROM payments_ledgertransfer"
        )
        try:
            with pytest.raises(SystemExit) as stopped:
                printed()
            assert stopped.value.code == 1
        finally:
            cursor.execute("ROLLBACK")


def test_accountants_see_the_ledger_and_its_balance_sheet(order: Order) -> None:
    client = Client()
    client.force_login(hire("auditor@example.com", is_superuser=True))
    listed = client.get("/admin/payments/ledgertransfer/")
    assert listed.status_code == 200
    assert TransferKind.CAPTURE.label in listed.content.decode()
    sheet = client.get("/admin/payments/ledgertransfer/balance-sheet/").content.decode()
    assert "Cash box" in sheet
    assert "Does not balance" not in sheet
    found = client.get("/admin/payments/ledgertransfer/", {"q": str(order.pk)}).content.decode()
    assert f"ordered:{order.pk}" in found


def test_nobody_else_does(order: Order) -> None:
    client = Client()
    client.force_login(hire("packer@example.com"))
    for page in ("", "balance-sheet/"):
        assert client.get(f"/admin/payments/ledgertransfer/{page}").status_code == 403
