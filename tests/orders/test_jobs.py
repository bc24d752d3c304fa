"""What runs in the background: it finds what was lost, nothing keeps others waiting, a worker takes it as it is."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from subprocess import Popen
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test import override_settings
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from customers.models import Session
from kit import clock
from orders import actors, cancellation, jobs
from orders.models import Notice, Order, OrderStatus, PaymentTerms
from orders_project import jobs as upkeep
from orders_project.idempotency.models import KeptAnswer
from payments import gateways, inbox
from payments.gateways.base import Event, Rejected
from payments.models import EventState, PaymentRequest, RequestState, WebhookEvent
from runner.programs import WORKERS
from tests.faults.buying import buy, confirm, now
from tests.gateway_process import SandboxProcess
from tests.jobs import chase, deliver, waiting, work
from tests.processes import process, wait_until
from tests.shop import Shop, Shopper, item, left, order_on_delivery, place

HANGING = "tests.orders.test_notifications.HangingMail"
EVERY_MINUTE_OR_OFTENER = {
    "customers.expire_memberships",
    "customers.send_membership_notices",
    "orders.chase",
    "orders.expire",
    "orders.match_orphans",
    "orders.send_notices",
    "orders.retry_stalled_jobs",
    "outgoing.send",
}


def job_rows(**where: str) -> list[str]:
    names = " AND ".join(f"{column} = %s" for column in where) or "true"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT task_name FROM procrastinate_jobs WHERE {names} ORDER BY id", list(where.values()))
        return [name for (name,) in cursor.fetchall()]


def test_every_periodic_job_waits_once_and_runs_once_at_a_time() -> None:
    periodic = {name: app.tasks[name] for name, _ in app.periodic_registry.periodic_tasks}

    assert periodic.keys() == EVERY_MINUTE_OR_OFTENER | {
        "customers.remind_members",
        "orders.auto_upgrade",
        "orders.expire_credits",
        "orders.forget_images",
        "orders.forget_old_jobs",
        "orders.reconcile_payments",
        "orders.remind_of_credit",
        "orders_project.forget_old",
        "merchants.reseal",
        "outgoing.forget_old",
        "settlements.reconcile",
    }
    assert {name: task.queueing_lock for name, task in periodic.items()} == {name: name for name in periodic}
    # The one that frees the locks of the dead must not need one itself; senders take turns that nobody dead can hold.
    unlocked = {"orders.retry_stalled_jobs", "outgoing.send"}
    assert {name: task.lock for name, task in periodic.items()} == {
        name: None if name in unlocked else name for name in periodic
    }


def test_every_job_has_a_worker_of_its_kind() -> None:
    queues = [queue for queues, _ in WORKERS.values() for queue in queues]

    assert len(queues) == len(set(queues))
    assert {
        task.queue for name, task in app.tasks.items() if name.startswith(("orders", "outgoing", "customers"))
    } == set(queues)


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


@pytest.fixture
def workers(db: None) -> Iterator[Callable[..., Popen[bytes]]]:
    """Starts the named worker processes as `make run` does; the last of them."""
    with ExitStack() as running:

        def start(*names: str, **settings: str) -> Popen[bytes]:
            for name in names:
                queues, concurrency = WORKERS[name]
                flags = ("--queues", ",".join(queues), "--concurrency", str(concurrency))
                started = running.enter_context(process("manage.py", "procrastinate", "worker", *flags, **settings))
            return started

        yield start


def running_at_once(name: str) -> int:
    """How many jobs of this name were ever at work at the same moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(max(running), 0) FROM (SELECT sum(CASE type WHEN 'started' THEN 1 ELSE -1 END)"
            " OVER (ORDER BY at, type = 'started') AS running FROM procrastinate_events e"
            " JOIN procrastinate_jobs j ON j.id = e.job_id WHERE task_name = %s"
            " AND type IN ('started', 'succeeded', 'failed', 'aborted')) counted",
            [name],
        )
        return int(cursor.fetchone()[0])


def test_two_rounds_of_the_chase_never_overlap(workers: Callable[..., Popen[bytes]]) -> None:
    with transaction.atomic():
        # The round waits for this lock.
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE payments_paymentrequest IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor(1) as beside:
            # Not of the transaction that holds the lock.
            def see(act: Callable[[], Any]) -> Any:
                def alone() -> Any:
                    try:
                        return act()
                    finally:
                        connection.close()

                return beside.submit(alone).result()

            def doing() -> list[str]:
                rows: list[str] = see(lambda: job_rows(status="doing", task_name="orders.chase"))
                return rows

            def waits() -> list[str]:
                rows: list[str] = see(lambda: job_rows(status="todo", task_name="orders.chase"))
                return rows

            with suppress(AlreadyEnqueued):
                see(lambda: jobs.chase.configure().defer(timestamp=0))
            worker = workers("upkeep")
            wait_until(lambda: bool(doing()), worker)
            with suppress(AlreadyEnqueued):
                see(lambda: jobs.chase.configure().defer(timestamp=0))
            # A worker with free hands takes what it may take at once.
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                assert (doing(), waits()) == (["orders.chase"], ["orders.chase"])
                time.sleep(0.1)

    wait_until(lambda: len(job_rows(status="succeeded", task_name="orders.chase")) >= 2, worker)
    assert running_at_once("orders.chase") == 1


def test_a_webhook_and_an_expiry_wait_neither_for_a_slow_gateway_nor_for_a_hanging_mail_server(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, workers: Callable[..., Popen[bytes]]
) -> None:
    unwanted = [buy(ada, shop, "stripe", shop.cable)[0] for _ in range(20)]
    for order in unwanted:
        cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    paid, payment = buy(ada, shop, "razorpay", shop.cable)
    expiring = place(ada, shop.standard, (shop.scarce, 1), terms=PaymentTerms.PREPAID)
    order_on_delivery(ada, shop, item(shop.cable))
    with connection.cursor() as cursor:
        # All that is unwanted is found by the chase.
        cursor.execute("DELETE FROM procrastinate_jobs")
    PaymentRequest.objects.filter(subject_id__in=[order.pk for order in unwanted]).update(
        asked_at=clock.now() - timedelta(hours=2), times_asked=1
    )
    sandbox.arm("stripe", "*", "timeout_before", times=100)
    sandbox.pay(payment)

    worker = workers("events", "money", "upkeep", MAIL_BACKEND=HANGING, GATEWAY_READ_TIMEOUT_S="20")
    wait_until(lambda: job_rows(status="doing").count("orders.chase_request") == WORKERS["money"][1], worker, 30)
    wait_until(lambda: "orders.send_notices" in job_rows(status="doing"), worker, 30)
    Order.objects.filter(pk=expiring.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    deliver()
    wait_until(lambda: now(paid).status == OrderStatus.PAID, worker, 3)
    # The gateway keeps its worker busy all the while.
    assert 0 < job_rows(status="doing").count("orders.chase_request") <= WORKERS["money"][1]
    wait_until(lambda: now(expiring).status == OrderStatus.CANCELLED, worker, 15)

    # The mail server still hangs, and nothing has piled up.
    assert job_rows(status="doing").count("orders.send_notices") == 1
    assert len(job_rows(task_name="orders.chase_request")) <= len(unwanted) + 1
    assert {running_at_once(name) for name in ("orders.chase", "orders.send_notices")} == {1}


def test_a_round_of_the_chase_asks_nobody_and_queues_no_row_twice(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    orders = [buy(ada, shop, gateway)[0] for gateway in ("stripe", "razorpay")]
    for order in orders:
        cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    inbox.store("stripe", Event(key="evt_1", type="payout.paid", reference=""), b"{}")
    requests = [str(pk) for pk in PaymentRequest.objects.order_by("created_at").values_list("pk", flat=True)]

    with clock.turned(2 * settings.UNKNOWN_OUTCOME_ASK_AFTER):
        # The cancellations' own jobs wait already.
        jobs.chase(timestamp=0)
        jobs.chase(timestamp=0)

    chased = [given["request_id"] for name, given in waiting() if name == "orders.chase_request"]
    assert chased == requests
    assert [name for name, _ in waiting()].count("orders.work_event") == 2
    assert set(PaymentRequest.objects.values_list("times_asked", flat=True)) == {0}


def test_a_hold_that_cannot_be_captured_is_asked_about_with_pauses_that_grow(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order, payment = buy(ada, shop, "stripe")
    sandbox.pay(payment, "authorize", webhook="none")
    sandbox.arm("stripe", "capture", "error_500", times=1000)
    assert confirm(ada, order).status_code == 503

    rounds = []
    for minutes in range(2, 40):
        with clock.turned(timedelta(minutes=minutes)):
            jobs.chase(timestamp=0)
            rounds.append(work())

    assert 3 <= sum(rounds) <= 6
    assert PaymentRequest.objects.get().times_asked == sum(rounds)
    sandbox.arm("stripe", "*", "none")
    chase(rounds=2)
    assert now(order).status == OrderStatus.PAID


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
    assert "expiry_failed" in caplog.text


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


def test_a_wrong_key_makes_no_orphans(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, payment = buy(ada, shop, "stripe")
    # The event is faster than the answer that carries the reference: only the gateway knows whose it is.
    reference = PaymentRequest.objects.get().gateway_reference
    PaymentRequest.objects.update(gateway_reference=None)
    sandbox.pay(payment)
    deliver()
    events = WebhookEvent.objects.filter(pk=WebhookEvent.objects.latest("pk").pk)
    event_id = events.get().pk
    with override_settings(STRIPE_SECRET_KEY="sk_test_0123456789wrong"):
        gateways.online.cache_clear()
        try:
            for _ in range(jobs.GIVE_UP_EVENT_AFTER):
                assert events.get().state == EventState.RECEIVED
                with pytest.raises(Rejected):
                    jobs.work_event(event_id=event_id)
        finally:
            gateways.online.cache_clear()
    assert events.get().state == EventState.FAILED

    events.update(state=EventState.RECEIVED)
    jobs.work_event(event_id=event_id)
    assert now(order).status == OrderStatus.PAID
    assert PaymentRequest.objects.get().gateway_reference == reference


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
