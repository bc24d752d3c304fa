"""Pays out what the gateways owe the merchant, or takes what the merchant owes them."""

from __future__ import annotations

from django.db import connections, transaction
from django.db.models import Sum

from payments.sandbox.instants import unix_now
from payments.sandbox.models import BalanceEntry, Gateway, Payout
from payments.sandbox.names import razorpay_id, stripe_id


def settle(gateway: str, *, negative: bool = False) -> list[Payout]:
    """One payout for each currency in which the merchant is owed something, of everything not paid out so far.

    A currency whose balance is not above zero waits for the next time; with `negative` only one that is zero does.
    """
    owed = BalanceEntry.objects.filter(gateway=gateway, payout=None).order_by()
    currencies = sorted(owed.values_list("currency", flat=True).distinct())
    payouts = (_pay_out(gateway, currency, negative=negative) for currency in currencies)
    return [payout for payout in payouts if payout is not None]


def _pay_out(gateway: str, currency: str, *, negative: bool) -> Payout | None:
    with transaction.atomic(using="sandbox"):
        # One after the other: two that claim the same entries in different orders would wait for each other.
        with connections["sandbox"].cursor() as cursor:
            # Nobody waits for it, and a million entries take longer than a statement of a shopper's may.
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"settle {gateway}"])
        make_id, prefix = (stripe_id, "po") if gateway == Gateway.STRIPE else (razorpay_id, "setl")
        payout = Payout.objects.create(
            gateway=gateway,
            public_id=make_id(prefix),
            amount_minor=0,
            currency=currency,
            utr=make_id("utr").removeprefix("utr_").upper(),
            created=unix_now(),
        )
        # Claimed in one statement and summed afterwards: what comes in between waits for the next payout.
        BalanceEntry.objects.filter(gateway=gateway, payout=None, currency=currency).update(payout=payout)
        amount = payout.entries.aggregate(net=Sum("net_minor"))["net"] or 0
        if amount == 0 or (amount < 0 and not negative):
            transaction.set_rollback(True, using="sandbox")
            return None
        payout.amount_minor = amount
        payout.save(update_fields=["amount_minor"])
        if gateway == Gateway.STRIPE:
            _enter(payout)
    return payout


def _enter(payout: Payout) -> None:
    """Stripe's payout is a movement of the balance itself, listed among its own transactions."""
    BalanceEntry.objects.create(
        gateway=payout.gateway,
        public_id=stripe_id("txn"),
        kind=BalanceEntry.Kind.PAYOUT,
        source=payout.public_id,
        amount_minor=-payout.amount_minor,
        net_minor=-payout.amount_minor,
        currency=payout.currency,
        payout=payout,
        created=unix_now(),
    )
