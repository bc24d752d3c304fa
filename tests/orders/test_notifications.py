"""One confirmation for each order, whatever the mail server does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from smtplib import SMTPServerDisconnected
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test import override_settings

from kit import clock
from orders import jobs, notifications
from orders.models import Notice
from tests.shop import Shop, Shopper, place


class BrokenMail(BaseEmailBackend):
    """A mail server that hangs up."""

    def send_messages(self, email_messages: Any) -> int:
        raise SMTPServerDisconnected("gone")


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
    for _ in range(3):
        notifications.want_confirmation(order)

    assert Notice.objects.count() == 1
    later(1)
    notifications.want_confirmation(order)
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


def test_the_job_sends_every_batch(shop: Shop, ada: Shopper) -> None:
    for _ in range(3):
        place(ada, shop.cash, (shop.cable, 1))
    with clock.turned(timedelta(minutes=1)):
        jobs.send_notices(timestamp=0)

    assert len(mail.outbox) == 3
