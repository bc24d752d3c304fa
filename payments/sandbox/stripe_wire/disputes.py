"""The disputes of the API, and what happens to one: acts as in `acts`, with the charge's intent locked by the caller.

A dispute that keeps nothing back is an inquiry, whose statuses have names of their own; lost, it has become a dispute.
"""

from __future__ import annotations

from django.db.models import QuerySet

from payments.sandbox.answers import Reply
from payments.sandbox.instants import unix_now
from payments.sandbox.models import BalanceEntry, Charge, Dispute, Gateway
from payments.sandbox.names import stripe_id
from payments.sandbox.stripe_wire import fields
from payments.sandbox.stripe_wire.acts import Cause
from payments.sandbox.stripe_wire.door import Call
from payments.sandbox.stripe_wire.errors import no_such
from payments.sandbox.stripe_wire.expanding import expanded
from payments.sandbox.stripe_wire.objects import dispute_object
from payments.sandbox.stripe_wire.paging import PAGING, listed

FEE_MINOR = 1500
RESPOND_WITHIN_S = 7 * 24 * 3600


def open_dispute(charge: Charge, amount_minor: int, reason: str, *, keeps_back: bool, cause: Cause) -> Dispute:
    """The shopper complained at the bank."""
    now = unix_now()
    dispute = Dispute.objects.create(
        gateway=Gateway.STRIPE,
        public_id=stripe_id("du"),
        charge=charge,
        amount_minor=amount_minor,
        currency=charge.currency,
        keeps_back=keeps_back,
        reason=reason or "fraudulent",
        respond_by=now + RESPOND_WITHIN_S,
        created=now,
    )
    charge.disputed = True
    charge.save(update_fields=["disputed"])
    cause.announce(("charge.dispute.created", dispute_object(dispute)))
    if keeps_back:
        _withdraw(dispute, cause)
    return dispute


def review(dispute: Dispute, *, cause: Cause) -> None:
    """Evidence was handed in; the bank decides."""
    dispute.status = Dispute.Status.UNDER_REVIEW
    dispute.save(update_fields=["status"])
    cause.announce(("charge.dispute.updated", dispute_object(dispute)))


def win(dispute: Dispute, *, cause: Cause) -> None:
    """The bank believes the merchant; what was kept back is given back, the fee is not."""
    dispute.status = Dispute.Status.WON
    dispute.save(update_fields=["status"])
    if dispute.withdrawn_minor:
        _enter(dispute, dispute.amount_minor, 0, BalanceEntry.Kind.DISPUTE_REVERSAL)
        _keep_back(dispute, 0)
        cause.announce(("charge.dispute.funds_reinstated", dispute_object(dispute)))
    cause.announce(("charge.dispute.closed", dispute_object(dispute)))


def lose(dispute: Dispute, *, cause: Cause) -> None:
    """The bank believes the shopper, who has the money."""
    dispute.status = Dispute.Status.LOST
    dispute.save(update_fields=["status"])
    if not dispute.withdrawn_minor:
        _withdraw(dispute, cause)
    cause.announce(("charge.dispute.closed", dispute_object(dispute)))


def retrieve(call: Call) -> Reply:
    """The dispute as it is now."""
    call.allow()
    dispute = _shown().filter(public_id=call.ids["id"]).first()
    if dispute is None:
        raise no_such("dispute", call.ids["id"])
    return Reply(200, expanded(dispute_object(dispute), call.params), call.request_id)


def list_all(call: Call) -> Reply:
    """Disputes, newest first, of one charge or intent when asked."""
    call.allow("charge", "payment_intent", *PAGING)
    rows = _shown()
    if charge := fields.text(call.params, "charge"):
        rows = rows.filter(charge__public_id=charge)
    if intent := fields.text(call.params, "payment_intent"):
        rows = rows.filter(charge__intent__public_id=intent)
    return listed(call, rows, dispute_object, "/v1/disputes")


def _shown() -> QuerySet[Dispute]:
    rows = Dispute.objects.filter(gateway=Gateway.STRIPE)
    return rows.select_related("charge__intent").prefetch_related("entries")


def _withdraw(dispute: Dispute, cause: Cause) -> None:
    _enter(dispute, -dispute.amount_minor, FEE_MINOR, BalanceEntry.Kind.DISPUTE)
    _keep_back(dispute, dispute.amount_minor)
    cause.announce(("charge.dispute.funds_withdrawn", dispute_object(dispute)))


def _keep_back(dispute: Dispute, amount_minor: int) -> None:
    charge = dispute.charge
    assert charge is not None
    charge.disputed_minor += amount_minor - dispute.withdrawn_minor
    charge.save(update_fields=["disputed_minor"])
    dispute.withdrawn_minor = amount_minor
    dispute.save(update_fields=["withdrawn_minor"])


def _enter(dispute: Dispute, amount_minor: int, fee_minor: int, kind: BalanceEntry.Kind) -> None:
    BalanceEntry.objects.create(
        gateway=Gateway.STRIPE,
        public_id=stripe_id("txn"),
        kind=kind,
        source=dispute.public_id,
        dispute=dispute,
        amount_minor=amount_minor,
        fee_minor=fee_minor,
        net_minor=amount_minor - fee_minor,
        currency=dispute.currency,
        created=unix_now(),
    )
