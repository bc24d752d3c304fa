"""Credit that an order has bought: it comes with the money, and leaves with it. Under the order's lock.

Prepaid credit is a voucher for anything: no sale yet, no tax, a liability until it is spent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from django.conf import settings
from django.db.models import F, Sum

from orders.models import Order, OrderType
from payments import ledger
from payments.credits import terms
from payments.credits.terms import TermLeft
from payments.ledger import Leg, Standing
from payments.models import Account, Dispute, DisputeState, Refund, RefundState, TransferKind


def buys_credit(order: Order) -> bool:
    """Whether it is an order for credit."""
    return order.order_type == OrderType.CREDIT


def left_minor(order: Order) -> int:
    """What of the credit that an order has bought is not spent, minor units. One statement."""
    return terms.left_minor(_source(order))


def post_bought(order: Order) -> None:
    """What was paid for the order is the customer's credit."""
    ledger.post_bought(
        source_id=order.reservation_id,
        subject_id=order.pk,
        customer_id=order.customer_id,
        currency=order.currency,
        amount=order.total_minor,
        expires_at=terms.good_until(settings.CREDIT_BOUGHT_GOOD_FOR_DAYS),
    )


def take_back(order: Order) -> None:
    """What went back of the order's money, or was taken by its payer's bank for good, is taken from the credit that it
    bought, as far as that is left; if less went back than it seemed, it is the customer's again.

    Harmless to repeat; nothing happens for other orders. Locks the customer's credit.
    """
    if not buys_credit(order):
        return
    name = _taken(order)
    stands = ledger.standing(name)
    missing = _missing(order, stands)
    if not any(missing.values()) or not ledger.is_posted(_source(order)):
        return
    terms.lock(order.customer_id, order.currency)
    moved = _affordable(missing, left=left_minor(order))
    in_all = sum(moved.values())
    legs = [Leg(account, -amount, order.pk) for account, amount in moved.items()]
    legs += _credit(order, terms.brought_by(_source(order)), max(0, in_all), sign=1)
    legs += _credit(order, terms.taken_by(name), max(0, -in_all), sign=-1)
    source = f"{name}{stands.transfers + 1}"
    if ledger.post(source=source, kind=TransferKind.CREDIT_TAKEN, currency=order.currency, legs=legs):
        terms.prolong(source)


def is_made_good(order: Order) -> bool:
    """Whether all that went back of what was paid for credit was taken from it; so for every other order."""
    return not buys_credit(order) or not any(_missing(order, ledger.standing(_taken(order))).values())


def _missing(order: Order, stands: Standing) -> dict[Account, int]:
    """What has to be taken for each account beyond what stands; below zero what is to be given back."""
    due = {Account.REFUNDS: _refunded(order), Account.WRITE_OFF: _lost(order)}
    return {account: amount + stands.balances.get(account, 0) for account, amount in due.items()}


def _taken(order: Order) -> str:
    """What the sources of the postings begin with that take back credit of an order."""
    return f"credit-taken:{order.pk}:"


def _source(order: Order) -> str:
    return ledger.earned_source(order.reservation_id)


def _affordable(missing: Mapping[Account, int], *, left: int) -> dict[Account, int]:
    """By how much each account is made good: what is given back is there to be taken for another, and what even so does
    not suffice is borne by the last."""
    moved = {account: amount for account, amount in missing.items() if amount < 0}
    left -= sum(moved.values())
    for account, amount in missing.items():
        if amount > 0:
            moved[account] = min(amount, left)
            left -= moved[account]
    return moved


def _credit(order: Order, found: list[TermLeft], amount: int, *, sign: int) -> Iterator[Leg]:
    """Credit from these terms, or back to them, in their order."""
    for term in found:
        part = min(amount, term.left_minor)
        amount -= part
        yield Leg(Account.CUSTOMER_CREDIT, sign * part, order.pk, customer_id=order.customer_id, term_id=term.term_id)


def _refunded(order: Order) -> int:
    """What went back, or is promised back, of what was due."""
    refunds = Refund.objects.filter(attempt__request__subject_id=order.pk, currency=order.currency)
    going = refunds.exclude(state__in=(RefundState.REQUESTED, RefundState.FAILED))
    allowance = F("amount_minor") - F("surplus_minor") - F("excess_minor")
    return int(going.aggregate(sum=Sum(allowance, default=0))["sum"])


def _lost(order: Order) -> int:
    """What payers' banks have taken of it for good."""
    disputes = Dispute.objects.filter(
        attempt__request__subject_id=order.pk, currency=order.currency, state=DisputeState.LOST
    )
    return int(disputes.aggregate(sum=Sum(F("withdrawn_minor") - F("surplus_minor"), default=0))["sum"])
