"""A refund that its gateway will not send, given up by a person; and what the gateway has of it first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from kit import clock
from kit.errors import DomainError
from kit.ids import new_id
from orders import actors
from orders.models import HistoryEvent, Order
from orders.returns import give_up_refund
from orders.settlement import settle
from payments import collecting, gateways
from payments.models import PaymentAttempt, PaymentRequest, Refund, RefundState
from tests.faults.buying import buy, cancel, confirm
from tests.gateway_process import SandboxProcess
from tests.jobs import chase, settle_down, waiting, work
from tests.shop import Shop, Shopper, hire, written


@pytest.fixture
def cancelled(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> Order:
    """An order that was paid and then cancelled; its refund is promised, and the gateway not yet told of it."""
    placed, reference = buy(ada, shop, gateway)
    sandbox.pay(reference, webhook="none")
    assert confirm(ada, placed).status_code == 204
    assert cancel(ada, placed).status_code == 200
    return placed


def boss() -> actors.Actor:
    return actors.staff(hire("boss@example.com", is_superuser=True).pk)


def refused(actor: actors.Actor) -> str:
    with pytest.raises(DomainError) as refusal:
        give_up_refund(Refund.objects.get().pk, actor=actor, reason="the card is closed")
    return refusal.value.first.code


def send_by_hand(order: Order) -> None:
    """Somebody sends everything back in the gateway's dashboard."""
    attempt = PaymentAttempt.objects.get()
    gateways.online(attempt.gateway).refund(
        attempt.request.gateway_reference or "", attempt.gateway_payment_id, order.total, key=str(new_id())
    )


def test_it_is_not_sent_nor_promised_again_by_itself(cancelled: Order) -> None:
    actor = boss()
    given_up = give_up_refund(Refund.objects.get().pk, actor=actor, reason="the card is closed")

    assert (given_up.state, given_up.failed_because, given_up.given_up_by_id) == (
        RefundState.FAILED,
        "the card is closed",
        actor.user_id,
    )
    told = cancelled.history.get(event=HistoryEvent.REFUND_FAILED)
    assert (told.actor_id, told.facts["reason"]) == (actor.user_id, "the card is closed")
    settle_down()
    assert Refund.objects.count() == 1
    assert PaymentAttempt.objects.get().refunded_minor == 0


def test_what_the_gateway_has_after_all_is_booked_instead(
    cancelled: Order, sandbox: SandboxProcess, gateway: str
) -> None:
    sandbox.arm(gateway, "refund", "timeout_after")
    work()
    assert Refund.objects.get().state == RefundState.UNKNOWN

    assert refused(boss()) == "refund_not_waiting"

    assert Refund.objects.get().state == RefundState.SUCCEEDED


def test_while_the_gateway_is_asked_nobody_gives_it_up(cancelled: Order) -> None:
    Refund.objects.update(state=RefundState.UNKNOWN, told_at=clock.now())
    actor, before = boss(), written()

    assert refused(actor) == "refund_in_flight"

    assert written() == before
    with clock.turned(settings.UNKNOWN_OUTCOME_ASK_AFTER + timedelta(seconds=1)):
        assert give_up_refund(Refund.objects.get().pk, actor=actor, reason="x").state == RefundState.FAILED


def test_only_who_may_approve_refunds(cancelled: Order) -> None:
    clerk, before = actors.staff(hire().pk), written()
    assert refused(clerk) == "approval_not_allowed"
    assert written() == before


def test_one_of_unknown_outcome_and_one_by_hand_end_well(
    cancelled: Order, sandbox: SandboxProcess, gateway: str
) -> None:
    sandbox.arm(gateway, "refund", "timeout_before")
    work()
    assert Refund.objects.get().state == RefundState.UNKNOWN
    send_by_hand(cancelled)
    request = PaymentRequest.objects.get()

    # Heard of too early: ours may be under way.
    settle(cancelled.pk, actor=actors.GATEWAY, report=collecting.fetch(request))
    assert Refund.objects.get().state == RefundState.UNKNOWN
    chase(rounds=2)

    assert sorted(Refund.objects.values_list("state", flat=True)) == ["failed", "succeeded"]
    cancelled.refresh_from_db()
    assert (cancelled.status, cancelled.refunded_minor) == ("cancelled", cancelled.total_minor)
    assert waiting() == []


def test_one_that_the_gateway_rejects_may_be_withdrawn_at_once(cancelled: Order) -> None:
    send_by_hand(cancelled)
    work()
    promised = Refund.objects.get()
    assert (promised.state, promised.told_at) == (RefundState.APPROVED, None)
    chase()
    assert sorted(Refund.objects.values_list("state", flat=True)) == ["failed", "succeeded"]
