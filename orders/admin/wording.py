"""What staff read: the colours of states, the sentences of refusals, the words of a history's facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.admin.money import shown
from kit.errors import DomainError, Fault
from kit.money import Money
from orders.models import CampaignStatus, HistoryEvent, OrderStatus
from orders.returns.standing import RefundStep
from payments.gateways.base import GatewayError, OutcomeUnknown, Reason
from payments.status import PaymentStatus

STATUS_TONES: Mapping[str, str] = {
    "payment_pending": "warning",
    "partially_paid": "warning",
    "paid": "success",
    "cancelled": "danger",
    "completed": "primary",
    "refunded": "info",
}
INVOICE_TONES: Mapping[str, str] = {"invoice": "primary", "credit_note": "warning", "debit_note": "info"}
PAYMENT_TONES: Mapping[PaymentStatus, str] = {
    PaymentStatus.UNPAID: "warning",
    PaymentStatus.AUTHORIZED: "info",
    PaymentStatus.VOIDED: "default",
    PaymentStatus.PARTIALLY_PAID: "warning",
    PaymentStatus.PAID: "success",
    PaymentStatus.OVERPAID: "danger",
    PaymentStatus.REFUND_PENDING: "info",
    PaymentStatus.PARTIALLY_REFUNDED: "info",
    PaymentStatus.REFUNDED: "info",
    PaymentStatus.DISPUTED: "danger",
    PaymentStatus.CHARGED_BACK: "danger",
}
STEP_TONES: Mapping[str, str] = {
    RefundStep.REQUESTED: "warning",
    RefundStep.REFUSED: "danger",
    RefundStep.APPROVED: "info",
    RefundStep.UNKNOWN: "warning",
    RefundStep.SENT: "info",
    RefundStep.SUCCEEDED: "success",
    RefundStep.FAILED: "danger",
}
CAMPAIGN_TONES: Mapping[str, str] = {
    "draft": "warning",
    "scheduled": "info",
    "sending": "primary",
    "completed": "success",
    "cancelled": "danger",
}
FULFILMENT_TONES: Mapping[str, str] = {"unfulfilled": "default", "sent": "info", "delivered": "success"}

EVENT_ICONS: Mapping[str, str] = {
    HistoryEvent.PLACED: "shopping_cart",
    HistoryEvent.PAYMENT: "payments",
    HistoryEvent.CANCELLED: "block",
    HistoryEvent.EXPIRED: "timer_off",
    HistoryEvent.REVIVED: "restart_alt",
    HistoryEvent.LATE_MONEY: "schedule",
    HistoryEvent.REFUND_REQUESTED: "undo",
    HistoryEvent.REFUND_APPROVED: "check",
    HistoryEvent.REFUND_REFUSED: "close",
    HistoryEvent.REFUND_FAILED: "error",
    HistoryEvent.CREDITED: "redeem",
    HistoryEvent.SENT: "local_shipping",
    HistoryEvent.DELIVERED: "inventory",
    HistoryEvent.PAYMENT_REQUESTED: "request_quote",
    HistoryEvent.CAPTURE_REQUESTED: "lock_open",
    HistoryEvent.PAYMENT_VOIDED: "money_off",
    HistoryEvent.DISPUTE_OPENED: "gavel",
    HistoryEvent.DISPUTE_CLOSED: "gavel",
    HistoryEvent.WRITE_OFF_REQUESTED: "money_off",
    HistoryEvent.WRITE_OFF_REFUSED: "close",
    HistoryEvent.WRITTEN_OFF: "money_off",
    HistoryEvent.WRITTEN_OFF_PAID: "payments",
}

# What a refusal says to staff, its facts filled in.
_TEXTS: Mapping[str, str] = {
    # somebody, or the same person's second click, was faster
    "already_cancelled": "The order is cancelled already.",
    "already_sent": "The order has been sent already.",
    # it cannot be delivered before it has left, nor twice
    "not_sent": "The order is not on its way: it was not sent yet, or was delivered already.",
    # goods of it have arrived, and flyers of it are still to be sent
    "campaigns_open": "A flyer campaign of this order is still to be sent: it is delivered once none is left.",
    # it was scheduled since the page was opened, or is over
    "campaign_not_draft": "This campaign is {status}: only a draft can be changed and scheduled.",
    "campaign_not_scheduled": "This campaign is {status}: only a scheduled one can be taken back.",
    "campaign_over": "This campaign is {status}: nothing of it is left to be sent.",
    "campaign_incomplete": "Enter this first: {missing}.",
    # it lay there for too long
    "campaign_time_over": "The time that it is scheduled for is over: enter another.",
    "image_unreadable": "This is no picture: a JPEG, PNG, WebP or GIF file is.",
    "image_too_large": "The picture has more than {most} million pixels.",
    "image_not_found": "This image is not the customer's.",
    "too_many_images": "You have uploaded {most} images that no campaign shows.",
    # goods paid in advance wait for their money; cancelled and refunded ones stay
    "not_sendable": "An order that is {status} cannot be sent.",
    # completed and refunded orders are at their end
    "move_not_allowed": "An order that is {status} cannot become {to}.",
    # cash is taken for orders on delivery only
    "not_on_delivery": "This order is paid through a gateway, not in cash.",
    # a form that was sent before, and was changed since
    "receipt_used": "This receipt was recorded already, with another amount. Open the form anew.",
    "nothing_due": "Nothing is due: the order is {status}.",
    # the payer is asked already, perhaps at another gateway, or nobody knows yet whether they are
    "payment_open": "The customer is asked for a payment already. Call that off first, or wait until it is clear.",
    # it was paid, called off or asked anew since the page was opened
    "not_open": "No such payment is open any more. Look at the order again.",
    # somebody has captured it, or the gateway has let go of it
    "not_held": "This money is not held any more. Look at the order again.",
    # a gateway did not answer, and somebody wants another amount before it is known
    "capture_pending": "A capture of this money is under way: wait until its outcome is known.",
    # Razorpay knows no partial capture
    "only_in_full": "This gateway captures a hold in full or not at all: {amount}.",
    "gateway_not_configured": "There are no keys for {gateway} here.",
    "payment_not_initialized": "The gateway could not be told of the payment ({reason}). Nobody is asked for it.",
    # its payer's bank questions it, and would get the money twice
    "payment_disputed": "A payment of this order is disputed: its money cannot be sent back now.",
    # its money is on its way back to the payer
    "refund_promised": "What was paid is on its way back to the payer: the order cannot be sent.",
    # all of it is back, or on its way
    "nothing_to_refund": "Nothing is left to give back.",
    # somebody else gave some of it back since the page was opened
    "amount_not_left": "Enter an amount above zero and no more than what is left, {kept}.",
    "amount_missing": "Say how much goes back.",
    "amount_not_expected": "Leave the amount empty: everything that is left goes back.",
    "amount_beyond_lines": "These pieces are worth {worth}, and no more than that goes back for them.",
    "lines_missing": "Choose the pieces, or the delivery, that go back.",
    "quantity_invalid": "Of this line {left} can be given back.",
    # an earlier refund brought them back, and its money could not be sent
    "restocked_already": "Of this line {left} can come back into stock: others are back already.",
    "delivery_refunded": "Nothing of the delivery is left to give back.",
    # a form that was sent before, and was changed since
    "key_used": "This form was sent already, with something else in it. Open it anew.",
    # two second persons at once, or one who came back to an old page
    "already_decided": "This {what} waits for nobody: it was decided already.",
    "second_person_needed": "You have asked for this {what} yourself: somebody else has to approve it.",
    "approval_not_allowed": "You may not decide about this.",
    # a debt for goods that are still here has a better way out
    "not_sent_yet": "The goods are still here: cancel the order instead.",
    # it was paid, or another person has given it up, since the page was opened
    "nothing_owed": "Nothing is owed for this order that is not written off, or waits to be.",
    "amount_not_owed": "Enter an amount above zero and no more than what is owed, {owed}.",
    "reason_missing": "Say why.",
    # a webhook has told of another refund since
    "refund_not_waiting": "This refund does not wait for its gateway any more.",
    # it may be on its way at this very moment
    "refund_in_flight": "The gateway is being asked for this refund. Try again in a few minutes.",
    "refund_gone": "The money has gone back by another way since. Look at the order again.",
    # the customer has bought something with it since
    "credit_spent": "Of the credit that was bought {left} are not spent, and no more than that can go back.",
    "credit_for_credit": "Credit that was bought goes back as the money that was paid for it.",
    # a code with a word's punctuation in it, or one that another coupon has
    "code_invalid": "'{code}' is no code: use letters and digits, up to 40 of them.",
    "code_taken": "The code {code} exists already.",
    "batch_size_invalid": "One batch has from 1 to {most} codes.",
    # a promise that was too generous, typed twice or in the wrong currency
    "grant_amount_invalid": "Enter an amount above zero.",
    "grant_in_the_past": "Choose a day that is not over yet, or none.",
    "own_account": "Nobody grants credit to themselves, or agrees to it.",
    "grant_not_in_force": "This credit was never given: there is nothing to revoke.",
    "revoked_too_much": "Of this grant {left} are not spent, and no more than that can be revoked.",
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
    "credits_minor": "of it as credits",
    "withdrawn_minor": "withdrawn",
    "waits_for": "waits for",
    "number": "tracking number",
    "still_written_off_minor": "still written off",
}
# Facts by which programs find what a line of history is about; a reader has links.
_FOR_PROGRAMS = frozenset({"refund", "part", "write_off"})


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
        case OrderStatus() | CampaignStatus():
            return str(value.label)
        case list():
            return ", ".join(str(part).removesuffix("_at").replace("_", " ") for part in value)
        case Money():
            return shown(value)
    return str(value)


def facts_shown(facts: Mapping[str, Any], currency: str) -> list[tuple[str, str]]:
    """The facts of a line of history as label and text; what is empty or zero is left out."""
    rows = []
    for key, value in facts.items():
        if not value or key in _FOR_PROGRAMS:
            continue
        is_amount = key.endswith("_minor") and type(value) is int
        label = _FACTS.get(key, key.replace("_", " "))
        text = "yes" if value is True else str(value)
        rows.append((label, shown(Money(value, currency)) if is_amount else text))
    return rows
