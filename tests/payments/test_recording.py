"""What a gateway says, in any order and any number of times, ends in one state; what is not about us changes none."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from django.db.models.signals import pre_save
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit import clock
from orders import actors
from orders.models import Order, OrderStatus
from orders.settlement import send_back, settle
from payments import collecting, queries
from payments.gateways.base import RefundReport, RequestReport
from payments.models import (
    AttemptState,
    PaymentAttempt,
    PaymentRequest,
    Refund,
    RefundState,
    RequestState,
)
from tests.payments.reports import asked, payment, refund, report, usd
from tests.shop import Shop, Shopper


def hear(order: Order, *reports: RequestReport) -> Order:
    for each in reports:
        settle(order.pk, actor=actors.GATEWAY, report=each)
    return Order.objects.get(pk=order.pk)


def history(request: PaymentRequest) -> list[RequestReport]:
    """The life of a request at its gateway, as it would be told at each of its stages."""
    half = request.amount_minor // 2
    second = refund(request, "b", half - 1)

    def first(outcome: str) -> RefundReport:
        return refund(request, "a", half, outcome)

    stages = [
        (),
        (payment(request, "started"),),
        (payment(request, "failed"),),
        (payment(request, "authorized"),),
        (payment(request, "captured"),),
        (payment(request, "captured"), payment(request, "started", "2")),
        (payment(request, "captured"), payment(request, "authorized", "2")),
        (payment(request, "captured", refunds=(first("sent"),)), payment(request, "cancelled", "2")),
        (payment(request, "captured", refunds=(first("succeeded"),)), payment(request, "cancelled", "2")),
        (payment(request, "captured", refunds=(first("succeeded"), second)), payment(request, "cancelled", "2")),
        (payment(request, "captured", refunds=(first("failed"), second)), payment(request, "cancelled", "2")),
    ]
    return [report(request, *payments) for payments in stages]


def state_of(order: Order, request: PaymentRequest) -> Any:
    order.refresh_from_db()
    request.refresh_from_db()
    attempts = PaymentAttempt.objects.filter(request=request).order_by("gateway_payment_id")
    refunds = Refund.objects.filter(attempt__request=request).order_by("gateway_refund_id")
    return (
        (order.status, order.collected_minor, order.refunded_minor, request.state),
        [(a.gateway_payment_id[-1], a.state, a.captured_minor, a.refunded_minor, a.failure_code) for a in attempts],
        [((r.gateway_refund_id or "")[-1:], r.state, r.amount_minor) for r in refunds],
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(heard=st.lists(st.integers(0, 10), min_size=1, max_size=8), again=st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_end_in_the_same_state(
    shop: Shop, ada: Shopper, heard: list[int], again: Any
) -> None:
    straight, straight_request = asked(ada, shop)
    stages = history(straight_request)
    hear(straight, *(stages[index] for index in sorted(set(heard))))

    shuffled, shuffled_request = asked(ada, shop)
    stages = history(shuffled_request)
    again.shuffle(heard)
    hear(shuffled, *(stages[index] for index in heard))

    assert state_of(shuffled, shuffled_request) == state_of(straight, straight_request)


def test_an_older_word_after_a_newer_one_takes_nothing_back(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    stages = history(request)

    order = hear(order, *stages, *reversed(stages))

    assert (order.status, order.collected_minor) == (OrderStatus.PAID, order.total_minor)
    assert order.refunded_minor == order.total_minor // 2 - 1


def test_repeating_a_report_writes_no_history(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    told = report(request, payment(request, "captured"))

    order = hear(order, *[told] * 5)

    assert [entry.event for entry in order.history.order_by("pk")] == ["placed", "payment"]


@pytest.mark.parametrize("minor", [1, 100, 19998])
def test_too_little_is_a_part_and_never_paid(shop: Shop, ada: Shopper, minor: int) -> None:
    order, request = asked(ada, shop)

    order = hear(
        order,
        report(request, payment(request, "captured", amount_minor=minor, captured_minor=minor), amount=usd(minor)),
    )

    assert (order.status, order.collected_minor) == (OrderStatus.PARTIALLY_PAID, minor)


def test_another_currency_counts_for_nothing_and_is_written_down(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)

    order = hear(order, report(request, payment(request, "captured", currency="INR")))

    assert (order.status, order.collected_minor) == (OrderStatus.PAYMENT_PENDING, 0)
    attempt = PaymentAttempt.objects.get()
    assert (attempt.currency, attempt.captured_minor) == ("INR", request.amount_minor)
    request.refresh_from_db()
    assert request.state == RequestState.OPEN


@pytest.mark.parametrize("wrong", [{"key": "01a1fd8a-231c-75ea-a0af-606c96549b12"}, {"key": "somebody else's"}])
def test_a_report_that_names_another_request_is_not_believed(
    shop: Shop, ada: Shopper, wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    order, request = asked(ada, shop)

    order = hear(order, report(request, payment(request, "captured"), **wrong))

    assert (order.status, order.collected_minor) == (OrderStatus.PAYMENT_PENDING, 0)
    assert not PaymentAttempt.objects.exists()
    assert "gateway_reports_another_request" in caplog.text


def test_a_payment_of_another_order_is_not_counted_twice(shop: Shop, ada: Shopper) -> None:
    first, first_request = asked(ada, shop)
    second, second_request = asked(ada, shop)
    stolen = payment(first_request, "captured")
    hear(first, report(first_request, stolen))

    second = hear(second, report(second_request, stolen))

    assert (second.status, second.collected_minor) == (OrderStatus.PAYMENT_PENDING, 0)
    assert PaymentAttempt.objects.get().request_id == first_request.pk


def test_a_report_on_another_orders_request_is_not_recorded_for_this_one(shop: Shop, ada: Shopper) -> None:
    first, first_request = asked(ada, shop)
    second, _ = asked(ada, shop)

    second = hear(second, report(first_request, payment(first_request, "captured")))

    assert (second.status, second.collected_minor) == (OrderStatus.PAYMENT_PENDING, 0)
    assert Order.objects.get(pk=first.pk).status == OrderStatus.PAYMENT_PENDING


def test_our_refund_is_known_again_by_its_key(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    order = hear(order, report(request, payment(request, "captured")))
    (ours,) = promise(order, 500)

    hear(order, report(request, payment(request, "captured", refunds=(refund(request, "x", 500, key=str(ours.pk)),))))

    ours.refresh_from_db()
    assert (ours.state, ours.gateway_refund_id) == (RefundState.SUCCEEDED, refund(request, "x", 500).refund_id)
    assert Refund.objects.count() == 1


def test_what_a_stranger_calls_our_refund_of_another_amount_is_not_believed(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    order = hear(order, report(request, payment(request, "captured")))
    (ours,) = promise(order, 500)

    hear(order, report(request, payment(request, "captured", refunds=(refund(request, "x", 499, key=str(ours.pk)),))))

    ours.refresh_from_db()
    assert ours.state == RefundState.APPROVED
    assert PaymentAttempt.objects.get().refunded_minor == 0


def test_late_authorization_turns_a_failed_try_into_money(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)

    hear(order, report(request, payment(request, "failed")))
    order = hear(order, report(request, payment(request, "captured")))

    attempt = PaymentAttempt.objects.get()
    assert (attempt.state, attempt.failure_code, order.status) == (AttemptState.CAPTURED, "", OrderStatus.PAID)


def promise(order: Order, minor: int) -> list[Refund]:
    """Staff promise a part of the money back."""
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        assert send_back(locked, minor, reason="goodwill", actor=actors.SYSTEM) == minor
    return list(Refund.objects.all())


def test_a_wish_to_capture_that_is_written_meanwhile_is_kept(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    held = report(request, payment(request, "authorized"))
    settle(order.pk, actor=actors.GATEWAY, report=held)
    wanted = clock.now()

    def want(**_: object) -> None:
        """Between the reading and the writing of the attempt, as collecting does it, without the request's lock."""
        PaymentAttempt.objects.update(capture_wanted_at=wanted)

    pre_save.connect(want, sender=PaymentAttempt)
    try:
        settle(order.pk, actor=actors.GATEWAY, report=held)
    finally:
        pre_save.disconnect(want, sender=PaymentAttempt)

    assert PaymentAttempt.objects.get().capture_wanted_at == wanted


def test_one_that_was_refused_and_exists_after_all_does_not_stand_beside_its_successor(
    shop: Shop, ada: Shopper
) -> None:
    order, first = asked(ada, shop)
    PaymentRequest.objects.update(state=RequestState.REFUSED, gateway_reference=None, cancel_wanted_at=clock.now())
    second = PaymentRequest.objects.create(
        subject_id=order.pk, gateway="stripe", amount_minor=order.total_minor, currency="USD", state=RequestState.OPEN
    )

    hear(order, report(first))

    first.refresh_from_db()
    assert first.state == RequestState.REFUSED
    assert queries.unclear_requests().get() == first
    collecting.mark_cancelled(first.pk)
    assert set(PaymentRequest.objects.values_list("pk", "state")) == {(first.pk, "cancelled"), (second.pk, "open")}
