"""What happens to memberships in the background. Every job may run twice; the runs of one never overlap."""

from __future__ import annotations

from procrastinate.contrib.django import app

from customers import outbox
from customers.memberships import expiry, letters, reminders
from kit import clock


@app.periodic(cron="* * * * *")
@app.task(
    name="customers.expire_memberships",
    queue="upkeep",
    queueing_lock="customers.expire_memberships",
    lock="customers.expire_memberships",
)
def expire_memberships(timestamp: int) -> None:
    """End the memberships whose time is over."""
    del timestamp
    for _ in expiry.expire_all(clock.now()):
        pass


@app.periodic(cron="7 * * * *")
@app.task(
    name="customers.remind_members",
    queue="upkeep",
    queueing_lock="customers.remind_members",
    lock="customers.remind_members",
)
def remind_members(timestamp: int) -> None:
    """Write the reminders that are due into the outbox."""
    del timestamp
    reminders.want_reminders(clock.now())


@app.periodic(cron="* * * * * */10")
@app.task(
    name="customers.send_membership_notices",
    queue="mail",
    queueing_lock="customers.send_membership_notices",
    lock="customers.send_membership_notices",
)
def send_membership_notices(timestamp: int) -> None:
    """Send the mails to members that are due."""
    del timestamp
    while letters.send_due() == outbox.BATCH:
        pass
