"""What the entries of a customer's credit were, in a word for whoever reads them."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models

from payments.models import LedgerEntry, TransferKind


class CreditMove(models.TextChoices):
    """Why credit came or went."""

    GRANTED = "granted", "Granted"
    REVOKED = "revoked", "Revoked"
    BOUGHT = "bought", "Bought"
    TAKEN_BACK = "taken_back", "Taken back"  # what was paid for it goes back; above zero: it does not after all
    SPENT = "spent", "Spent"
    RETURNED = "returned", "Given back"  # by the order that it was spent on
    REFUNDED = "refunded", "Refund"  # money of an order became credit
    EXPIRED = "expired", "Expired"
    PACKAGE = "package", "Package"  # what a package could not give, or was left of one; or no longer


_MOVES: Mapping[str, CreditMove] = {
    TransferKind.ORDERED: CreditMove.SPENT,
    TransferKind.CALLED_OFF: CreditMove.RETURNED,
    TransferKind.EARNED: CreditMove.BOUGHT,
    TransferKind.REFUND: CreditMove.REFUNDED,
    TransferKind.CREDIT_GRANTED: CreditMove.GRANTED,
    TransferKind.CREDIT_REVOKED: CreditMove.REVOKED,
    TransferKind.CREDIT_RETURNED: CreditMove.RETURNED,
    TransferKind.CREDIT_TAKEN: CreditMove.TAKEN_BACK,
    TransferKind.CREDIT_EXPIRED: CreditMove.EXPIRED,
    TransferKind.PACKAGE_CREDIT: CreditMove.PACKAGE,
}


def move_of(entry: LedgerEntry) -> CreditMove:
    """What an entry of the account `customer_credit` was. It comes with its transfer."""
    return _MOVES[entry.transfer.kind]
