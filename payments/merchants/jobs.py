"""The background of merchants' keys: upkeep."""

from __future__ import annotations

from procrastinate.contrib.django import app

from payments.merchants import keys


@app.periodic(cron="43 * * * *")
@app.task(name="merchants.reseal", queue="upkeep", queueing_lock="merchants.reseal", lock="merchants.reseal")
def reseal(timestamp: int) -> None:
    """Seal the secrets with the newest key."""
    del timestamp
    keys.reseal()
