"""What is asked about again, and when: soon at first, then with pauses that double up to an hour."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kit import clock
from orders.models import PaymentTerms
from payments import collecting, queries
from payments.models import AttemptState, PaymentAttempt, PaymentRequest, RequestState
from tests.payments.reports import asked
from tests.shop import Shop, Shopper, place

AFTER = timedelta(seconds=60)


def due_after(pause: timedelta) -> bool:
    return bool(queries.requests_to_chase(clock.now() + pause, AFTER, 10))


@pytest.fixture
def request_(shop: Shop, ada: Shopper) -> PaymentRequest:
    """A request that no gateway was told of."""
    order = place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    return PaymentRequest.objects.get(subject_id=order.pk)


def test_a_request_that_was_cut_off_is_due_after_a_while(request_: PaymentRequest) -> None:
    assert not due_after(timedelta(seconds=50))
    assert due_after(timedelta(seconds=70))


@pytest.mark.parametrize(
    ("state", "unwanted", "chased"),
    [
        (RequestState.INITIATED, False, True),
        (RequestState.UNKNOWN, False, True),
        (RequestState.UNKNOWN, True, True),
        (RequestState.OPEN, False, False),
        (RequestState.OPEN, True, True),
        (RequestState.PAID, True, False),
        (RequestState.CANCELLED, True, False),
        (RequestState.REFUSED, True, False),
    ],
)
def test_what_is_chased(request_: PaymentRequest, state: RequestState, unwanted: bool, chased: bool) -> None:
    rows = PaymentRequest.objects.filter(pk=request_.pk)
    try:
        rows.update(state=state, cancel_wanted_at=clock.now() if unwanted else None)
        assert due_after(timedelta(hours=2)) is chased
    finally:
        rows.update(state=RequestState.CANCELLED)


def test_the_pauses_double_up_to_an_hour(request_: PaymentRequest) -> None:
    for tries in range(1, 13):
        collecting.mark_asked(request_.pk)
        pause = min(AFTER * 2**tries, timedelta(hours=1))
        assert not due_after(pause - timedelta(seconds=5))
        assert due_after(pause + timedelta(seconds=5))


def test_a_limit_takes_the_oldest_first(shop: Shop, ada: Shopper) -> None:
    orders = [place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID) for _ in range(3)]
    oldest = [PaymentRequest.objects.get(subject_id=order.pk).pk for order in orders[:2]]

    assert queries.requests_to_chase(clock.now() + AFTER * 2, AFTER, 2) == oldest


def test_a_capture_is_chased_until_somebody_calls_the_order_off(shop: Shop, ada: Shopper) -> None:
    _, request = asked(ada, shop)
    PaymentAttempt.objects.create(
        request=request,
        gateway="razorpay",
        gateway_payment_id="pay_1",
        state=AttemptState.AUTHORIZED,
        amount_minor=request.amount_minor,
        currency="USD",
        capture_wanted_at=clock.now(),
    )
    later = clock.now() + AFTER * 2

    assert queries.captures_to_chase(later, AFTER, 10) == [request.pk]
    PaymentRequest.objects.update(cancel_wanted_at=clock.now())
    assert queries.captures_to_chase(later, AFTER, 10) == []
