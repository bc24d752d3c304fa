"""Work put off until after the commit: the job's row is written by the transaction that is its reason.

Jobs are named here and done in `orders.jobs`, which stands above every act.
"""

from __future__ import annotations

import uuid

from procrastinate.contrib.django import app

CHASE_REQUEST = "orders.chase_request"
SEND_REFUND = "orders.send_refund"


def chase_request_later(request_id: uuid.UUID) -> None:
    """Have the gateway told, or asked, about a payment request."""
    app.configure_task(CHASE_REQUEST, queue="money").defer(request_id=str(request_id))


def send_refund_later(refund_id: uuid.UUID) -> None:
    """Have a refund carried to its gateway."""
    app.configure_task(SEND_REFUND, queue="money").defer(refund_id=str(refund_id))
