"""What becomes of old rows. Events and deliveries stay, as the record of who was told what; the log of single tries is
for whoever looks for a fault, and goes after a while.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from kit import clock
from payments.outgoing.models import Delivery, DeliveryState
from payments.outgoing.schedule import GIVE_UP_AFTER

TRIES_KEPT = timedelta(days=90)
BATCH = 10_000
# A try under way when the time is over has its say first.
_GRACE = timedelta(minutes=10)

_FORGET = """
DELETE FROM outgoing_deliverytry WHERE id IN (
    SELECT id FROM outgoing_deliverytry WHERE at < %(before)s ORDER BY at LIMIT %(batch)s
)
"""


def forget_old_tries() -> int:
    """Delete the tries older than TRIES_KEPT, a batch at a time; how many there were."""
    forgotten = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, {"before": clock.now() - TRIES_KEPT, "batch": BATCH})
            deleted = int(cursor.rowcount)
        forgotten += deleted
        if deleted < BATCH:
            return forgotten


def give_up_old_deliveries() -> int:
    """Give up what has waited for longer than three days without a try that could do so: its subscription was disabled
    or paused all the time. How many there were.
    """
    old = Delivery.objects.filter(state=DeliveryState.WAITING, wanted_at__lt=clock.now() - GIVE_UP_AFTER - _GRACE)
    return int(old.update(state=DeliveryState.GIVEN_UP, last_reason="waited_too_long"))
