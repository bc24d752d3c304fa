"""What /api/v1 says when an order's state, or who asks, does not allow an act: a sentence for each code."""

from __future__ import annotations

from collections.abc import Mapping

from rest_framework import exceptions

CONFLICTS: Mapping[str, str] = {
    "already_cancelled": "The order is cancelled already.",
    "already_sent": "The order has been sent already.",
    "move_not_allowed": "The order's status does not allow this any more.",
    "nothing_due": "Nothing is due for this order.",
    "payment_open": "A payment for this order is under way: wait until it is over.",
    "cancelled_meanwhile": "The order was cancelled in the meantime.",
    "already_decided": "Somebody has decided about this refund already.",
    "nothing_to_refund": "Nothing of the order's money is left to give back.",
    "not_refundable": "What was captured and has not been promised back is less than this.",
    "payment_disputed": "The payer's bank disputes the payment: what is disputed cannot be given back.",
    "refund_gone": "The money has gone back by another way since.",
    "campaign_not_draft": "The flyer is no draft any more: it says what it says.",
    "campaign_not_scheduled": "The flyer is a draft: it is not to be sent yet.",
    "event_not_open": "This event takes no entries at the moment.",
    "key_used": "This Idempotency-Key was used for another refund.",
}
FORBIDDEN: Mapping[str, str] = {
    "approval_not_allowed": "Only somebody with the right to approve refunds may decide about this one.",
    "second_person_needed": "A refund is approved by another person than the one who asked for it.",
    "customers_only": "Only its customer cancels an order here; staff do it in the back office.",
}


class Conflict(exceptions.APIException):
    """The order's state does not allow it; the code says why."""

    status_code = 409
    default_detail = "The order's state does not allow this."
    default_code = "conflict"

    def __init__(self, code: str) -> None:
        super().__init__(CONFLICTS.get(code), code)


class Forbidden(exceptions.PermissionDenied):
    """The caller sees what it is about and may not do this; the code says why."""

    def __init__(self, code: str) -> None:
        super().__init__(FORBIDDEN[code], code)
