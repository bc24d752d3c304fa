"""The gateway port: the same verbs for every gateway, our values in, frozen results out.

Adapters hold no models and read no settings. They never retry: whoever calls knows whether a shopper is waiting.
Errors are named by who must act. A definite error promises that nothing happened at the gateway; OutcomeUnknown
promises nothing at all, and is answered by asking again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from kit.money import Money


class Reason(StrEnum):
    """Why a call did not do what it should, for whoever words it. Nothing of what the gateway itself wrote."""

    DECLINED = "declined"  # the payer's bank said no
    AMOUNT_TOO_SMALL = "amount_too_small"  # below what the gateway takes
    AMOUNT_NOT_PAYABLE = "amount_not_payable"  # the gateway cannot express it in that currency
    REFUSED = "refused"  # a wrong key, a wrong parameter, an amount beyond the account's limit
    NOT_KNOWN = "not_known"  # made up, or another shop's
    OTHER_STATE = "other_state"  # somebody was faster
    UNREACHABLE = "unreachable"  # no connection came about
    BUSY = "busy"  # we ask too often
    STILL_WORKING = "still_working"  # another call with the same key is not over
    NO_ANSWER = "no_answer"  # a timeout, a reset, a 5xx
    HAD_ERROR = "had_error"  # the gateway failed at it
    UNREADABLE = "unreadable"  # an answer of another shape than documented
    TOO_MANY = "too_many"  # it is somewhere in a list that is too long to read now


class GatewayError(Exception):
    """A call did not do what it should."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"payment provider: {reason}")
        self.reason = reason


class Declined(GatewayError):
    """The payer's bank or the gateway said no to this payment: the shopper chooses another way. Nothing happened."""


class Rejected(GatewayError):
    """The gateway refused our request as wrong: we have a bug or a bad key. Nothing happened."""


class NotKnown(Rejected):
    """The gateway knows nothing under that id with our keys: another shop's, a test's, or made up."""


class Unavailable(GatewayError):
    """The gateway did not take the request on (throttled, or not reached at all). Nothing happened; try later."""


class OutcomeUnknown(GatewayError):
    """No usable answer: it may have happened. Ask again, never assume."""


class BadSignature(Exception):
    """A webhook or a checkout answer was not signed by the gateway. The one error of all verification."""


class PaymentState(StrEnum):
    """What a gateway says of one try to pay."""

    STARTED = "started"
    FAILED = "failed"
    AUTHORIZED = "authorized"
    CANCELLED = "cancelled"
    CAPTURED = "captured"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of a payer. `key` is our request's id: the gateway's idempotency key, and how it is found again.

    Every field comes from the request's row, so that a repetition after a crash says the same to the letter.
    `since` is when it was written: no gateway has heard of it earlier. With `hold` the money is only held: it is
    captured, in whole or in part, by a later act.
    """

    key: str
    amount: Money
    description: str
    since: datetime
    hold: bool = False


class RefundOutcome(StrEnum):
    """What a gateway says of one refund."""

    SENT = "sent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefundReport:
    """One refund, as the gateway tells it. `key` is the one we gave it, empty for a refund that we did not ask for."""

    refund_id: str
    key: str
    amount_minor: int
    outcome: RefundOutcome


class DisputeOutcome(StrEnum):
    """How a dispute stands. The order of the members is the order in which they may follow each other."""

    NEEDS_RESPONSE = "needs_response"  # evidence is due
    UNDER_REVIEW = "under_review"  # the bank decides
    WON = "won"  # the money stays with us, or is back
    LOST = "lost"  # the payer has it


@dataclass(frozen=True, slots=True)
class DisputeReport:
    """One dispute, as the gateway tells it. `withdrawn_minor` is what the gateway keeps back of our balance for it now.

    `reference` is the payment request's where the gateway names it, else empty.
    """

    dispute_id: str
    reference: str
    payment_id: str
    amount_minor: int
    currency: str
    outcome: DisputeOutcome
    withdrawn_minor: int
    reason: str
    opened_at: datetime
    respond_by: datetime | None


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """One try to pay, as the gateway tells it. Amounts in minor units of `currency`.

    `refunds` is every refund of it, or nothing where nobody asked for them. `details` is what else the gateway tells
    whoever collects through us, in its own words: no number of a card, and no secret.
    """

    payment_id: str
    state: PaymentState
    currency: str
    amount_minor: int
    captured_minor: int
    method: str = ""
    last4: str = ""
    failure_code: str = ""
    refunds: tuple[RefundReport, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class RequestReport:
    """What the gateway says of one payment request now: the only thing that our books believe."""

    gateway: str
    reference: str
    key: str
    client_secret: str
    amount: Money
    cancelled: bool
    payments: tuple[PaymentReport, ...]


@dataclass(frozen=True, slots=True)
class ListedPayment:
    """A payment as a gateway lists it. `reference` and `key` are its request's, each empty where the list has none."""

    reference: str
    key: str
    created_at: datetime
    payment: PaymentReport
    refunded_minor: int


@dataclass(frozen=True, slots=True)
class ListedRefund:
    """A refund as a gateway lists it."""

    payment_id: str
    currency: str
    created_at: datetime
    refund: RefundReport


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a gateway paid out to the bank. Negative where we owe the gateway. `bank_reference` is its UTR or trace;
    `arrives_at` is when the bank has it, by the gateway's own reckoning."""

    settlement_id: str
    amount_minor: int
    currency: str
    created_at: datetime
    bank_reference: str
    arrives_at: datetime


class LineKind(StrEnum):
    """What a line of a settlement is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    REFUND_FAILURE = "refund_failure"  # a refund that failed after it had been kept back
    DISPUTE = "dispute"  # kept back for a dispute
    DISPUTE_REVERSAL = "dispute_reversal"  # given back after a dispute was won
    FEE = "fee"  # a fee of its own, for no payment
    OTHER = "other"  # adjustments, transfers and whatever a gateway invents next


@dataclass(frozen=True, slots=True)
class SettlementLine:
    """One line of a settlement. Amounts are signed: positive comes to us. net = gross - fee - tax.

    `line_id` is unique within the gateway: a balance transaction's id, or the entity's with its type. `entity_id` is
    the payment's, refund's or dispute's; `payment_id` the payment that it belongs to, empty where there is none.
    `fee_minor` is without the tax on it. `wire_kind` is the gateway's own word for `kind`.
    """

    line_id: str
    settlement_id: str
    kind: LineKind
    wire_kind: str
    entity_id: str
    payment_id: str
    currency: str
    gross_minor: int
    fee_minor: int
    tax_minor: int
    net_minor: int
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """A verified webhook: a hint that something changed. `reference` is the payment request's, if it names one, and
    `dispute_id` the dispute that it is about, if it is about one."""

    key: str
    type: str
    reference: str
    dispute_id: str = ""
    # Signed by the gateway, and in a shape that nobody expected: kept for a person.
    is_readable: bool = True


UNREADABLE = "unreadable"


def unreadable_event(body: bytes) -> Event:
    """The event of a body that is signed and says nothing that can be read."""
    return Event(key=hashlib.sha256(body).hexdigest(), type=UNREADABLE, reference="", is_readable=False)


class Gateway(Protocol):
    """The verbs. Each network call ends within the adapter's time limits and raises nothing but GatewayError."""

    name: str

    def create(self, ask: Ask) -> RequestReport:
        """Ask for an amount. Repeating it with the same key gives the same request, never a second one."""

    def find(self, ask: Ask, *, thorough: bool = False) -> RequestReport | None:
        """The request made under this key, if the gateway has one: the answer to a create of unknown outcome.

        With a shopper waiting it looks where the request should be; `thorough` looks as far as a late retry may have
        put it. OutcomeUnknown where there is too much to look through.
        """

    def fetch(self, reference: str, *, refunds: bool = False) -> RequestReport:
        """What is true now; with the refunds of its payments when asked, or when some of the money went back."""

    def capture(self, reference: str, payment_id: str, amount: Money) -> None:
        """Take authorized money. That it was taken already is success."""

    def cancel(self, reference: str) -> RequestReport:
        """Make a request unpayable where the gateway can; what it says of it afterwards. It may have been paid."""

    def refund(self, reference: str, payment_id: str, amount: Money, *, key: str) -> RefundReport:
        """Send exactly this amount back. Repeating it with the same key is the same refund.

        Gateways forget keys after a day or so: whoever asks a second time looks with `fetch` first.
        """

    def verify_webhook(self, body: bytes, headers: Mapping[str, str]) -> Event:
        """The event in a signed body, readable or not. Raises BadSignature, and nothing else, whatever the bytes and
        headers are."""

    # What the gateway has in its books. Each is a stream, page by page, over the half-open window [since, until) of the
    # gateway's own time of creation, in any order; a thing may come twice where a list shifts while it is read.

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment]:
        """Every payment that came about in the window, whatever became of it."""

    def list_refunds(self, since: datetime, until: datetime) -> Iterator[ListedRefund]:
        """Every refund that came about in the window."""

    def list_disputes(self, since: datetime, until: datetime) -> Iterator[DisputeReport]:
        """Every dispute that was opened in the window."""

    def fetch_dispute(self, dispute_id: str) -> DisputeReport:
        """How a dispute stands now."""

    def list_settlements(self, since: datetime, until: datetime) -> Iterator[Settlement]:
        """Every settlement that was paid out in the window."""

    def find_settlement(self, settlement_id: str) -> Settlement | None:
        """One settlement; None where the gateway has none of that id, or has not paid it out."""

    def list_settlement_lines(self, settlement: Settlement) -> Iterator[SettlementLine]:
        """The lines that a settlement is made of; without the payout itself."""
