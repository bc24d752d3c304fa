"""The ledger's only writer: transfers whose entries sum to zero, each told once.

A transfer is written in the transaction of the fact that it explains; the database refuses a transfer that does not
balance, any change to one, and, at commit, money that moved without its transfer. Takes no locks: whoever posts about a
subject holds that subject's order or payment requests locked.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, connection
from django.db.models import Q, Sum

from payments.models import Account, LedgerEntry, TransferKind

SALE_ACCOUNTS = (
    Account.DEFERRED_REVENUE,
    Account.REVENUE,
    Account.DELIVERY_REVENUE,
    Account.TAX_PAYABLE,
    Account.DISCOUNTS,
    Account.REFUNDS,
)
"""Where the worth of a sale stands, net of what was given back of it."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One entry to be. Debits are above zero, credits below; a leg of zero is none.

    A customer's credit that comes is good until `expires_at`, or for ever; `term_id` is the term that is meant where
    credit goes or comes back.
    """

    account: Account
    amount_minor: int
    subject_id: uuid.UUID | None = None
    attempt_id: uuid.UUID | None = None
    customer_id: uuid.UUID | None = None
    expires_at: datetime | None = None
    term_id: int | None = None


class LedgerConflict(Exception):
    """A source is posted already, with other legs: two writers mean different things by one name."""


def clearing(gateway: str) -> Account:
    """Where money lies that a gateway has collected and not yet paid out."""
    return Account(f"clearing_{gateway}")


_POST = """
WITH transferred AS (
    INSERT INTO payments_ledgertransfer (source, kind, memo) VALUES (%s, %s, %s)
    ON CONFLICT (source) DO NOTHING RETURNING id
)
INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, subject_id, attempt_id, customer_id,
                                  expires_at, term_id)
SELECT transferred.id, leg.* FROM transferred, (VALUES {legs}) leg RETURNING id
"""
_LEG = "(%s, %s, %s::bigint, %s::uuid, %s::uuid, %s::uuid, %s::timestamptz, %s::bigint)"


def post(*, source: str, kind: TransferKind, currency: str, legs: Iterable[Leg], memo: str = "") -> bool:
    """Write a transfer in the caller's transaction, one statement; False if it is written already, to the same effect.

    Legs of zero are left out, and a transfer without any is none. Raises ValueError for legs that do not sum to zero,
    and LedgerConflict for a source that stands for something else.
    """
    moved = [leg for leg in legs if leg.amount_minor]
    if sum(leg.amount_minor for leg in moved):
        raise ValueError(f"{source} does not balance")
    if not moved:
        return False
    values: list[Any] = [source, kind.value, memo[:200]]
    for leg in moved:
        values += [leg.account.value, currency, leg.amount_minor, leg.subject_id, leg.attempt_id, leg.customer_id]
        values += [leg.expires_at, leg.term_id]
    with connection.cursor() as cursor:
        # Only placeholders are put together here; every value travels as a parameter.
        cursor.execute(_POST.format(legs=", ".join([_LEG] * len(moved))), values)
        if cursor.fetchall():
            return True
    if _posted(source) != sorted((leg.account.value, currency, leg.amount_minor) for leg in moved):
        raise LedgerConflict(source)
    return False


def is_posted(source: str) -> bool:
    """Whether a source has its transfer."""
    return LedgerEntry.objects.filter(transfer__source=source).exists()


def _posted(source: str) -> list[tuple[str, str, int]]:
    entries = LedgerEntry.objects.filter(transfer__source=source)
    return sorted(entries.order_by().values_list("account", "currency", "amount_minor"))


# Less credit than would be spent, or less of the term that is meant.
_OVERDRAWN = frozenset({"credit_balance_not_negative", "credit_term_has_enough_left"})


def is_overdrawn(error: IntegrityError) -> bool:
    """Whether the database refused a posting because a customer has less credit than it would spend."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) in _OVERDRAWN


@dataclass(frozen=True, slots=True)
class Standing:
    """What the transfers about one thing have moved in all, and how many they are. Minor units."""

    balances: Mapping[str, int]
    transfers: int


def standing(name: str) -> Standing:
    """What stands of the transfers whose sources begin with a name. One statement."""
    entries = LedgerEntry.objects.filter(transfer__source__startswith=name).order_by()
    rows = list(entries.values_list("transfer_id", "account", "amount_minor"))
    balances: dict[str, int] = {}
    for _, account, amount in rows:
        balances[account] = balances.get(account, 0) + amount
    return Standing(balances, transfers=len({transfer for transfer, _, _ in rows}))


def reverse(*, source: str, of: Iterable[str], kind: TransferKind, memo: str = "") -> bool:
    """Undo what the transfers `of` have moved in all, by one transfer of the opposite; False if there is nothing to
    undo."""
    entries = LedgerEntry.objects.filter(transfer__source__in=list(of)).order_by("id")
    moved: Counter[tuple[Any, ...]] = Counter()
    currencies = set[str]()
    for currency, amount, *where in entries.values_list(
        "currency", "amount_minor", "account", "subject_id", "attempt_id", "customer_id"
    ):
        currencies.add(currency)
        moved[tuple(where)] += amount
    if len(currencies) > 1:
        raise ValueError("transfers of one currency are undone at a time")
    legs = [
        Leg(Account(account), -amount, subject, attempt, customer)
        for (account, subject, attempt, customer), amount in moved.items()
    ]
    return any(post(source=source, kind=kind, currency=currency, legs=legs, memo=memo) for currency in currencies)


def balance(subject_id: uuid.UUID, currency: str, *accounts: Account) -> int:
    """What stands for a subject in some accounts; debits above zero. Minor units."""
    entries = LedgerEntry.objects.filter(subject_id=subject_id, currency=currency, account__in=accounts)
    return int(entries.aggregate(sum=Sum("amount_minor", default=0))["sum"])


def moved(sources: Iterable[str], account: Account) -> dict[str, int]:
    """What the transfers of some sources have moved in an account, debits above zero; those that moved nothing there
    are left out. One statement. Minor units."""
    entries = LedgerEntry.objects.filter(transfer__source__in=list(sources), account=account).order_by()
    return dict(
        entries.values("transfer__source").annotate(sum=Sum("amount_minor")).values_list("transfer__source", "sum")
    )


@dataclass(frozen=True, slots=True)
class SaleBalances:
    """How a subject stands in the ledger, for whoever gives some of its money back. Minor units.

    `surplus` is what we hold beyond what was ever due; `sale` what is left of the sale with its tax, `tax` of its tax.
    """

    surplus: int
    sale: int
    tax: int

    def tax_share(self, amount_minor: int, *, settled_minor: int | None = None) -> int:
        """The tax in a part of what is left of the sale, rounded down; whoever takes all that is left takes the rest.

        `settled_minor` is the tax in it as somebody has settled it line by line; it counts as far as what is then left
        can still hold the tax that is left. Shares of parts that add up to the whole add up to its tax, in whatever
        order they are taken.
        """
        if self.sale <= 0 or self.tax <= 0:
            return 0
        if amount_minor >= self.sale:
            return self.tax
        if settled_minor is None:
            return self.tax * amount_minor // self.sale
        least = max(0, amount_minor - (self.sale - self.tax))
        return max(least, min(settled_minor, self.tax, amount_minor))


def sale_balances(subject_id: uuid.UUID, currency: str) -> SaleBalances:
    """Where a subject's sale stands now. One statement."""
    entries = LedgerEntry.objects.filter(subject_id=subject_id, currency=currency)
    sums = entries.aggregate(
        receivable=Sum("amount_minor", filter=Q(account=Account.RECEIVABLE), default=0),
        sale=Sum("amount_minor", filter=Q(account__in=SALE_ACCOUNTS), default=0),
        tax=Sum("amount_minor", filter=Q(account=Account.TAX_PAYABLE), default=0),
    )
    return SaleBalances(surplus=max(0, -sums["receivable"]), sale=-sums["sale"], tax=-sums["tax"])


# --- what is ordered ------------------------------------------------------------------------------------------------


POST_ORDERED = """
ordered AS (
    INSERT INTO payments_ledgertransfer (source, kind, memo)
    SELECT %(ledger_source)s, 'ordered', '' WHERE %(ledger_total)s::bigint + %(ledger_credits)s::bigint > 0
    RETURNING id
), booked AS (
    INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, subject_id, customer_id)
    SELECT ordered.id, leg.account, %(ledger_currency)s, leg.amount, %(ledger_subject)s, leg.customer FROM ordered, (
        VALUES ('receivable', %(ledger_total)s::bigint, NULL::uuid),
               ('customer_credit', %(ledger_credits)s::bigint, %(ledger_customer)s::uuid),
               ('deferred_revenue', -(%(ledger_total)s::bigint + %(ledger_credits)s::bigint), NULL::uuid)
    ) leg (account, amount, customer) WHERE leg.amount <> 0
)
"""
"""Posts that something was ordered. Part of the statement of whoever places it: the order and its posting come into
being together. The values are those of `ordered_values`."""


def ordered_values(
    *, source_id: uuid.UUID, subject_id: uuid.UUID, customer_id: uuid.UUID, currency: str, total: int, credits: int
) -> dict[str, Any]:
    """The values of `POST_ORDERED`; amounts in minor units."""
    return {
        "ledger_source": ordered_source(source_id),
        "ledger_subject": subject_id,
        "ledger_customer": customer_id,
        "ledger_currency": currency,
        "ledger_total": total,
        "ledger_credits": credits,
    }


def ordered_source(source_id: uuid.UUID) -> str:
    """The source of an order's first posting; another name for every time it comes to life."""
    return f"ordered:{source_id}"


def post_ordered(
    *, source_id: uuid.UUID, subject_id: uuid.UUID, customer_id: uuid.UUID, currency: str, total: int, credits: int
) -> None:
    """The same as `POST_ORDERED`, for what comes to life again."""
    post(
        source=ordered_source(source_id),
        kind=TransferKind.ORDERED,
        currency=currency,
        legs=(
            Leg(Account.RECEIVABLE, total, subject_id),
            Leg(Account.CUSTOMER_CREDIT, credits, subject_id, customer_id=customer_id),
            Leg(Account.DEFERRED_REVENUE, -(total + credits), subject_id),
        ),
    )


def post_earned(*, source_id: uuid.UUID, subject_id: uuid.UUID, currency: str, amounts: Mapping[Account, int]) -> bool:
    """What was deferred is earned. `amounts` says of what: credits above zero, discounts below. Minor units.

    False, and nothing happens, if it is earned already.
    """
    legs = [Leg(account, -amount, subject_id) for account, amount in amounts.items()]
    legs.append(Leg(Account.DEFERRED_REVENUE, sum(amounts.values()), subject_id))
    return post(source=earned_source(source_id), kind=TransferKind.EARNED, currency=currency, legs=legs)


def earned_source(source_id: uuid.UUID) -> str:
    """The source of the posting that says an order is earned."""
    return f"earned:{source_id}"


def post_bought(
    *,
    source_id: uuid.UUID,
    subject_id: uuid.UUID,
    customer_id: uuid.UUID,
    currency: str,
    amount: int,
    expires_at: datetime | None,
) -> None:
    """What was deferred was paid for credit, and is the customer's. Minor units."""
    post(
        source=earned_source(source_id),
        kind=TransferKind.EARNED,
        currency=currency,
        legs=(
            Leg(Account.DEFERRED_REVENUE, amount, subject_id),
            Leg(Account.CUSTOMER_CREDIT, -amount, subject_id, customer_id=customer_id, expires_at=expires_at),
        ),
    )


def called_off_source(source_id: uuid.UUID) -> str:
    """The source of the posting that undoes an order's sale."""
    return f"called-off:{source_id}"


def post_called_off(*, source_id: uuid.UUID, returned: Iterable[str] = ()) -> bool:
    """Nothing is due for a subject any more: its sale is undone, and what is left of the credits that paid for some of
    it is back; `returned` names the postings that have given some of them back before. False if that is done already.

    What was promised back of the sale must have been recast before.
    """
    sources = (ordered_source(source_id), earned_source(source_id), *returned)
    return reverse(source=called_off_source(source_id), of=sources, kind=TransferKind.CALLED_OFF)
