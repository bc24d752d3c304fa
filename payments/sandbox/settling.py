"""Pays out what the gateways owe the merchant."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Sum

from payments.sandbox.instants import unix_now
from payments.sandbox.models import BalanceEntry, Gateway, Payout
from payments.sandbox.names import razorpay_id, stripe_id


def settle(gateway: str) -> list[Payout]:
    """One payout for each currency in which the merchant is owed something, of everything not paid out so far.

    A currency whose balance is not above zero waits for the next time.
    """
    with transaction.atomic(using="sandbox"):
        owed = BalanceEntry.objects.select_for_update().filter(gateway=gateway, payout=None)
        # Locked first and summed afterwards over the same rows: what comes in between waits for the next payout.
        entries = [(entry.seq, entry.currency) for entry in owed.order_by("seq").only("seq", "currency")]
        payouts = []
        for currency in sorted({currency for _, currency in entries}):
            numbers = [seq for seq, each in entries if each == currency]
            payout = _pay_out(gateway, currency, numbers)
            if payout is not None:
                payouts.append(payout)
        return payouts


def _pay_out(gateway: str, currency: str, numbers: list[int]) -> Payout | None:
    entries = BalanceEntry.objects.filter(seq__in=numbers)
    amount = entries.aggregate(net=Sum("net_minor"))["net"]
    if amount <= 0:
        return None
    make_id, prefix = (stripe_id, "po") if gateway == Gateway.STRIPE else (razorpay_id, "setl")
    payout = Payout.objects.create(
        gateway=gateway,
        public_id=make_id(prefix),
        amount_minor=amount,
        currency=currency,
        utr=make_id("utr").removeprefix("utr_").upper(),
        created=unix_now(),
    )
    entries.update(payout=payout)
    if gateway == Gateway.STRIPE:
        # Stripe's payout is a movement of the balance itself, listed among its own transactions.
        BalanceEntry.objects.create(
            gateway=gateway,
            public_id=stripe_id("txn"),
            kind=BalanceEntry.Kind.PAYOUT,
            source=payout.public_id,
            amount_minor=-amount,
            net_minor=-amount,
            currency=currency,
            payout=payout,
            created=unix_now(),
        )
    return payout
