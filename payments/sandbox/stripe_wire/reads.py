"""What the API only shows: charges, events, balance transactions, payouts."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from payments.sandbox.answers import Reply
from payments.sandbox.models import BalanceEntry, Charge, Delivery, Event, Gateway, Payout
from payments.sandbox.stripe_wire import fields
from payments.sandbox.stripe_wire.door import Call
from payments.sandbox.stripe_wire.errors import StripeError, no_such
from payments.sandbox.stripe_wire.expanding import expanded
from payments.sandbox.stripe_wire.objects import charge_object, entry_object, event_object, payout_object
from payments.sandbox.stripe_wire.paging import PAGING, listed

_KINDS = {
    "charge": (BalanceEntry.Kind.PAYMENT,),
    "refund": (BalanceEntry.Kind.REFUND,),
    "refund_failure": (BalanceEntry.Kind.REFUND_FAILURE,),
    "adjustment": (BalanceEntry.Kind.DISPUTE, BalanceEntry.Kind.DISPUTE_REVERSAL),
    "payout": (BalanceEntry.Kind.PAYOUT,),
}


def charge(call: Call) -> Reply:
    """One charge."""
    found = Charge.objects.select_related("intent").filter(public_id=call.ids["id"]).first()
    return _one(call, "charge", charge_object(found) if found else None)


def charges(call: Call) -> Reply:
    """Charges, of one intent when asked."""
    call.allow("payment_intent", *PAGING)
    rows = Charge.objects.select_related("intent")
    if intent := fields.text(call.params, "payment_intent"):
        rows = rows.filter(intent__public_id=intent)
    return listed(call, rows, charge_object, "/v1/charges")


def event(call: Call) -> Reply:
    """One event."""
    found = Event.objects.filter(gateway=Gateway.STRIPE, public_id=call.ids["id"]).first()
    return _one(call, "event", event_object(found) if found else None)


def events(call: Call) -> Reply:
    """Events, of some types or of some success of delivery when asked."""
    call.allow("type", "types", "delivery_success", *PAGING)
    rows = Event.objects.filter(gateway=Gateway.STRIPE)
    if type_ := fields.text(call.params, "type"):
        rows = rows.filter(_of_type(type_))
    types = call.params.get("types", [])
    if not isinstance(types, list) or not all(isinstance(each, str) for each in types):
        raise StripeError("Invalid array: types", param="types")
    if types:
        rows = rows.filter(type__in=types)
    if "delivery_success" in call.params:
        delivered = Q(seq__in=Delivery.objects.filter(delivered_at__isnull=False).values("event_id"))
        rows = rows.filter(delivered if fields.flag(call.params, "delivery_success") else ~delivered)
    return listed(call, rows, event_object, "/v1/events")


def balance_transaction(call: Call) -> Reply:
    """One balance transaction."""
    found = BalanceEntry.objects.filter(gateway=Gateway.STRIPE, public_id=call.ids["id"]).first()
    return _one(call, "balance_transaction", entry_object(found) if found else None)


def balance_transactions(call: Call) -> Reply:
    """Balance transactions, of one payout, source, type or currency when asked."""
    call.allow("payout", "source", "type", "currency", *PAGING)
    rows = BalanceEntry.objects.filter(gateway=Gateway.STRIPE)
    if payout := fields.text(call.params, "payout"):
        rows = rows.filter(payout__public_id=payout)
    if source := fields.text(call.params, "source"):
        rows = rows.filter(source=source)
    if type_ := fields.text(call.params, "type"):
        rows = rows.filter(kind__in=_KINDS.get(type_, ()))
    if currency := fields.text(call.params, "currency"):
        rows = rows.filter(currency=currency)
    return listed(call, rows, entry_object, "/v1/balance_transactions")


def payout(call: Call) -> Reply:
    """One payout."""
    found = Payout.objects.filter(gateway=Gateway.STRIPE, public_id=call.ids["id"]).first()
    return _one(call, "payout", payout_object(found) if found else None)


def payouts(call: Call) -> Reply:
    """Payouts; all of them have arrived."""
    call.allow("status", "arrival_date", *PAGING)
    rows = Payout.objects.filter(gateway=Gateway.STRIPE)
    if fields.text(call.params, "status") not in (None, "paid"):
        rows = rows.none()
    return listed(call, rows, payout_object, "/v1/payouts")


def _one(call: Call, thing: str, document: dict[str, Any] | None) -> Reply:
    call.allow()
    if document is None:
        raise no_such(thing, call.ids["id"])
    return Reply(200, expanded(document, call.params), call.request_id)


def _of_type(pattern: str) -> Q:
    return Q(type__startswith=pattern[:-1]) if pattern.endswith("*") else Q(type=pattern)
