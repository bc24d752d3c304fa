"""The refunds of the API. The lock on the intent makes sure that no more goes back than was taken."""

from __future__ import annotations

from payments.sandbox.answers import Reply
from payments.sandbox.instants import unix_now
from payments.sandbox.models import BalanceEntry, Charge, Gateway, StripeRefund
from payments.sandbox.names import stripe_id
from payments.sandbox.stripe_wire import fields
from payments.sandbox.stripe_wire.acts import Cause, lock_intent
from payments.sandbox.stripe_wire.door import Call
from payments.sandbox.stripe_wire.errors import StripeError, missing_param, no_such, unexpected_state
from payments.sandbox.stripe_wire.expanding import expanded
from payments.sandbox.stripe_wire.objects import charge_object, intent_object, refund_object
from payments.sandbox.stripe_wire.paging import PAGING, listed

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(call: Call) -> Reply:
    """Money goes back: the amount given, or all that is left of the charge."""
    call.allow("amount", "charge", "currency", "metadata", "payment_intent", "reason", "instructions_email")
    amount = fields.whole(call.params, "amount")
    reason = fields.choice(call.params, "reason", _REASONS)
    metadata = fields.metadata(call.params)
    charge = _lock_charge(call)
    left = charge.captured_minor - charge.refunded_minor
    if charge.disputed_minor:
        message = f"Charge {charge.public_id} has been charged back; cannot issue a refund."
        raise StripeError(message, code="charge_disputed", kept=True)
    if left == 0:
        message = f"Charge {charge.public_id} has already been refunded."
        raise StripeError(message, code="charge_already_refunded", kept=True)
    if amount is not None and amount > left:
        raise StripeError(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).", param="amount", kept=True
        )
    refund = StripeRefund(
        public_id=stripe_id("re"),
        intent=charge.intent,
        charge=charge,
        amount_minor=amount or left,
        currency=charge.currency,
        reason=reason,
        metadata=metadata,
        idempotency_key=call.idempotency_key,
        created=unix_now(),
    )
    refund.balance_transaction = _entry(refund, -refund.amount_minor, BalanceEntry.Kind.REFUND)
    refund.save(force_insert=True)
    charge.refunded_minor += refund.amount_minor
    charge.save(update_fields=["refunded_minor"])
    Cause(call.request_id, call.idempotency_key).announce(
        ("refund.created", refund_object(refund)), ("charge.refunded", charge_object(charge))
    )
    return Reply(200, expanded(refund_object(refund), call.params), call.request_id)


def fail(public_id: str, *, cause: Cause) -> StripeRefund:
    """The shopper's bank sent the money back: the refund has failed, its amount can be refunded again.

    Needs a transaction; locks the intent. Raises StripeError for an unknown refund or one that has failed already.
    """
    found = StripeRefund.objects.select_related("intent").filter(public_id=public_id).first()
    if found is None:
        raise no_such("refund", public_id)
    lock_intent(found.intent.public_id)
    refund = StripeRefund.objects.select_related("charge__intent", "intent").get(seq=found.seq)
    if refund.status == StripeRefund.Status.FAILED:
        raise StripeError(f"Refund {public_id} has already failed.")
    if refund.balance_transaction is None:
        raise StripeError(f"Refund {public_id} released a hold; no money went back that could come back.")
    refund.status = StripeRefund.Status.FAILED
    refund.failure_reason = "expired_or_canceled_card"
    refund.failure_balance_transaction = _entry(refund, refund.amount_minor, BalanceEntry.Kind.REFUND_FAILURE)
    refund.save()
    refund.charge.refunded_minor -= refund.amount_minor
    refund.charge.save(update_fields=["refunded_minor"])
    cause.announce(("refund.updated", refund_object(refund)), ("refund.failed", refund_object(refund)))
    return refund


def retrieve(call: Call) -> Reply:
    """The refund as it is now."""
    call.allow()
    refund = StripeRefund.objects.select_related("charge", "intent").filter(public_id=call.ids["id"]).first()
    if refund is None:
        raise no_such("refund", call.ids["id"])
    return Reply(200, expanded(refund_object(refund), call.params), call.request_id)


def list_all(call: Call) -> Reply:
    """Refunds, newest first, of one intent or charge when asked."""
    call.allow("charge", "payment_intent", *PAGING)
    refunds = StripeRefund.objects.select_related("charge", "intent")
    if intent := fields.text(call.params, "payment_intent"):
        refunds = refunds.filter(intent__public_id=intent)
    if charge := fields.text(call.params, "charge"):
        refunds = refunds.filter(charge__public_id=charge)
    return listed(call, refunds, refund_object, "/v1/refunds")


def _lock_charge(call: Call) -> Charge:
    intent_id, charge_id = fields.text(call.params, "payment_intent"), fields.text(call.params, "charge")
    if charge_id and not intent_id:
        intent_id = Charge.objects.filter(public_id=charge_id).values_list("intent__public_id", flat=True).first()
        if intent_id is None:
            raise no_such("charge", charge_id, param="charge")
    if not intent_id:
        raise missing_param("payment_intent")
    intent = lock_intent(intent_id, param="payment_intent")
    taken = Charge.objects.select_related("intent").filter(intent=intent, captured_minor__gt=0).first()
    if taken is None:
        message = f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
        raise unexpected_state(message, intent_object(intent))
    if charge_id and taken.public_id != charge_id:
        raise StripeError(f"Charge {charge_id} was not captured.", code="charge_not_refundable", kept=True)
    return taken


def _entry(refund: StripeRefund, amount_minor: int, kind: BalanceEntry.Kind) -> str:
    return BalanceEntry.objects.create(
        gateway=Gateway.STRIPE,
        public_id=stripe_id("txn"),
        kind=kind,
        source=refund.public_id,
        amount_minor=amount_minor,
        net_minor=amount_minor,
        currency=refund.currency,
        created=unix_now(),
    ).public_id
