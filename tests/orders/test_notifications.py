"""One confirmation for each order, whatever the mail server does."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from typing import Any, ClassVar

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test import override_settings

from customers import outbox
from kit import clock
from orders import actors, jobs, notifications
from orders.cash import collect_cash
from orders.models import Notice, Order
from tests.shop import Shop, Shopper, place


class BrokenMail(BaseEmailBackend):
    """A mail server that hangs up."""

    def send_messages(self, email_messages: Any) -> int:
        raise SMTPServerDisconnected("gone")


class HangingMail(BaseEmailBackend):
    """A mail server that takes the connection and says nothing."""

    def open(self) -> None:
        time.sleep(600)


class CountingMail(BaseEmailBackend):
    """A mail server that counts its connections, and hangs up at the mails to some."""

    connections = 0
    sent: ClassVar[list[str]] = []
    unwilling: ClassVar[dict[str, Exception]] = {}

    def open(self) -> None:
        CountingMail.connections += 1
        if error := self.unwilling.get("open"):
            raise error

    def send_messages(self, email_messages: Any) -> int:
        for message in email_messages:
            if error := self.unwilling.get(message.to[0]):
                raise error
            self.sent.append(message.to[0])
        return len(email_messages)


@pytest.fixture
def counting() -> Iterator[type[CountingMail]]:
    """Mails go to the server that counts."""
    CountingMail.connections = 0
    CountingMail.sent.clear()
    CountingMail.unwilling.clear()
    with override_settings(MAILERS={"default": {"BACKEND": f"{__name__}.CountingMail"}}):
        yield CountingMail


@pytest.fixture
def broken() -> Iterator[None]:
    """No mail goes out."""
    with override_settings(MAILERS={"default": {"BACKEND": f"{__name__}.BrokenMail"}}):
        yield


def later(minutes: int) -> int:
    with clock.turned(timedelta(minutes=minutes)):
        return notifications.send_due()


def test_a_confirmation_goes_out_once(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 2))

    assert [later(minutes) for minutes in (1, 2, 100)] == [1, 0, 0]

    (message,) = mail.outbox
    assert message.to == ["ada@example.com"]
    assert message.subject == f"Your order {order.number}"
    for part in ("2 x Cable", "19.00", "24.00", str(order.number)):
        assert part in str(message.body)
    assert Notice.objects.get().sent_at is not None


def test_wanting_it_again_changes_nothing(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    order.refresh_from_db()
    for _ in range(3):
        notifications.want_what_is_due(order)

    assert Notice.objects.count() == 2
    later(1)
    notifications.want_what_is_due(order)
    assert later(200) == 0


def test_two_workers_at_once_send_it_once(shop: Shop, ada: Shopper) -> None:
    for _ in range(5):
        place(ada, shop.cash, (shop.cable, 1))
    barrier, sent = threading.Barrier(4), []

    def run() -> None:
        try:
            barrier.wait()
            sent.append(later(1))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(sent) == len(mail.outbox) == 5


def test_a_broken_mail_server_delays_the_mail(shop: Shop, ada: Shopper, broken: None) -> None:
    place(ada, shop.cash, (shop.cable, 1))

    assert [later(1), later(2)] == [1, 0]
    notice = Notice.objects.get()
    assert (notice.times_tried, notice.sent_at) == (1, None)
    assert [later(4), later(5)] == [1, 0]
    assert Notice.objects.get().times_tried == 2
    with override_settings(MAILERS={"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}):
        assert later(60) == 1


def order_three(shop: Shop, ada: Shopper) -> list[str]:
    """Three orders with a mail each; whom the mails are to."""
    emails = [f"ada-{number}@example.com" for number in range(3)]
    for email in emails:
        order = place(ada, shop.cash, (shop.cable, 1))
        Order.objects.filter(pk=order.pk).update(email=email)
    return emails


def test_a_batch_uses_one_connection(shop: Shop, ada: Shopper, counting: type[CountingMail]) -> None:
    emails = order_three(shop, ada)

    assert [later(1), later(2)] == [3, 0]
    assert (counting.sent, counting.connections) == (emails, 1)


def test_a_server_that_cannot_be_reached_is_tried_once_and_counts_against_no_mail(
    shop: Shop, ada: Shopper, counting: type[CountingMail], caplog: pytest.LogCaptureFixture
) -> None:
    emails = order_three(shop, ada)
    counting.unwilling["open"] = TimeoutError("timed out")

    assert later(1) == 0
    assert counting.connections == 1
    assert set(Notice.objects.values_list("times_tried", "sent_at")) == {(0, None)}
    assert later(1) == 0
    assert counting.connections == 1
    assert caplog.text.count("mail_server_down") == 1

    counting.unwilling.clear()
    assert later(3) == 3
    assert counting.sent == emails


def test_a_server_that_hangs_up_ends_the_batch_and_only_that_mail_was_tried(
    shop: Shop, ada: Shopper, counting: type[CountingMail]
) -> None:
    emails = order_three(shop, ada)
    counting.unwilling[emails[1]] = SMTPServerDisconnected("gone")

    assert later(1) == 2
    assert counting.sent == emails[:1]
    assert list(Notice.objects.order_by("pk").values_list("times_tried", flat=True)) == [1, 1, 0]
    # The mail that the server cannot stand does not keep the others from it.
    assert later(4) == 2
    assert counting.sent == [emails[0], emails[2]]


def test_a_mail_that_the_server_refuses_stops_no_other(shop: Shop, ada: Shopper, counting: type[CountingMail]) -> None:
    emails = order_three(shop, ada)
    counting.unwilling[emails[1]] = SMTPRecipientsRefused({})

    assert later(1) == 3
    assert counting.sent == [emails[0], emails[2]]


def test_a_slow_server_gets_no_more_in_a_batch_than_its_time(
    shop: Shop, ada: Shopper, counting: type[CountingMail], monkeypatch: pytest.MonkeyPatch
) -> None:
    emails = order_three(shop, ada)
    monkeypatch.setattr(outbox, "BUDGET_S", -1.0)

    assert later(1) == 0
    monkeypatch.undo()
    assert later(2) == 3
    assert counting.sent == emails


def test_the_job_sends_every_batch(shop: Shop, ada: Shopper) -> None:
    for _ in range(3):
        place(ada, shop.cash, (shop.cable, 1))
    with clock.turned(timedelta(minutes=1)):
        jobs.send_notices(timestamp=0)

    assert len(mail.outbox) == 3
