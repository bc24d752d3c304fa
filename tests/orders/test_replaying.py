"""Replaying received events: those that were asked for, each on its own; what is right already stays as it is."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from kit import clock
from orders import replaying
from orders.models import Order, OrderStatus
from payments import inbox
from payments.gateways.base import Event
from payments.models import EventState, PaymentAttempt, WebhookEvent
from tests.faults.buying import buy, now
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, deliver, settle_down
from tests.shop import Shop, Shopper, written


def replay_events(*flags: str) -> tuple[int, Any]:
    """Run the command; its exit code and its report."""
    out = StringIO()
    try:
        call_command("replay_events", "--json", *flags, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(str(end.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def failed(ada: Shopper, shop: Shop, sandbox: SandboxProcess, gateway: str) -> Order:
    """An order that was paid, whose events were all given up."""
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment)
    deliver()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    WebhookEvent.objects.update(state=EventState.FAILED, times_tried=12)
    return order


def attempts() -> list[dict[str, Any]]:
    """What our books say of every try to pay."""
    rows = PaymentAttempt.objects.order_by("pk").values()
    return [{name: value for name, value in row.items() if name != "changed_at"} for row in rows]


def stored(key: str, state: EventState, **fields: Any) -> WebhookEvent:
    inbox.store("stripe", Event(key=key, type="payout.paid", reference=""), b"{}")
    WebhookEvent.objects.filter(event_key=key).update(state=state, **fields)
    return WebhookEvent.objects.get(event_key=key)


def test_what_had_failed_is_worked(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order = failed(ada, shop, sandbox, gateway)
    events = WebhookEvent.objects.count()

    code, report = replay_events()

    assert (code, report) == (0, {"dry_run": False, "worked": events, "orphaned": 0, "failed": 0, "failures": []})
    assert now(order).status == OrderStatus.PAID
    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {EventState.WORKED}
    assert replay_events()[1]["worked"] == 0
    assert_books_agree(sandbox)


def test_replaying_everything_changes_nothing_that_is_right(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment)
    settle_down()
    before = written(), now(order).status, attempts()

    code, report = replay_events("--state", "all")

    assert (code, report["worked"]) == (0, WebhookEvent.objects.count())
    assert (written(), now(order).status, attempts()) == before


def test_what_fails_again_is_named_and_holds_up_no_other(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    poison, fine = failed(ada, shop, sandbox, "stripe"), failed(ada, shop, sandbox, "razorpay")
    sandbox.arm("stripe", "retrieve", "error_500", times=99)

    code, report = replay_events()

    sandbox.arm("stripe", "*", "none")
    assert (code, {failure["gateway"] for failure in report["failures"]}) == (1, {"stripe"})
    assert {failure["failure"] for failure in report["failures"]} == {"had_error"}
    assert set(WebhookEvent.objects.filter(gateway="stripe").values_list("state", flat=True)) == {EventState.FAILED}
    assert (now(poison).status, now(fine).status) == (OrderStatus.PAYMENT_PENDING, OrderStatus.PAID)
    assert replay_events()[0] == 0
    assert now(poison).status == OrderStatus.PAID


def test_a_dry_run_names_the_events_and_writes_nothing(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    failed(ada, shop, sandbox, "stripe")
    before, states = written(), list(WebhookEvent.objects.values())

    code, report = replay_events("--dry-run")

    assert (code, [row["id"] for row in report["events"]]) == (
        0,
        list(WebhookEvent.objects.order_by("pk").values_list("pk", flat=True)),
    )
    assert (written(), list(WebhookEvent.objects.values())) == (before, states)


def test_only_what_was_asked_for_is_worked(db: None) -> None:
    names = {f"evt_{state}": stored(f"evt_{state}", state).pk for state in EventState}

    def planned(*flags: str) -> list[int]:
        return [row["id"] for row in replay_events("--dry-run", *flags)[1]["events"]]

    assert planned() == [names["evt_failed"]]
    for state in EventState.values:
        assert planned("--state", state) == [names[f"evt_{state}"]]
    assert planned("--state", "all") == sorted(names.values())
    assert planned("--id", str(names["evt_worked"])) == [names["evt_worked"]]
    assert planned("--id", str(names["evt_worked"]), "--state", "failed") == []
    assert planned("--gateway", "razorpay", "--state", "all") == []
    assert planned("--gateway", "stripe", "--state", "all") == sorted(names.values())


@pytest.mark.parametrize("flags", [(), ("--dry-run",), ("--state", "failed")])
@pytest.mark.parametrize("missing", ["1", str(2**63 - 1), str(2**63), str(-(2**70))])
def test_an_id_that_no_event_has_is_refused_and_nothing_is_worked(
    db: None, flags: tuple[str, ...], missing: str
) -> None:
    event = stored("evt_1", EventState.FAILED)
    missing = str(event.pk + 1) if missing == "1" else missing
    before, row = written(), WebhookEvent.objects.values().get()

    with pytest.raises(CommandError) as refused:
        replay_events("--id", str(event.pk), "--id", missing, *flags)

    assert str(refused.value) == f"There is no event with the id {missing}; nothing was done."
    assert refused.value.returncode == 2
    assert (written(), WebhookEvent.objects.values().get()) == (before, row)


def test_since_and_until_are_half_open(db: None) -> None:
    instant = clock.now().replace(microsecond=0)
    event = stored("evt_1", EventState.FAILED)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE payments_webhookevent SET received_at = %s", [instant])
        cursor.execute("RESET session_replication_role")

    def planned(*flags: str) -> list[int]:
        return [row["id"] for row in replay_events("--dry-run", *flags)[1]["events"]]

    later = (instant + timedelta(seconds=1)).isoformat()
    assert planned("--since", instant.isoformat()) == planned("--until", later) == [event.pk]
    assert planned("--since", later) == planned("--until", instant.isoformat()) == []
    assert planned("--since", instant.date().isoformat()) == [event.pk]


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01", "12"])
def test_what_is_no_moment_is_refused(db: None, moment: str) -> None:
    with pytest.raises(CommandError, match="neither a date"):
        call_command("replay_events", "--since", moment)


def test_a_second_run_at_once_leaves_it_to_the_first(db: None) -> None:
    stored("evt_1", EventState.FAILED)
    with ThreadPoolExecutor(1) as beside:

        def hold() -> None:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_lock(hashtextextended('replay_events', 0))")

        def let_go() -> None:
            # Closing alone ends the session a moment later.
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")
            connection.close()

        beside.submit(hold).result()
        assert replay_events() == (0, {"running": True})
        beside.submit(let_go).result()
    assert replay_events()[1]["orphaned"] == 1


def test_a_failure_of_ours_is_one_event_s_own(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order = failed(ada, shop, sandbox, "stripe")
    stored("evt_other", EventState.FAILED)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'poison'; END $$;"
            "CREATE TRIGGER poison BEFORE INSERT ON payments_paymentattempt FOR EACH ROW EXECUTE FUNCTION poison()"
        )
    try:
        code, report = replay_events()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER poison ON payments_paymentattempt; DROP FUNCTION poison()")

    assert (code, report["orphaned"]) == (1, 1)
    assert report["failed"] == len(report["failures"]) == WebhookEvent.objects.filter(state="failed").count()
    assert now(order).status == OrderStatus.PAYMENT_PENDING
    with suppress(SystemExit):
        call_command("replay_events", stdout=StringIO())
    assert now(order).status == OrderStatus.PAID


def test_events_are_read_in_chunks_and_none_twice(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "_CHUNK", 2)
    events = [stored(f"evt_{number}", EventState.FAILED).pk for number in range(5)]
    assert [event.pk for event in replaying.stream(replaying.Selection())] == events
