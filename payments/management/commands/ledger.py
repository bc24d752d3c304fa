"""Prints what the ledger shows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from kit.money import Money
from payments.reports import BalanceSheet, balance_sheets


def _instant(text: str) -> datetime:
    """The beginning of a day in the shop's time zone, or an instant."""
    try:
        if day := parse_date(text):
            return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001 - made aware here
        instant = parse_datetime(text)
    except ValueError:
        instant = None
    if instant is None:
        raise CommandError(f"--until {text}: write a date such as 2026-11-30, or an instant in ISO 8601.", returncode=2)
    return instant if timezone.is_aware(instant) else timezone.make_aware(instant)


class Command(BaseCommand):
    help = "Print the trial balance and the balance sheet of each currency; exit 1 if one does not balance."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--until", help="only what was posted before this date or instant")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        sheets = balance_sheets(_instant(options["until"]) if options["until"] else None)
        if options["json"]:
            self.stdout.write(json.dumps({sheet.currency: _document(sheet) for sheet in sheets}))
        else:
            for sheet in sheets:
                self._print(sheet)
            if not sheets:
                self.stdout.write(
                    f"Nothing was posted before {options['until']}."
                    if options["until"]
                    else "Nothing has been posted yet."
                )
        if not all(sheet.balances for sheet in sheets):
            raise SystemExit(1)

    def _print(self, sheet: BalanceSheet) -> None:
        def shown(minor: int) -> str:
            return f"{Money(minor, sheet.currency).major:,f}"

        self.stdout.write(f"{sheet.currency:<36}{'debit':>18}{'credit':>18}{'balance':>18}")
        for row in sheet.rows:
            amounts = (row.debit_minor, row.credit_minor, row.balance_minor)
            self.stdout.write(f"  {row.account.label:<34}" + "".join(f"{shown(amount):>18}" for amount in amounts))
        debit, credit = (sum(getattr(row, name) for row in sheet.rows) for name in ("debit_minor", "credit_minor"))
        self.stdout.write(f"  {'Total':<34}{shown(debit):>18}{shown(credit):>18}{shown(debit - credit):>18}")
        totals = {
            "Assets": sheet.assets_minor,
            "Liabilities": sheet.liabilities_minor,
            "Equity": sheet.equity_minor,
        }
        for name, minor in totals.items():
            self.stdout.write(f"  {name:<34}{'':>36}{shown(minor):>18}")
        self.stdout.write("")


def _document(sheet: BalanceSheet) -> dict[str, Any]:
    """Amounts in minor units."""
    return {
        "accounts": {
            row.account.value: {
                "debit": row.debit_minor,
                "credit": row.credit_minor,
                "balance": row.balance_minor,
            }
            for row in sheet.rows
        },
        "assets": sheet.assets_minor,
        "liabilities": sheet.liabilities_minor,
        "income": sheet.income_minor,
        "expenses": sheet.expenses_minor,
        "equity": sheet.equity_minor,
        "balances": sheet.balances,
    }
