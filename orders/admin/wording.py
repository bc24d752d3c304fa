"""What staff read: the colours of states, the sentences of refusals, the words of a history's facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.admin.money import shown
from kit.errors import DomainError, Fault
from kit.money import Money
from orders.models import HistoryEvent, OrderStatus
from payments.gateways.base import GatewayError, OutcomeUnknown, Reason

STATUS_TONES: Mapping[str, str] = {
    "payment_pending": "warning",
    "partially_paid": "warning",
    "paid": "success",
    "cancelled": "danger",
    "completed": "primary",
    "refunded": "info",
}
FULFILMENT_TONES: Mapping[str, str] = {"unfulfilled": "default", "sent": "info", "delivered": "success"}

EVENT_ICONS: Mapping[str, str] = {
    HistoryEvent.PLACED: "shopping_cart",
    HistoryEvent.PAYMENT: "payments",
    HistoryEvent.CANCELLED: "block",
    HistoryEvent.EXPIRED: "timer_off",
    HistoryEvent.REVIVED: "restart_alt",
    HistoryEvent.REFUND_REQUESTED: "undo",
    HistoryEvent.SENT: "local_shipping",
    HistoryEvent.DELIVERED: "inventory",
}

# What a refusal says to staff, its facts filled in.
_TEXTS: Mapping[str, str] = {
    # somebody, or the same person's second click, was faster
    "already_cancelled": "The order is cancelled already.",
    "already_sent": "The order has been sent already.",
    # it cannot be delivered before it has left, nor twice
    "not_sent": "The order is not on its way: it was not sent yet, or was delivered already.",
    # goods paid in advance wait for their money; cancelled and refunded ones stay
    "not_sendable": "An order that is {status} cannot be sent.",
    # completed and refunded orders are at their end
    "move_not_allowed": "An order that is {status} cannot become {to}.",
    # cash is taken for orders on delivery only
    "not_on_delivery": "This order is paid through a gateway, not in cash.",
    # a form that was sent before, and was changed since
    "receipt_used": "This receipt was recorded already, with another amount. Open the form anew.",
    "nothing_due": "Nothing is due: the order is {status}.",
    # its money is on its way back to the payer
    "refund_promised": "What was paid is on its way back to the payer: the order cannot be sent.",
    # the gateway has failed to send it back several times
    "not_refundable": "No more than {refundable} can be sent back; see the gateway's dashboard.",
}
# How an order's payment stands after its gateway was asked, as `confirmation.ask_gateway` says it in a word.
STANDINGS: Mapping[str, str] = {
    "on_delivery": "it is paid on delivery",
    "nothing_asked": "no gateway has been asked for money yet",
    "cancelled": "the payment was called off",
    "other_currency": "money came in another currency",
    "other_amount": "another amount came in than was asked for",
    "authorized": "the money is held and not captured",
    "in_progress": "the payer's bank has not answered yet",
    "failed": "the payer's last try failed",
    "unpaid": "nobody has tried to pay yet",
}
_REASONS: Mapping[Reason, str] = {
    Reason.DECLINED: "it declined the payment",
    Reason.BUSY: "it is busy",
    Reason.UNREACHABLE: "it cannot be reached",
    Reason.NO_ANSWER: "it did not answer",
    Reason.STILL_WORKING: "it is still working on an earlier request",
    Reason.HAD_ERROR: "it had an error",
    Reason.TOO_MANY: "it has too much to look through right now",
    Reason.NOT_KNOWN: "it knows nothing of this payment",
    Reason.OTHER_STATE: "the payment is in another state by now",
    Reason.UNREADABLE: "its answer could not be read",
    Reason.REFUSED: "it refused the request; look at the keys and the amount",
}
_FACTS: Mapping[str, str] = {
    "collected_minor": "collected",
    "refunded_minor": "refunded",
    "amount_minor": "amount",
    "number": "tracking number",
}


def refusal_text(refusal: DomainError | GatewayError) -> str:
    """Why an act did not happen, in a sentence or two."""
    if isinstance(refusal, OutcomeUnknown):
        return f"No usable answer from the gateway: {_reason(refusal)}. Nothing is assumed; ask again in a moment."
    if isinstance(refusal, GatewayError):
        return f"The gateway said no: {_reason(refusal)}."
    return " ".join(_fault_text(fault) for fault in refusal.faults)


def _reason(error: GatewayError) -> str:
    return _REASONS.get(error.reason, error.reason.value.replace("_", " "))


def _fault_text(fault: Fault) -> str:
    facts = {key: _word(value) for key, value in fault.facts.items()}
    if fault.code == "amount_invalid":
        return f"Enter an amount above zero and no more than what is due, {facts.get('due', 'nothing')}."
    text = _TEXTS.get(fault.code)
    return text.format_map(facts) if text else f"{fault.code.replace('_', ' ').capitalize()}."


def _word(value: Any) -> str:
    match value:
        case OrderStatus():
            return str(value.label)
        case Money():
            return shown(value)
    return str(value)


def facts_shown(facts: Mapping[str, Any], currency: str) -> list[tuple[str, str]]:
    """The facts of a line of history as label and text; what is empty or zero is left out."""
    rows = []
    for key, value in facts.items():
        if not value:
            continue
        is_amount = key.endswith("_minor") and type(value) is int
        label = _FACTS.get(key, key.replace("_", " "))
        rows.append((label, shown(Money(value, currency)) if is_amount else str(value)))
    return rows
