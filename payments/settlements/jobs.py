"""The reconciliation of settlements in the background, once a night: gateways pay out by the day.

On the queue of the chores, in one slot: it asks gateways for long, and nobody waits for it.
"""

from __future__ import annotations

import structlog
from procrastinate.contrib.django import app

from payments.collecting import is_configured
from payments.models import GatewayName
from payments.reconciliation.locking import only_one
from payments.reconciliation.models import RunKind
from payments.reconciliation.windows import default_window
from payments.settlements.reconciling import GATEWAYS, LOCK, reconcile_gateway

log = structlog.get_logger(__name__)


@app.periodic(cron="23 2 * * *")
@app.task(
    name="settlements.reconcile",
    queue="upkeep",
    queueing_lock="settlements.reconcile",
    lock="settlements.reconcile",
)
def reconcile_settlements(timestamp: int) -> None:
    """Book what each gateway has paid out, and put before a person what does not match."""
    del timestamp
    with only_one(LOCK) as is_alone:
        if not is_alone:
            return
        for name in GATEWAYS:
            if is_configured(GatewayName(name)):
                counts = reconcile_gateway(name, default_window(name, RunKind.SETTLEMENTS))
                told = {"gateway": name, "settlements": counts.settlements, "lines": counts.new_lines}
                is_open = counts.open or counts.not_reached
                (log.warning if is_open else log.info)("settlements_reconciled", **told, open=counts.open)
