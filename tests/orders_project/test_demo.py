"""The demo data: an order in every state, and nothing of it that gets in the way."""

from __future__ import annotations

from django.core import mail
from django.core.management import call_command

from orders.models import Order, OrderStatus
from orders.notifications import send_due
from orders_project.roles import ensure_roles


def test_the_demo_has_every_state_and_mails_nobody(db: None) -> None:
    ensure_roles()
    call_command("seed_demo", "--json")
    assert set(Order.objects.values_list("status", flat=True)) == {status.value for status in OrderStatus}
    assert send_due() == 0
    assert mail.outbox == []
