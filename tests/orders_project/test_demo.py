"""The demo data: an order in every state, and nothing of it that gets in the way."""

from __future__ import annotations

import re

from django.core import mail
from django.core.management import call_command

from orders.models import Order, OrderStatus
from orders.notifications import send_due
from orders_project.demo.merchants import ensure_merchant
from orders_project.roles import ensure_roles
from payments.merchants import keys
from payments.merchants.models import Merchant


def test_the_demo_has_every_state_and_mails_nobody(db: None) -> None:
    ensure_roles()
    call_command("seed_demo", "--json")
    assert set(Order.objects.values_list("status", flat=True)) == {status.value for status in OrderStatus}
    assert send_due() == 0
    assert mail.outbox == []


def test_the_demos_merchant_has_the_same_key_on_every_run_until_it_is_revoked(db: None) -> None:
    first = ensure_merchant()
    assert re.fullmatch(r"rzp_test_[0-9A-Za-z]{14}", first["key_id"])
    assert ensure_merchant() == first
    caller = keys.caller_of(first["key_id"], first["key_secret"])
    assert Merchant.objects.get().pk == caller.merchant_id

    keys.revoke(caller.key_id)
    Merchant.objects.update(active=False)

    second = ensure_merchant()
    assert (second["key_secret"], second["key_id"] != first["key_id"]) == (first["key_secret"], True)
    assert keys.caller_of(second["key_id"], second["key_secret"]).merchant_id == caller.merchant_id
    assert ensure_merchant() == second
