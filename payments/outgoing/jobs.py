"""The background of outgoing events: a sender, and upkeep.

The sender takes one slot of its worker, however many subscribers are slow: what runs side by side runs inside it. It
comes every other second, and at once for what `events.emit` has just written; while another one has its turn it ends at
once. It has no `lock`, which a dead worker would hold until somebody notices.
"""

from __future__ import annotations

from procrastinate.contrib.django import app

from payments.outgoing import delivering, events, forgetting, subscriptions


@app.periodic(cron="* * * * * */2")
@app.task(name=events.SEND, queue=events.QUEUE, queueing_lock=events.SEND)
def send(timestamp: int) -> None:
    """Send the deliveries that are due."""
    del timestamp
    delivering.send_due()


@app.periodic(cron="41 * * * *")
@app.task(name="outgoing.forget_old", queue="upkeep", queueing_lock="outgoing.forget_old", lock="outgoing.forget_old")
def forget_old(timestamp: int) -> None:
    """Delete old tries, give up what waited too long, and seal the secrets with the newest key."""
    del timestamp
    forgetting.forget_old_tries()
    forgetting.give_up_old_deliveries()
    subscriptions.reseal()
