"""Cash, over the same port as the gateways: what staff count is what this gateway says.

It asks nobody, so its verbs answer at once and never fail, and may be called inside a transaction. It keeps no books of
its own, so there is nothing to fetch: a payment comes into being by `received`, and from then on it is in ours.
"""

from __future__ import annotations

import uuid

from kit.money import Money
from payments.gateways.base import (
    Ask,
    PaymentReport,
    PaymentState,
    RefundOutcome,
    RefundReport,
    RequestReport,
)


class OfflineGateway:
    """The verbs that a cash box has."""

    name = "offline"

    def cancel(self, ask: Ask) -> RequestReport:
        """Nobody takes cash for it any more."""
        return _report(ask, cancelled=True)

    def received(self, ask: Ask, receipt: uuid.UUID, amount: Money) -> RequestReport:
        """Staff took an amount and wrote a receipt: the same receipt is the same payment, however often it is told."""
        payment = PaymentReport(
            payment_id=payment_id(receipt),
            state=PaymentState.CAPTURED,
            currency=amount.currency,
            amount_minor=amount.minor,
            captured_minor=amount.minor,
            method="cash",
        )
        return _report(ask, payments=(payment,))

    def refund(self, amount: Money, *, key: str) -> RefundReport:
        """Handed back over the counter: done when it is said."""
        return RefundReport(f"cash_{key}", key, amount.minor, RefundOutcome.SUCCEEDED)


def payment_id(receipt: uuid.UUID) -> str:
    """The payment that a receipt is for."""
    return f"cash_{receipt.hex}"


def _report(ask: Ask, *, cancelled: bool = False, payments: tuple[PaymentReport, ...] = ()) -> RequestReport:
    return RequestReport(
        gateway="offline",
        reference=f"cash_{ask.key}",
        key=ask.key,
        client_secret="",
        amount=ask.amount,
        cancelled=cancelled,
        payments=payments,
    )
