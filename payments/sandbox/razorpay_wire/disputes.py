"""The disputes of the API, and what happens to one: acts as in `acts`, with the payment's order locked by the caller.

Razorpay deducts at the opening or, from most merchants, only when the dispute is lost: as `keeps_back` says.
"""

from __future__ import annotations

from django.db.models import QuerySet

from payments.sandbox.answers import Reply
from payments.sandbox.events import Mode
from payments.sandbox.instants import unix_now
from payments.sandbox.models import BalanceEntry, Dispute, Gateway, RazorpayPayment
from payments.sandbox.names import razorpay_id
from payments.sandbox.razorpay_wire.door import Call
from payments.sandbox.razorpay_wire.errors import unknown_id
from payments.sandbox.razorpay_wire.happenings import announce
from payments.sandbox.razorpay_wire.objects import dispute_entity, payment_entity
from payments.sandbox.razorpay_wire.paging import PAGING, listed

RESPOND_WITHIN_S = 7 * 24 * 3600


def open_dispute(payment: RazorpayPayment, amount_minor: int, reason: str, *, keeps_back: bool, mode: Mode) -> Dispute:
    """The shopper complained at the bank."""
    now = unix_now()
    dispute = Dispute.objects.create(
        gateway=Gateway.RAZORPAY,
        public_id=razorpay_id("disp"),
        payment=payment,
        amount_minor=amount_minor,
        currency=payment.currency,
        keeps_back=keeps_back,
        reason=reason or "chargeback",
        respond_by=now + RESPOND_WITHIN_S,
        created=now,
    )
    if keeps_back:
        _withdraw(dispute)
    _tell("created", dispute, mode)
    return dispute


def review(dispute: Dispute, *, mode: Mode) -> None:
    """Evidence was handed in; the bank decides."""
    dispute.status = Dispute.Status.UNDER_REVIEW
    dispute.save(update_fields=["status"])
    _tell("under_review", dispute, mode)


def win(dispute: Dispute, *, mode: Mode) -> None:
    """The bank believes the merchant; what was kept back is given back."""
    dispute.status = Dispute.Status.WON
    dispute.save(update_fields=["status"])
    if dispute.withdrawn_minor:
        _enter(dispute, dispute.amount_minor, BalanceEntry.Kind.DISPUTE_REVERSAL)
        _keep_back(dispute, 0)
    _tell("won", dispute, mode)


def lose(dispute: Dispute, *, mode: Mode) -> None:
    """The bank believes the shopper, who has the money."""
    dispute.status = Dispute.Status.LOST
    dispute.save(update_fields=["status"])
    if not dispute.withdrawn_minor:
        _withdraw(dispute)
    _tell("lost", dispute, mode)


def retrieve(call: Call) -> Reply:
    """The dispute as it is now."""
    dispute = _shown().filter(public_id=call.id).first()
    if dispute is None:
        raise unknown_id()
    return Reply(200, dispute_entity(dispute))


def list_all(call: Call) -> Reply:
    """Disputes, newest first."""
    call.allow(*PAGING)
    return listed(call, _shown(), dispute_entity)


def _shown() -> QuerySet[Dispute]:
    return Dispute.objects.filter(gateway=Gateway.RAZORPAY).select_related("payment")


def _withdraw(dispute: Dispute) -> None:
    _enter(dispute, -dispute.amount_minor, BalanceEntry.Kind.DISPUTE)
    _keep_back(dispute, dispute.amount_minor)


def _keep_back(dispute: Dispute, amount_minor: int) -> None:
    payment = dispute.payment
    assert payment is not None
    payment.disputed_minor += amount_minor - dispute.withdrawn_minor
    payment.save(update_fields=["disputed_minor"])
    dispute.withdrawn_minor = amount_minor
    dispute.save(update_fields=["withdrawn_minor"])


def _enter(dispute: Dispute, amount_minor: int, kind: BalanceEntry.Kind) -> None:
    BalanceEntry.objects.create(
        gateway=Gateway.RAZORPAY,
        public_id=razorpay_id("adj"),
        kind=kind,
        source=dispute.public_id,
        dispute=dispute,
        amount_minor=amount_minor,
        net_minor=amount_minor,
        currency=dispute.currency,
        created=unix_now(),
    )


def _tell(what: str, dispute: Dispute, mode: Mode) -> None:
    assert dispute.payment is not None
    entities = {"payment": payment_entity(dispute.payment), "dispute": dispute_entity(dispute)}
    announce((f"payment.dispute.{what}", entities), mode=mode)
