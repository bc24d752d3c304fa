"""What runs in the background: it finds what was lost, nothing keeps others waiting, a worker takes it as it is."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import DatabaseError, connection
from procrastinate.contrib.django import app

from customers.models import Session
from kit import clock
from orders import actors, cancellation, jobs
from orders.models import Notice, Order, OrderStatus, PaymentTerms
from orders_project import jobs as upkeep
from orders_project.idempotency.models import KeptAnswer
from payments import inbox
from payments.gateways.base import Event
from payments.models import EventState, PaymentRequest, RequestState, WebhookEvent
from tests.faults.buying import buy, now
from tests.gateway_process import SandboxProcess
from tests.jobs import chase, deliver, waiting, work
from tests.processes import process, wait_until
from tests.shop import Shop, Shopper, item, left, order_on_delivery, place

EVERY_MINUTE_OR_OFTENER = {"orders.chase", "orders.expire", "orders.send_notices", "orders.retry_stalled_jobs"}


def job_rows(**where: str) -> list[str]:
    names = " AND ".join(f"{column} = %s" for column in where) or "true"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT task_name FROM procrastinate_jobs WHERE {names} ORDER BY id", list(where.values()))
        return [name for (name,) in cursor.fetchall()]


def test_every_periodic_job_has_a_lock_on_its_place_in_the_queue() -> None:
    periodic = {name: app.tasks[name] for name, _ in app.periodic_registry.periodic_tasks}

    assert periodic.keys() == EVERY_MINUTE_OR_OFTENER | {"orders.forget_old_jobs", "orders_project.forget_old"}
    assert {name: task.queueing_lock for name, task in periodic.items()} == {name: name for name in periodic}


def test_the_worker_takes_the_periodic_jobs_as_they_are_defined(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    expired = place(ada, shop.standard, (shop.scarce, 1), terms=PaymentTerms.PREPAID)
    Order.objects.filter(pk=expired.pk).update(expires_at=clock.now() - timedelta(seconds=1))

    with process("manage.py", "procrastinate", "worker", "--concurrency", "4") as worker:
        wait_until(lambda: Notice.objects.filter(order=order, sent_at__isnull=False).exists(), worker, 20)
        wait_until(lambda: now(expired).status == OrderStatus.CANCELLED, worker, 20)
        # Its request was never told to a gateway: the job that the cancellation wrote finds that out.
        wait_until(lambda: {"orders.chase", "orders.chase_request"} <= set(job_rows(status="succeeded")), worker, 20)

    assert job_rows(status="failed") == []
    assert left(shop.scarce) == 1


def test_a_cancellation_tells_the_gateway_in_a_job_of_its_transaction(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order, _ = buy(ada, shop, "stripe")
    request = PaymentRequest.objects.get()

    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)

    assert waiting() == [("orders.chase_request", {"request_id": str(request.pk)})]
    work()
    assert PaymentRequest.objects.get().state == RequestState.CANCELLED
    assert sandbox.books("stripe")["orders"][0]["status"] == "canceled"


def test_a_lost_job_is_made_up_for_by_the_chase(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, _ = buy(ada, shop, "stripe")
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")

    chase()

    assert sandbox.books("stripe")["orders"][0]["status"] == "canceled"


def test_a_request_whose_creation_may_still_be_under_way_is_not_given_up(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)

    work()
    assert PaymentRequest.objects.get().state == RequestState.INITIATED
    chase()
    assert PaymentRequest.objects.get().state == RequestState.CANCELLED


def test_a_fresh_request_is_left_alone(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)

    jobs.chase(timestamp=0)
    with clock.turned(settings.UNKNOWN_OUTCOME_ASK_AFTER / 2):
        jobs.chase(timestamp=0)

    assert now(order).status == OrderStatus.PAYMENT_PENDING


def test_orders_expire_when_their_time_is_over_and_not_before(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.standard, (shop.scarce, 1), terms=PaymentTerms.PREPAID)
    cash = place(ada, shop.cash, (shop.cable, 1))

    for early, status in [(True, OrderStatus.PAYMENT_PENDING), (False, OrderStatus.CANCELLED)]:
        with clock.turned(settings.ORDER_EXPIRES_AFTER + timedelta(seconds=-5 if early else 5)):
            jobs.expire_orders(timestamp=0)
        assert now(order).status == status

    assert order.history.get(event="expired").actor_kind == "system"
    assert now(cash).status == OrderStatus.PAYMENT_PENDING
    assert left(shop.scarce) == 1


def test_one_order_that_cannot_expire_keeps_no_other_waiting(
    shop: Shop, ada: Shopper, caplog: pytest.LogCaptureFixture
) -> None:
    poison = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    other = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'poison'; END $$;"
            f"CREATE TRIGGER poison BEFORE UPDATE ON orders_order FOR EACH ROW WHEN (OLD.id = '{poison.pk}')"
            " EXECUTE FUNCTION poison()"
        )
    try:
        with clock.turned(settings.ORDER_EXPIRES_AFTER + timedelta(minutes=1)):
            jobs.expire_orders(timestamp=0)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER poison ON orders_order; DROP FUNCTION poison()")

    assert (now(poison).status, now(other).status) == (OrderStatus.PAYMENT_PENDING, OrderStatus.CANCELLED)
    assert "chase_failed" in caplog.text


def test_a_poison_event_is_given_up_and_seen_and_others_go_on(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    (poison, first), (other, second) = (buy(ada, shop, "stripe") for _ in range(2))
    request = PaymentRequest.objects.get(subject_id=poison.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'poison'; END $$;"
            "CREATE TRIGGER poison BEFORE INSERT ON payments_paymentattempt FOR EACH ROW"
            f" WHEN (NEW.request_id = '{request.pk}') EXECUTE FUNCTION poison()"
        )
    try:
        sandbox.pay(first)
        sandbox.pay(second)
        deliver()
        while waiting():
            with suppress(DatabaseError):
                work()
        chase(rounds=jobs.GIVE_UP_EVENT_AFTER)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER poison ON payments_paymentattempt; DROP FUNCTION poison()")

    assert (now(poison).status, now(other).status) == (OrderStatus.PAYMENT_PENDING, OrderStatus.PAID)
    states = dict(WebhookEvent.objects.values_list("gateway_reference", "state"))
    assert states[str(request.gateway_reference)] == EventState.FAILED
    assert sorted(states.values()) == [EventState.FAILED, EventState.WORKED]


def test_an_event_about_nothing_is_an_orphan(sandbox: SandboxProcess) -> None:
    for reference in ("", "pi_000000000000000000000000"):
        inbox.store("stripe", Event(key=f"evt {reference}", type="payout.paid", reference=reference), b"{}")

    work()

    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {EventState.ORPHANED}


def test_a_gateway_that_is_down_for_long_fails_no_event(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, payment = buy(ada, shop, "stripe")
    sandbox.pay(payment)
    deliver()
    sandbox.arm("stripe", "retrieve", "html_502", times=1000)
    for event_id in WebhookEvent.objects.values_list("pk", flat=True):
        for _ in range(jobs.GIVE_UP_EVENT_AFTER + 3):
            with pytest.raises(Exception, match="payment provider"):
                jobs.work_event(event_id=event_id)
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {EventState.RECEIVED}

    sandbox.arm("stripe", "*", "none")
    chase()

    assert now(order).status == OrderStatus.PAID


def test_no_secret_travels_in_a_job_or_in_the_log(
    sandbox: SandboxProcess,
    shop: Shop,
    ada: Shopper,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = {settings.STRIPE_SECRET_KEY, settings.RAZORPAY_KEY_SECRET, settings.STRIPE_WEBHOOK_SECRET, ada.access}
    arguments = []
    for gateway in ("stripe", "razorpay"):
        order, payment = buy(ada, shop, gateway)
        secrets |= (
            {PaymentRequest.objects.get(subject_id=order.pk).client_secret or payment} if gateway == "stripe" else set()
        )
        sandbox.pay(payment)
        deliver()
        sandbox.arm(gateway, "retrieve", "error_500")
        with pytest.raises(Exception, match="payment provider"):
            jobs.work_event(event_id=WebhookEvent.objects.latest("pk").pk)
        cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
        arguments += [json.dumps(given) for _, given in waiting()]
        work()

    streams = capfd.readouterr()
    written = caplog.text + streams.out + streams.err + "".join(arguments)
    assert [secret for secret in secrets if secret in written] == []


def test_old_jobs_go_and_failed_ones_stay_longer(db: None) -> None:
    with connection.cursor() as cursor:
        for status, days in [("succeeded", 0), ("succeeded", 2), ("failed", 2), ("failed", 40), ("todo", 40)]:
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status, args, attempts)"
                " VALUES ('x', %s, %s::procrastinate_job_status, '{}', 0) RETURNING id",
                [f"{status} {days}", status],
            )
            cursor.execute("DELETE FROM procrastinate_events WHERE job_id = %s", cursor.fetchone())
            cursor.execute(
                "INSERT INTO procrastinate_events (type, job_id, at)"
                " SELECT %s::procrastinate_job_event_type, max(id), now() - %s * interval '1 day'"
                " FROM procrastinate_jobs",
                ["deferred" if status == "todo" else status, days],
            )

    in_worker(jobs.forget_old_jobs)

    assert job_rows() == ["succeeded 0", "failed 2", "todo 40"]


def test_the_jobs_of_a_dead_worker_go_back_and_periodic_ones_go(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
        )
        (worker,) = cursor.fetchone()
        for name, lock in [("orders.chase", "orders.chase"), ("orders.work_event", None)]:
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status, args, queueing_lock, worker_id)"
                " VALUES ('x', %s, 'doing', '{}', %s, %s)",
                [name, lock, worker],
            )
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, queueing_lock)"
            " VALUES ('x', 'orders.chase', '{}', 'orders.chase')"
        )

    in_worker(jobs.retry_stalled_jobs)

    assert sorted(job_rows(status="todo")) == ["orders.chase", "orders.work_event"]
    assert job_rows(status="doing") == []


def test_what_nobody_asks_for_any_more_is_forgotten(shop: Shop, ada: Shopper) -> None:
    order_on_delivery(ada, shop, item(shop.cable), key="cart-1")
    upkeep.forget_old(timestamp=0)
    assert (KeptAnswer.objects.count(), Session.objects.count()) == (1, 1)

    with clock.turned(timedelta(days=60)):
        upkeep.forget_old(timestamp=0)

    assert (KeptAnswer.objects.count(), Session.objects.count()) == (0, 0)


def in_worker(task: object) -> None:
    """Run an asynchronous job as a worker does, with the worker's own connection."""

    async def run() -> None:
        worker_app = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
        async with worker_app.open_async():
            await task(SimpleNamespace(app=worker_app), timestamp=0)  # type: ignore[operator]

    asyncio.run(run())
