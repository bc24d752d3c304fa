"""Customers with credit: granted, bought and spent, and what stands of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.test import override_settings

from catalog.models import ProductKind
from kit import clock
from kit.ids import new_id
from kit.money import Money
from orders import actors
from orders.credits.granting import GrantWish, grant_credit
from orders.models import CreditGrant, Order, PaymentTerms
from orders.settlement import settle
from payments.models import Account, CreditTerm, LedgerEntry, PaymentRequest
from payments.queries import credit_minor
from tests import shop as shops
from tests.payments.reports import payment, refund, report
from tests.shop import Article, Shopper, place


def grant(shopper: Shopper, minor: int, *, days: float | None = None, currency: str = "USD") -> CreditGrant:
    """Credit in a shop without a limit, good for so many days."""
    until = None if days is None else clock.now() + timedelta(days=days)
    wish = GrantWish(shopper.customer.pk, Money(minor, currency), "a gift", until)
    with override_settings(CREDIT_APPROVAL_ABOVE={}):
        return grant_credit(wish, actor=actors.SYSTEM)


def spendable(shopper: Shopper, currency: str = "USD") -> int:
    """What can be spent now."""
    return credit_minor(shopper.customer.pk, currency)


def terms_left(shopper: Shopper, currency: str = "USD") -> list[int]:
    """What is left of each term that has something, in the order in which they are spent."""
    terms = CreditTerm.objects.filter(customer=shopper.customer, currency=currency, left_minor__gt=0)
    ends: Iterable[tuple[datetime | None, int, int]] = terms.values_list("expires_at", "pk", "left_minor")
    return [left for _, _, left in sorted(ends, key=lambda term: (term[0] is None, term[0], term[1]))]


def booked(order_id: uuid.UUID) -> dict[str, int]:
    """What stands in the ledger for an order, by account; debits above zero, nothing left out but zeros."""
    sums: dict[str, int] = {}
    for account, amount in LedgerEntry.objects.filter(subject_id=order_id).values_list("account", "amount_minor"):
        sums[account] = sums.get(account, 0) + amount
    return {account: amount for account, amount in sums.items() if amount}


def account(name: Account, currency: str = "USD") -> int:
    """What stands in an account in all; debits above zero."""
    entries = LedgerEntry.objects.filter(account=name, currency=currency)
    return sum(entries.values_list("amount_minor", flat=True))


def voucher(minor: int = 10_000, *, available: int = 1000) -> Article:
    """Credit on sale."""
    return shops.add_article(
        "Credit", f"CREDIT-{new_id()}", minor, kind=ProductKind.CREDIT.value, weight_grams=0, available=available
    )


def request_of(order: Order) -> PaymentRequest:
    """The payment request that an order was placed with; a gateway knows it."""
    requests = PaymentRequest.objects.filter(subject_id=order.pk)
    requests.filter(gateway_reference=None).update(state="open", gateway_reference=f"pi_{new_id().hex}")
    return requests.get()


def pay(order: Order, *refunds: tuple[str, int, str]) -> Order:
    """The gateway reports that the whole order is paid, and how much of it went back."""
    request = request_of(order)
    told = tuple(refund(request, name, minor, outcome) for name, minor, outcome in refunds)
    settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured", refunds=told)))
    return Order.objects.get(pk=order.pk)


def buy_credit(shopper: Shopper, delivery: uuid.UUID, minor: int = 10_000) -> Order:
    """An order for credit, paid."""
    return pay(place(shopper, delivery, (voucher(minor), 1), terms=PaymentTerms.PREPAID))
