"""Expiry on demand: all that is due, each order once, with a last look; twice or at once is as good as once."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from kit import clock
from orders import expiry
from orders.models import Order, OrderStatus, PaymentTerms
from tests.faults.buying import buy, now
from tests.gateway_process import SandboxProcess
from tests.shop import Shop, Shopper, left, place, written


def expire_orders(*flags: str) -> tuple[int, Any]:
    """Run the command; its exit code and its report."""
    out = StringIO()
    try:
        call_command("expire_orders", "--json", *flags, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def overdue(ada: Shopper, shop: Shop, minutes: int = 1) -> Order:
    """An order that no gateway was told of, and whose time is over."""
    order = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now() - timedelta(minutes=minutes))
    return order


def test_all_that_is_due_expires_and_the_rest_stays(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "BATCH", 2)
    due = [overdue(ada, shop, minutes) for minutes in (3, 3, 2, 1, 5)]
    waits = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    cash = place(ada, shop.cash, (shop.cable, 1))

    assert expire_orders() == (0, {"dry_run": False, "expired": 5, "kept": 0, "failed": 0, "unasked": 0})

    assert {now(order).status for order in due} == {OrderStatus.CANCELLED}
    assert {now(order).status for order in (waits, cash)} == {OrderStatus.PAYMENT_PENDING}
    assert left(shop.cable) == 998
    assert expire_orders() == (0, {"dry_run": False, "expired": 0, "kept": 0, "failed": 0, "unasked": 0})


def test_a_dry_run_names_the_orders_and_writes_nothing(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    late, later = overdue(ada, shop, 5), overdue(ada, shop, 9)
    before = written()
    sandbox.arm("stripe", "*", "error_500")

    code, report = expire_orders("--dry-run")

    sandbox.arm("stripe", "*", "none")
    assert (code, [order["number"] for order in report["orders"]]) == (0, [later.number, late.number])
    assert written() == before


def test_who_paid_in_time_has_paid(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")

    with clock.turned(settings.ORDER_EXPIRES_AFTER + timedelta(minutes=1)):
        assert expire_orders() == (0, {"dry_run": False, "expired": 0, "kept": 1, "failed": 0, "unasked": 0})

    assert now(order).status == OrderStatus.PAID


def test_a_gateway_that_cannot_be_asked_is_an_open_end(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    orders = [buy(ada, shop, "stripe")[0] for _ in range(2)]
    sandbox.arm("stripe", "retrieve", "error_500", times=9)

    with clock.turned(settings.ORDER_EXPIRES_AFTER + timedelta(minutes=1)):
        code, report = expire_orders()

    sandbox.arm("stripe", "*", "none")
    assert (code, report) == (1, {"dry_run": False, "expired": 2, "kept": 0, "failed": 0, "unasked": 2})
    assert {now(order).status for order in orders} == {OrderStatus.CANCELLED}


def test_one_that_cannot_expire_keeps_no_other_waiting(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    # The last one of its round: the next round must not begin with it again.
    poison, other = overdue(ada, shop, 4), overdue(ada, shop, 5)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'poison'; END $$;"
            f"CREATE TRIGGER poison BEFORE UPDATE ON orders_order FOR EACH ROW WHEN (OLD.id = '{poison.pk}')"
            " EXECUTE FUNCTION poison()"
        )
    try:
        code, report = expire_orders()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER poison ON orders_order; DROP FUNCTION poison()")

    assert (code, report["expired"], report["failed"]) == (1, 1, 1)
    assert (now(poison).status, now(other).status) == (OrderStatus.PAYMENT_PENDING, OrderStatus.CANCELLED)


def test_two_at_once_expire_each_order_once(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    orders = [overdue(ada, shop, minutes) for minutes in range(1, 9)]
    barrier, reports = threading.Barrier(2), list[tuple[int, Any]]()

    def run() -> None:
        try:
            barrier.wait()
            reports.append(expire_orders())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [code for code, _ in reports] == [0, 0]
    assert sum(report["expired"] for _, report in reports) == len(orders)
    assert {order.history.filter(event="expired").count() for order in orders} == {1}


def test_people_read_sentences(shop: Shop, ada: Shopper) -> None:
    order = overdue(ada, shop)
    out = StringIO()
    call_command("expire_orders", "--dry-run", stdout=out)
    assert f"Order {order.number}, due since " in out.getvalue()
    call_command("expire_orders", stdout=out)
    assert out.getvalue().endswith("1 orders expired, 0 were kept, 0 failed; the gateway could not be asked about 0.\n")
