"""Members are told before their membership ends, and when it has: each once, and nothing that is not true any more."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives

from customers import jobs
from customers.memberships import acts, letters, reminders
from customers.memberships.reminders import read_days
from customers.memberships.reversing import reverse
from customers.models import Customer, Membership, MembershipNotice
from kit import clock
from kit.ids import new_id
from tests.customers.test_genealogy import join
from tests.customers.test_memberships import Tiers
from tests.members import on_day, open_tiers
from tests.statements import statements

pytestmark = pytest.mark.without_orders


@pytest.fixture
def tiers(db: None) -> Tiers:
    """Three packages of a hundred days."""
    return open_tiers(days=100)


@pytest.fixture
def ann(db: None, tiers: Tiers) -> Customer:
    """A member for a hundred days."""
    ann = join("ann")["ann"]
    with on_day(0):
        acts.begin(ann.pk, tiers[0])
    return ann


def mails_on(day: float) -> list[str]:
    """The subjects of what goes out on a day, by the jobs."""
    mail.outbox.clear()
    with clock.turned(timedelta(days=day)):
        jobs.expire_memberships(timestamp=0)
        jobs.remind_members(timestamp=0)
        jobs.send_membership_notices(timestamp=0)
    return [str(message.subject) for message in mail.outbox]


def test_a_member_is_reminded_twice_and_told_the_end_each_once(ann: Customer) -> None:
    told = {day: subjects for day in range(110) if (subjects := mails_on(day + 0.5))}
    assert told == {
        70: ["Your Bronze Package ends in 30 days"],
        93: ["Your Bronze Package ends in 7 days"],
        100: ["Your Bronze Package has ended"],
    }


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_mail_says_what_ends_and_on_which_of_the_shops_days(ann: Customer, settings: Any, zone: str) -> None:
    settings.SHOP_TIME_ZONE = ZoneInfo(zone)
    Customer.objects.filter(pk=ann.pk).update(first_name="Ann <b>")
    mails_on(99.5)
    (message,) = mail.outbox
    assert isinstance(message, EmailMultiAlternatives)
    ends_at = Membership.objects.get().ends_at.astimezone(settings.SHOP_TIME_ZONE)
    day = f"{ends_at.day} {ends_at:%B %Y}"
    assert (message.subject, message.to) == ("Your Bronze Package ends tomorrow", ["ann@example.com"])
    assert str(message.body).splitlines()[:3] == [
        "Dear Ann <b>,",
        "",
        f"your Bronze Package ends on {day}, tomorrow.",
    ]
    ((content, kind),) = message.alternatives
    assert kind == "text/html"
    assert "Dear Ann &lt;b&gt;," in str(content)
    assert f"<strong>{day}</strong>, tomorrow." in str(content)
    Customer.objects.filter(pk=ann.pk).update(first_name="")
    mails_on(100.5)
    assert str(mail.outbox[0].body).splitlines()[0] == "Hello,"


def test_where_the_job_was_away_only_the_nearest_reminder_is_sent(ann: Customer) -> None:
    assert mails_on(95) == ["Your Bronze Package ends in 5 days"]
    assert [mails_on(day) for day in (96, 97, 99)] == [[], [], []]


def test_nobody_is_reminded_of_an_end_that_was_near_when_it_was_set(tiers: Tiers) -> None:
    bob = join("bob")["bob"]
    with on_day(0):
        acts.begin(bob.pk, replace(tiers[0], validity_days=14))
    assert [day for day in range(16) if mails_on(day + 0.5)] == [7, 14]


def test_a_renewal_moves_the_reminders_along(ann: Customer, tiers: Tiers) -> None:
    assert mails_on(71) == ["Your Bronze Package ends in 29 days"]
    with on_day(72):
        acts.renew(ann.pk, tiers[0], order_id=new_id())
    assert [day for day in range(72, 203) if mails_on(day + 0.5)] == [170, 193, 200]


def test_a_reminder_that_is_not_true_any_more_when_it_would_be_sent_is_dropped(ann: Customer, tiers: Tiers) -> None:
    with clock.turned(timedelta(days=71)):
        assert reminders.want_reminders(clock.now()) == 1
    order = new_id()
    with on_day(71):
        acts.renew(ann.pk, tiers[0], order_id=order)
    with clock.turned(timedelta(days=72)):
        assert letters.send_due() == 1
    assert (mail.outbox, MembershipNotice.objects.count()) == ([], 0)
    # The renewal is undone: the end is the same again, and of that nobody was told.
    with on_day(73):
        assert reverse(order) is not None
    assert [mails_on(74), mails_on(94)] == [[], ["Your Bronze Package ends in 6 days"]]


def test_whoever_is_a_member_again_is_not_told_that_it_has_ended(ann: Customer, tiers: Tiers) -> None:
    with on_day(101):
        acts.renew(ann.pk, tiers[0], order_id=new_id())
    assert MembershipNotice.objects.count() == 1
    assert mails_on(101) == []
    assert MembershipNotice.objects.count() == 0


def test_an_upgrade_says_nothing_of_what_it_replaces(ann: Customer, tiers: Tiers) -> None:
    with clock.turned(timedelta(days=71)):
        reminders.want_reminders(clock.now())
    with on_day(72):
        acts.upgrade(ann.pk, tiers[1], order_id=new_id())
    assert [day for day in range(72, 173) if mails_on(day + 0.5)] == [142, 165, 172]


def test_wanting_reminders_again_writes_none(ann: Customer) -> None:
    with clock.turned(timedelta(days=71)):
        assert [reminders.count_reminders(clock.now()), reminders.want_reminders(clock.now())] == [1, 1]
        assert [reminders.count_reminders(clock.now()), reminders.want_reminders(clock.now())] == [0, 0]


def test_reminders_cost_a_statement_for_each_of_the_days_however_many_members_there_are(tiers: Tiers) -> None:
    for customer in join(*(f"c{number}" for number in range(12))).values():
        with on_day(0):
            acts.begin(customer.pk, tiers[0])
    with clock.turned(timedelta(days=71)), statements() as sent:
        assert reminders.want_reminders(clock.now()) == 12
    assert len(sent) == 2


def test_a_batch_that_is_full_is_followed_by_another(tiers: Tiers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders, "BATCH", 2)
    for customer in join(*(f"c{number}" for number in range(5))).values():
        with on_day(0):
            acts.begin(customer.pk, tiers[0])
    with clock.turned(timedelta(days=71)):
        assert reminders.want_reminders(clock.now()) == 5


def test_the_shop_chooses_the_days(ann: Customer, settings: Any) -> None:
    settings.MEMBERSHIP_REMINDER_DAYS = read_days("")
    assert [day for day in range(60, 100) if mails_on(day + 0.5)] == []
    settings.MEMBERSHIP_REMINDER_DAYS = read_days(" 1 ")
    assert mails_on(99.5) == ["Your Bronze Package ends tomorrow"]


@pytest.mark.parametrize(("text", "days"), [("30,7", (30, 7)), ("1, 14,7", (14, 7, 1)), ("", ()), (" , ", ())])
def test_days_are_read_the_most_first(text: str, days: tuple[int, ...]) -> None:
    assert read_days(text) == days


@pytest.mark.parametrize("text", ["0", "7,7", "-1", "a", "1.5", "367", "\u0667", "30;7"])
def test_days_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MEMBERSHIP_REMINDER_DAYS"):
        read_days(text)
