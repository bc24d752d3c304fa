"""Credit ends with its term: by the job, by the command, or as its customer spends; and they are told before."""

from __future__ import annotations

import json
import smtplib
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command

from kit import clock
from orders import actors, cancellation, jobs
from orders.credits.reminding import remind
from orders.models import CreditReminder
from payments.credits import expiring
from payments.models import Account, LedgerTransfer
from tests import shop as shops
from tests.concurrency.racing import together
from tests.orders.credits.wallet import account, grant, spendable, terms_left
from tests.shop import Shop, Shopper, place, written


def command(*options: str) -> Any:
    """What `expire_credits --json` says."""
    out = StringIO()
    call_command("expire_credits", "--json", *options, stdout=out)
    return json.loads(out.getvalue())


def test_what_is_over_becomes_income_and_the_rest_stays(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    grant(ada, 1000, days=1)
    grant(ada, 500, days=3)
    grant(ada, 70)
    grant(ada, 1000, days=1, currency="INR")
    grant(bob, 30, days=1)
    with clock.turned(timedelta(days=2)):
        before = written()
        planned = command("--dry-run")
        assert sorted(row["amount"] for row in planned["credits"]) == ["0.30 USD", "10.00 INR", "10.00 USD"]
        assert (planned["dry_run"], written()) == (True, before)
        done = command()
        assert done == {"dry_run": False, "customers": 3, "ended": {"INR": "10.00", "USD": "10.30"}, "failed": 0}
        assert command() == {"dry_run": False, "customers": 0, "ended": {}, "failed": 0}
    assert (terms_left(ada), spendable(ada, "INR"), spendable(bob)) == ([500, 70], 0, 0)
    assert (account(Account.CREDITS_EXPIRED), account(Account.CREDITS_GRANTED)) == (-1030, 1600)
    assert LedgerTransfer.objects.filter(kind="credit_expired").count() == 3


def test_only_what_is_left_of_a_term_ends(shop: Shop, ada: Shopper) -> None:
    """What was spent since came from what ends first: of 20 that end now 14.50 are spent."""
    grant(ada, 2000, days=1)
    grant(ada, 2000)
    place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    with clock.turned(timedelta(days=2)):
        assert expiring.expire(ada.customer.pk, "USD", now=clock.now()) == 550
    assert terms_left(ada) == [2000]


def test_the_job_does_the_same(ada: Shopper) -> None:
    grant(ada, 1000, days=1)
    jobs.expire_credits(timestamp=0)
    assert spendable(ada) == 1000
    with clock.turned(timedelta(days=2)):
        jobs.expire_credits(timestamp=0)
    assert (spendable(ada), account(Account.CREDITS_EXPIRED)) == (0, -1000)


def test_two_at_once_end_each_credit_once(ada: Shopper) -> None:
    grant(ada, 1000, days=1)
    now = clock.now() + timedelta(days=2)
    ended = together([lambda: expiring.expire(ada.customer.pk, "USD", now=now)] * 6)
    assert sorted(ended) == [0, 0, 0, 0, 0, 1000]


def test_every_round_takes_the_next_customers(ada: Shopper, bob: Shopper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiring.overdue, "__kwdefaults__", {"after": None, "limit": 1})
    for shopper in (ada, bob, shops.sign_up("cat@example.com")):
        grant(shopper, 100, days=1)
        grant(shopper, 100, days=1, currency="EUR")
    found = [one for part in expiring.rounds(clock.now() + timedelta(days=2)) for one in part]
    assert len({(one.customer_id, one.currency) for one in found}) == len(found) == 6


def test_what_comes_back_late_ends_later(shop: Shop, ada: Shopper) -> None:
    grant(ada, 2000, days=1)
    order = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    with clock.turned(timedelta(days=2)):
        command()
        cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
        assert command()["ended"] == {}
        assert spendable(ada) == 1450
    with clock.turned(timedelta(days=33)):
        assert command()["ended"] == {"USD": "14.50"}


def test_people_read_a_sentence(ada: Shopper) -> None:
    grant(ada, 1000, days=1)
    with clock.turned(timedelta(days=2)):
        out = StringIO()
        call_command("expire_credits", "--dry-run", stdout=out)
        assert out.getvalue() == f"{ada.customer.pk}  10.00 USD\nThe credit of 1 customers would end.\n"
        out = StringIO()
        call_command("expire_credits", stdout=out)
        assert out.getvalue() == "Ended for 1 customers: 10.00 USD; 0 failed.\n"


def test_one_that_cannot_end_keeps_no_other_waiting(
    ada: Shopper, bob: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant(ada, 100, days=1)
    grant(bob, 100, days=1)
    whose = min(ada.customer.pk, bob.customer.pk)
    really = expiring.expire

    def expire(customer_id: Any, *args: Any, **fields: Any) -> int:
        if customer_id == whose:
            raise RuntimeError("poison")
        return really(customer_id, *args, **fields)

    monkeypatch.setattr(expiring, "expire", expire)
    with clock.turned(timedelta(days=2)):
        out = StringIO()
        with pytest.raises(SystemExit) as stopped:
            call_command("expire_credits", "--json", stdout=out)
    assert stopped.value.code == 1
    assert json.loads(out.getvalue()) == {"dry_run": False, "customers": 1, "ended": {"USD": "1.00"}, "failed": 1}


# --- mails ----------------------------------------------------------------------------------------------------------


def test_customers_are_told_once_before_their_credit_ends(ada: Shopper, bob: Shopper) -> None:
    grant(ada, 1234, days=10)
    grant(bob, 500)
    assert remind() == 0
    with clock.turned(timedelta(days=4)):
        assert remind() == 1
        assert remind() == 0
    (letter,) = mail.outbox
    assert letter.to == ["ada@example.com"]
    assert letter.subject == "Your credit ends soon"
    assert "12.34 USD of your credit are good until" in letter.body
    assert "Dear Ada" in letter.body


def test_what_is_spent_by_then_is_not_written_about(shop: Shop, ada: Shopper) -> None:
    grant(ada, 1000, days=10)
    place(ada, shop.cash, (shop.cable, 2), use_credits=True)
    with clock.turned(timedelta(days=4)):
        assert remind() == 0
    assert (mail.outbox, CreditReminder.objects.count()) == ([], 0)


def test_a_mail_that_cannot_be_sent_is_sent_later(ada: Shopper, monkeypatch: pytest.MonkeyPatch) -> None:
    grant(ada, 1000, days=10)

    def fail(*_: Any, **__: Any) -> int:
        raise smtplib.SMTPServerDisconnected

    with clock.turned(timedelta(days=4)):
        with monkeypatch.context() as patched:
            patched.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", fail)
            assert remind() == 0
        assert (remind(), CreditReminder.objects.get().times_tried) == (0, 1)
    with clock.turned(timedelta(days=4, hours=1)):
        assert remind() == 1
    assert len(mail.outbox) == 1


def test_a_shop_may_write_to_nobody(ada: Shopper, settings: Any) -> None:
    settings.CREDIT_REMINDER_DAYS = None
    grant(ada, 1000, days=1)
    assert remind() == 0
