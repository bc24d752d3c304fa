"""Sending an event again, because staff want it: the receiver lost it, or was away for too long."""

from __future__ import annotations

from kit import clock
from payments.outgoing.models import Delivery, DeliveryState


def redeliver(delivery_id: int) -> bool:
    """The delivery is due now, under the same event id, with three days of its own; False while its subscription is
    disabled. Its log of tries goes on.
    """
    now = clock.now()
    heard = Delivery.objects.filter(pk=delivery_id, subscription__active=True)
    return bool(
        heard.update(state=DeliveryState.WAITING, wanted_at=now, next_try_at=now, times_tried=0, delivered_at=None)
    )
