"""`manage.py expire_memberships` and its job: everything whose time is over, again, at once, and after a break."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from catalog.models import Package
from customers import jobs
from customers.memberships import acts, expiry
from customers.models import Customer, Membership, MembershipHistory, MembershipNotice
from kit import clock
from tests.concurrency.racing import no_deadlocks, together
from tests.customers.test_genealogy import Tree, join
from tests.members import DAYS, on_day, open_tiers
from tests.shop import written


@pytest.fixture
def people(db: None) -> Tree:
    """Three members for thirty days; two have begun a month later."""
    people = join("ann", "bob", "cy", "dee", "eve")
    bronze = open_tiers()[0]
    for index, customer in enumerate(people.values()):
        with on_day(0 if index < 3 else DAYS):
            acts.begin(customer.pk, bronze)
    return people


def run(day: float, *options: str) -> Any:
    """What the command says on a day, as JSON."""
    out = io.StringIO()
    with clock.turned(timedelta(days=day)):
        call_command("expire_memberships", "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def active() -> list[str]:
    """Whose membership is."""
    return sorted(Membership.objects.filter(state="active").values_list("customer__first_name", flat=True))


def test_it_ends_what_is_over_and_reminds_whose_end_is_near(people: Tree) -> None:
    assert run(DAYS - 1) == {"dry_run": False, "expired": 0, "kept": 0, "failed": 0, "reminders": 3}
    assert run(DAYS + 25) == {"dry_run": False, "expired": 3, "kept": 0, "failed": 0, "reminders": 2}
    assert active() == ["Dee", "Eve"]
    assert MembershipHistory.objects.filter(event="expired").count() == 3
    before = written()
    assert run(DAYS + 25) == {"dry_run": False, "expired": 0, "kept": 0, "failed": 0, "reminders": 0}
    assert written() == before


def test_a_dry_run_names_them_and_writes_nothing(people: Tree) -> None:
    before = written()
    told = run(DAYS + 25, "--dry-run")
    assert [row["customer_id"] for row in told["memberships"]] == [
        str(people[name].pk) for name in ("ann", "bob", "cy")
    ]
    assert (told["dry_run"], told["reminders"], told["memberships"][0]["tier"]) == (True, 2, 10)
    out = io.StringIO()
    with clock.turned(timedelta(days=DAYS + 25)):
        call_command("expire_memberships", "--dry-run", stdout=out)
    assert out.getvalue().splitlines()[-1] == "3 memberships would end, 2 members would be reminded."
    assert written() == before


def test_it_says_how_many_to_people(people: Tree) -> None:
    out = io.StringIO()
    with clock.turned(timedelta(days=DAYS + 25)):
        call_command("expire_memberships", stdout=out)
    assert out.getvalue() == "3 memberships ended, 0 were kept, 0 failed; 2 members are reminded.\n"


def test_it_exits_with_1_when_one_cannot_be_ended(people: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "expire_all", lambda now: iter([expiry.Outcome.EXPIRED, expiry.Outcome.FAILED]))
    with pytest.raises(SystemExit) as exit_:
        run(DAYS + 1)
    assert exit_.value.code == 1


def test_the_job_does_the_same(people: Tree) -> None:
    with clock.turned(timedelta(days=DAYS + 1)):
        jobs.expire_memberships(timestamp=0)
    assert active() == ["Dee", "Eve"]


def test_after_a_break_the_rest_is_ended(people: Tree) -> None:
    with clock.turned(timedelta(days=DAYS + 1)):
        for _ in zip(range(1), expiry.expire_all(clock.now()), strict=False):
            pass
    assert len(active()) == 4
    assert run(DAYS + 1)["expired"] == 2


def test_at_once_each_is_ended_once(people: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH", 2)

    def expire() -> list[expiry.Outcome]:
        with clock.turned(timedelta(days=DAYS + 1)):
            return list(expiry.expire_all(clock.now()))

    with no_deadlocks():
        outcomes = [outcome for some in together([expire] * 4) for outcome in some]
    assert (outcomes.count(expiry.Outcome.EXPIRED), outcomes.count(expiry.Outcome.FAILED)) == (3, 0)
    assert MembershipHistory.objects.filter(event="expired").count() == 3
    assert MembershipNotice.objects.filter(kind="membership_ended").count() == 3


def test_a_renewal_that_is_paid_in_the_last_moment_wins_or_begins_anew(people: Tree) -> None:
    ann: Customer = people["ann"]
    bronze = Package.objects.get(tier=10)

    def expire() -> None:
        with clock.turned(timedelta(days=DAYS + 1)):
            list(expiry.expire_all(clock.now()))

    def renew() -> None:
        with on_day(DAYS + 1):
            acts.renew(ann.pk, bronze)

    with no_deadlocks():
        together([expire, renew])
    states = Membership.objects.filter(customer=ann).order_by("pk").values_list("state", flat=True)
    assert list(states) == ["expired", "active"]
