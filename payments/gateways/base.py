"""The gateway port: the same verbs for every gateway, our values in, frozen results out.

Adapters hold no models and read no settings. They never retry: whoever calls knows whether a shopper is waiting.
Errors are named by who must act. A definite error promises that nothing happened at the gateway; OutcomeUnknown
promises nothing at all, and is answered by asking again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

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
    `since` is when it was written: no gateway has heard of it earlier.
    """

    key: str
    amount: Money
    description: str
    since: datetime


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


@dataclass(frozen=True, slots=True)
class PaymentReport:
    """One try to pay, as the gateway tells it. Amounts in minor units of `currency`.

    `refunds` is every refund of it, or nothing where nobody asked for them.
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
class Event:
    """A verified webhook: a hint that something changed. `reference` is the payment request's, if it names one."""

    key: str
    type: str
    reference: str


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
        """The event in a signed body. Raises BadSignature, and nothing else, whatever the bytes and headers are."""
