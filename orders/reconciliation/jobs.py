"""The reconciliation of payments in the background.

On the queue of the chores, in one slot: it asks gateways for long, and nobody's money waits for it.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from procrastinate.contrib.django import app

from kit import clock
from orders.reconciliation.running import LOCK, Reconciliation
from payments.collecting import is_configured
from payments.models import GatewayName
from payments.reconciliation.locking import only_one
from payments.reconciliation.models import ReconciliationRun, RunKind
from payments.reconciliation.windows import Window, default_window, lately

log = structlog.get_logger(__name__)

# A whole reconciliation once a day, and what came about lately in between.
WHOLE_EVERY = timedelta(hours=23)
LATELY = timedelta(hours=2)


@app.periodic(cron="7,22,37,52 * * * *")
@app.task(
    name="orders.reconcile_payments",
    queue="upkeep",
    queueing_lock="orders.reconcile_payments",
    lock="orders.reconcile_payments",
)
def reconcile_payments(timestamp: int) -> None:
    """Reconcile each gateway: as a whole when that is due or was cut off, else what came about lately."""
    del timestamp
    with only_one(LOCK) as is_alone:
        if not is_alone:
            return
        for name in GatewayName:
            if name != GatewayName.OFFLINE and is_configured(name):
                _reconcile(name.value)


def _reconcile(gateway: str) -> None:
    run = Reconciliation(gateway, _window(gateway))
    run.take_all(lambda step: log.info("reconciled", **step.as_json()))
    told = {**run.as_json(), "gateway": gateway}
    (log.warning if run.unanswered or run.counts["file"] else log.info)("reconciliation", **told)


def _window(gateway: str) -> Window:
    whole = ReconciliationRun.objects.filter(kind=RunKind.PAYMENTS, gateway=gateway, asked=False)
    last = whole.order_by("-pk").first()
    if last is not None and last.finished_at is not None and last.finished_at > clock.now() - WHOLE_EVERY:
        return lately(LATELY)
    return default_window(gateway, RunKind.PAYMENTS)
