"""What the ledger shows: the trial balance and the balance sheet of each currency, at the end of any moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import Q, Sum

from payments.models import Account, LedgerEntry


class AccountType(StrEnum):
    """Which side of the books an account is on."""

    ASSET = "asset"
    LIABILITY = "liability"
    INCOME = "income"
    EXPENSE = "expense"


TYPES: Mapping[Account, AccountType] = {
    Account.RECEIVABLE: AccountType.ASSET,
    Account.CLEARING_STRIPE: AccountType.ASSET,
    Account.CLEARING_RAZORPAY: AccountType.ASSET,
    Account.CLEARING_OFFLINE: AccountType.ASSET,
    Account.BANK: AccountType.ASSET,
    Account.DISPUTED: AccountType.ASSET,
    Account.FEE_TAX: AccountType.ASSET,
    Account.DEFERRED_REVENUE: AccountType.LIABILITY,
    Account.TAX_PAYABLE: AccountType.LIABILITY,
    Account.CUSTOMER_CREDIT: AccountType.LIABILITY,
    Account.MERCHANT_FUNDS: AccountType.LIABILITY,
    Account.REFUNDS_PAYABLE: AccountType.LIABILITY,
    Account.SUSPENSE: AccountType.LIABILITY,
    Account.REVENUE: AccountType.INCOME,
    Account.DELIVERY_REVENUE: AccountType.INCOME,
    # What lessens income stands beside it, with the other sign.
    Account.DISCOUNTS: AccountType.INCOME,
    Account.REFUNDS: AccountType.INCOME,
    Account.CREDITS_EXPIRED: AccountType.INCOME,
    Account.GATEWAY_FEES: AccountType.EXPENSE,
    Account.WRITE_OFF: AccountType.EXPENSE,
    Account.CREDITS_GRANTED: AccountType.EXPENSE,
}


@dataclass(frozen=True, slots=True)
class TrialBalanceRow:
    """One account in one currency: everything ever debited and credited, minor units."""

    currency: str
    account: Account
    debit_minor: int
    credit_minor: int

    @property
    def balance_minor(self) -> int:
        """Debits above zero."""
        return self.debit_minor - self.credit_minor


@dataclass(frozen=True, slots=True)
class BalanceSheet:
    """One currency's assets, liabilities and equity, minor units; equity is what was earned less what was spent."""

    currency: str
    rows: tuple[TrialBalanceRow, ...]

    @property
    def assets_minor(self) -> int:
        """What we have or are owed."""
        return self._sum(AccountType.ASSET)

    @property
    def liabilities_minor(self) -> int:
        """What we owe."""
        return -self._sum(AccountType.LIABILITY)

    @property
    def income_minor(self) -> int:
        """What was earned, less discounts and refunds."""
        return -self._sum(AccountType.INCOME)

    @property
    def expenses_minor(self) -> int:
        """What was spent and lost."""
        return self._sum(AccountType.EXPENSE)

    @property
    def equity_minor(self) -> int:
        """What is left: assets less liabilities, which is income less expenses."""
        return self.income_minor - self.expenses_minor

    @property
    def balances(self) -> bool:
        """Whether assets are liabilities plus equity."""
        return self.assets_minor == self.liabilities_minor + self.equity_minor

    def of_type(self, type_: AccountType) -> tuple[TrialBalanceRow, ...]:
        """The rows on one side of the books, in the order of the chart of accounts."""
        return tuple(row for row in self.rows if TYPES[row.account] == type_)

    def _sum(self, type_: AccountType) -> int:
        return sum(row.balance_minor for row in self.of_type(type_))


def balance_sheets(until: datetime | None = None) -> list[BalanceSheet]:
    """The balance sheet of every currency, of all that was posted before `until`. One statement, one snapshot.

    Reads every entry: some tenths of a second for a million of them.
    """
    entries = LedgerEntry.objects.all() if until is None else LedgerEntry.objects.filter(transfer__at__lt=until)
    sums = (
        entries.order_by()
        .values("currency", "account")
        .annotate(
            debit=Sum("amount_minor", filter=Q(amount_minor__gt=0), default=0),
            credit=Sum("amount_minor", filter=Q(amount_minor__lt=0), default=0),
        )
    )
    rows = [TrialBalanceRow(row["currency"], Account(row["account"]), row["debit"], -row["credit"]) for row in sums]
    chart = list(Account)
    rows.sort(key=lambda row: (row.currency, chart.index(row.account)))
    currencies = dict.fromkeys(row.currency for row in rows)
    return [BalanceSheet(currency, tuple(row for row in rows if row.currency == currency)) for currency in currencies]
