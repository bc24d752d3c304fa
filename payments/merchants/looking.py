"""A merchant's payment by its id, whether or not we have heard of it yet: the merchant has the id from the payer's
browser, which may be faster than any webhook. Asks the gateway outside any transaction.
"""

from __future__ import annotations

import re
import uuid

from payments import collecting, gateways
from payments import queries as money
from payments.gateways.base import NotKnown
from payments.merchants import queries, settling
from payments.merchants.failing import told
from payments.merchants.models import MerchantOrder
from payments.models import GatewayName, PaymentAttempt

_PAYMENT_ID = re.compile(r"pay_[0-9A-Za-z]{14}", re.ASCII)


def find_payment(merchant_id: uuid.UUID, payment_id: str) -> tuple[PaymentAttempt, MerchantOrder] | None:
    """The payment with its order, if it is the merchant's; one that we do not know is asked of the gateway.

    Raises GatewayFailed where the gateway cannot be asked.
    """
    if not _PAYMENT_ID.fullmatch(payment_id):
        return None
    with told():
        attempt = queries.find_payment(payment_id) or _ask(merchant_id, payment_id)
    order = queries.order_of(merchant_id, attempt) if attempt is not None else None
    return None if attempt is None or order is None else (attempt, order)


def look_again(attempt: PaymentAttempt) -> PaymentAttempt:
    """The payment as its gateway tells it now. Raises GatewayFailed."""
    with told():
        settling.settle(attempt.request.subject_id, report=collecting.fetch(attempt.request))
    attempt.refresh_from_db()
    return attempt


def _ask(merchant_id: uuid.UUID, payment_id: str) -> PaymentAttempt | None:
    """Nobody but its merchant makes us take note of a payment."""
    try:
        reference = gateways.razorpay().locate(payment_id)
    except NotKnown:
        return None
    request = money.find_request(GatewayName.RAZORPAY, reference)
    if request is None or queries.find_order(merchant_id, reference) is None:
        return None
    settling.settle(request.subject_id, report=collecting.fetch(request))
    return queries.find_payment(payment_id)
