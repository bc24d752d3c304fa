"""What a gateway says, written into our rows. Harmless to repeat, and right in any order.

Every attempt, refund and dispute only moves forward through its states, so that an older report that arrives late
changes nothing; what was refunded is the sum of the refunds that succeeded, which alone lets it fall when one fails
after all. What moved money is posted to the ledger with it. Runs in the caller's transaction and locks the payment
request; the caller holds the lock of what the money is for already.
"""

from payments.recording.disputes import record_dispute
from payments.recording.refunds import MADE_ELSEWHERE, add_up, promise, record_refunds, withdraw
from payments.recording.requests import find_request, record

__all__ = [
    "MADE_ELSEWHERE",
    "add_up",
    "find_request",
    "promise",
    "record",
    "record_dispute",
    "record_refunds",
    "withdraw",
]
