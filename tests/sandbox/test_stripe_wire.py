"""Stripe's API as its official SDK sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
import stripe

from payments.sandbox.models import PaymentIntent
from tests.sandbox.conftest import Driver

pytestmark = pytest.mark.django_db(databases=["default", "sandbox"])

type NewIntent = Callable[..., stripe.PaymentIntent]


def test_a_new_intent_waits_for_a_payment_method(new_intent: NewIntent) -> None:
    intent = new_intent(metadata={"order": "7"}, automatic_payment_methods={"enabled": True}, description="Order 7")
    assert intent.id.startswith("pi_")
    assert str(intent.client_secret).startswith(f"{intent.id}_secret_")
    assert (intent.amount, intent.currency, intent.status) == (4599, "usd", "requires_payment_method")
    assert (intent.amount_received, intent.amount_capturable, intent.latest_charge) == (0, 0, None)
    assert intent.metadata.to_dict() == {"order": "7"}
    assert intent.automatic_payment_methods is not None
    assert intent.automatic_payment_methods.enabled is True
    assert intent.livemode is False


def test_a_paid_intent_shows_its_charge_and_what_the_fee_left(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent(10000)
    assert driver.pay(str(intent.client_secret), last4="0504") == {"payment": intent.id, "status": "succeeded"}
    expand: Any = {"expand": ["latest_charge.balance_transaction"]}
    paid = stripe_client.v1.payment_intents.retrieve(intent.id, expand)
    assert (paid.status, paid.amount_received) == ("succeeded", 10000)
    charge: Any = paid.latest_charge
    assert (charge.captured, charge.amount_captured, charge.amount_refunded) == (True, 10000, 0)
    assert (charge.payment_method_details.type, charge.payment_method_details.card.last4) == ("card", "0504")
    assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (320, 9680)


def test_a_declined_intent_says_why_and_takes_another_try(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent()
    assert driver.pay(intent.id, "fail")["status"] == "requires_payment_method"
    declined = stripe_client.v1.payment_intents.retrieve(intent.id)
    assert declined.last_payment_error is not None
    assert declined.last_payment_error.code == "card_declined"
    assert driver.pay(intent.id)["status"] == "succeeded"
    charges = stripe_client.v1.charges.list({"payment_intent": intent.id})
    assert [(charge.status, charge.failure_code) for charge in charges.data] == [
        ("succeeded", None),
        ("failed", "card_declined"),
    ]


def test_an_authorization_is_captured_in_part_and_the_rest_released(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent(1000, capture_method="manual")
    assert driver.pay(intent.id)["status"] == "requires_capture"
    assert stripe_client.v1.payment_intents.retrieve(intent.id).amount_capturable == 1000
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1001})
    assert refused.value.code == "amount_too_large"
    captured = stripe_client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 600})
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 600, 0)
    charge = stripe_client.v1.charges.list().data[0]
    assert (charge.amount, charge.amount_captured, charge.amount_refunded, charge.refunded) == (1000, 600, 400, False)
    (release,) = stripe_client.v1.refunds.list().data
    assert (release.amount, release.status, release.balance_transaction) == (400, "succeeded", None)
    assert [entry.amount for entry in stripe_client.v1.balance_transactions.list().data] == [600]
    assert driver.books("stripe")["orders"][0]["refunded"] == 0
    assert driver.post("fail_refund", {"refund": release.id}).status_code == 409


def test_cancelling_an_authorized_intent_releases_all_of_it(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent(1000, capture_method="manual")
    driver.pay(intent.id)
    stripe_client.v1.payment_intents.cancel(intent.id)
    charge = stripe_client.v1.charges.list().data[0]
    assert (charge.captured, charge.amount_refunded, charge.refunded) == (False, 1000, True)
    assert [refund.amount for refund in stripe_client.v1.refunds.list().data] == [1000]
    assert stripe_client.v1.balance_transactions.list().data == []
    assert [event.type for event in stripe_client.v1.events.list().data[:3]] == [
        "charge.refunded",
        "refund.created",
        "payment_intent.canceled",
    ]


@pytest.mark.parametrize("act", ["capture", "cancel"])
def test_a_succeeded_intent_is_neither_captured_nor_cancelled(
    act: str, driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent()
    driver.pay(intent.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        getattr(stripe_client.v1.payment_intents, act)(intent.id)
    assert (refused.value.http_status, refused.value.code) == (400, "payment_intent_unexpected_state")


def test_a_cancelled_intent_cannot_be_paid(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent()
    cancelled = stripe_client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    assert (cancelled.status, cancelled.cancellation_reason) == ("canceled", "abandoned")
    answer = driver.post("pay", {"payment": intent.id, "outcome": "succeed"})
    assert answer.status_code == 409
    assert "canceled" in answer.json()["error"]


def test_a_test_card_confirms_or_declines(stripe_client: stripe.StripeClient, new_intent: NewIntent) -> None:
    intent = new_intent()
    with pytest.raises(stripe.CardError) as declined:
        stripe_client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert len(stripe_client.v1.charges.list({"payment_intent": intent.id}).data) == 1
    confirmed = stripe_client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert confirmed.status == "succeeded"


def test_refunds_add_up_to_what_was_captured_and_no_more(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent(1000)
    driver.pay(intent.id)
    first = stripe_client.v1.refunds.create({"payment_intent": intent.id, "amount": 400, "metadata": {"return": "1"}})
    assert (first.status, first.amount, first.payment_intent) == ("succeeded", 400, intent.id)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        stripe_client.v1.refunds.create({"payment_intent": intent.id, "amount": 601})
    assert stripe_client.v1.refunds.create({"payment_intent": intent.id}).amount == 600
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_client.v1.refunds.create({"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"
    assert [refund.amount for refund in stripe_client.v1.refunds.list({"payment_intent": intent.id}).data] == [600, 400]


def test_a_refund_that_fails_later_can_be_made_again(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent(1000)
    driver.pay(intent.id)
    refund = stripe_client.v1.refunds.create({"payment_intent": intent.id})
    assert driver.post("fail_refund", {"refund": refund.id}).json() == {"refund": refund.id, "status": "failed"}
    failed = stripe_client.v1.refunds.retrieve(refund.id)
    assert (failed.status, failed.failure_reason) == ("failed", "expired_or_canceled_card")
    assert driver.books("stripe")["orders"][0]["refunded"] == 0
    assert stripe_client.v1.refunds.create({"payment_intent": intent.id}).amount == 1000


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"currency": "usd"}, "parameter_missing", "amount"),
        ({"amount": "12.5", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 49, "currency": "usd"}, "amount_too_small", "amount"),
        ({"amount": 100_000_000, "currency": "usd"}, "amount_too_large", "amount"),
        ({"amount": 500, "currency": "zzz"}, None, "currency"),
        ({"amount": 500, "currency": "usd", "colour": "red"}, "parameter_unknown", "colour"),
    ],
)
def test_bad_parameters_are_refused_by_name(
    params: dict[str, Any], code: str | None, param: str, driver: Driver, stripe_client: stripe.StripeClient
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_client.v1.payment_intents.create(params)  # type: ignore[arg-type]
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert driver.books("stripe")["orders"] == []


def test_an_unknown_intent_is_a_404(stripe_client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        stripe_client.v1.payment_intents.retrieve("pi_unknown")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_a_wrong_key_is_a_401_that_does_not_repeat_the_key(driver: Driver) -> None:
    client = stripe.StripeClient("sk_wrong", base_addresses={"api": f"{driver.base_url}/stripe"})
    with pytest.raises(stripe.AuthenticationError) as refused:
        client.v1.payment_intents.list()
    assert "sk_wrong" not in str(refused.value)


def test_lists_page_in_both_directions(stripe_client: stripe.StripeClient, new_intent: NewIntent) -> None:
    ids = [new_intent().id for _ in range(5)][::-1]
    PaymentIntent.objects.update(created=1_700_000_000)
    first = stripe_client.v1.payment_intents.list({"limit": 2})
    assert ([intent.id for intent in first.data], first.has_more) == (ids[:2], True)
    last = stripe_client.v1.payment_intents.list({"limit": 3, "starting_after": ids[1]})
    assert ([intent.id for intent in last.data], last.has_more) == (ids[2:], False)
    before = stripe_client.v1.payment_intents.list({"limit": 2, "ending_before": ids[4]})
    assert ([intent.id for intent in before.data], before.has_more) == (ids[2:4], True)
    assert [intent.id for intent in stripe_client.v1.payment_intents.list({"limit": 2}).auto_paging_iter()] == ids
    created = first.data[0].created
    assert stripe_client.v1.payment_intents.list({"created": {"gt": created}}).data == []
    assert [intent.id for intent in stripe_client.v1.payment_intents.list({"created": created}).data] == ids
    # The bounds hold beyond a place, too, and where the place itself is outside of them.
    for outside in ({"lt": created}, {"gt": created}, {"lte": created - 1}, {"gte": created + 1}):
        for place in ("starting_after", "ending_before"):
            beyond: Any = {"created": outside, place: ids[2]}
            assert stripe_client.v1.payment_intents.list(beyond).data == []
    within: Any = {"gte": created, "lte": created}
    older = stripe_client.v1.payment_intents.list({"created": within, "starting_after": ids[2]}).data
    assert [intent.id for intent in older] == ids[3:]


def test_every_act_is_an_event_with_the_object_as_it_was(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent()
    driver.pay(intent.id, "authorize", webhook="none")
    stripe_client.v1.payment_intents.capture(intent.id, options={"idempotency_key": "capture-1"})
    stripe_client.v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    events = list(stripe_client.v1.events.list().auto_paging_iter())[::-1]
    assert [event.type for event in events] == [
        "charge.succeeded",
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
    ]
    capturable: Any = events[1].data.object
    assert (capturable["status"], capturable["amount_capturable"]) == ("requires_capture", 4599)
    assert events[3].request is not None
    assert events[3].request.idempotency_key == "capture-1"
    chosen = stripe_client.v1.events.list({"types": ["refund.created", "charge.captured"]})
    assert [event.type for event in chosen.data] == ["refund.created", "charge.captured"]
    assert stripe_client.v1.events.retrieve(events[0].id).type == "charge.succeeded"


def test_a_payout_lists_the_transactions_it_is_made_of(
    driver: Driver, stripe_client: stripe.StripeClient, new_intent: NewIntent
) -> None:
    intent = new_intent(10000)
    driver.pay(intent.id)
    stripe_client.v1.refunds.create({"payment_intent": intent.id, "amount": 1000})
    paid = driver.post("settle", {"gateway": "stripe"}).json()["payouts"]
    assert [(payout["amount"], payout["currency"]) for payout in paid] == [(8680, "USD")]
    payout = stripe_client.v1.payouts.list().data[0]
    assert (payout.id, payout.amount, payout.status) == (paid[0]["id"], 8680, "paid")
    lines = stripe_client.v1.balance_transactions.list({"payout": payout.id}).data
    assert [(line.type, line.net) for line in lines] == [("payout", -8680), ("refund", -1000), ("charge", 9680)]
    assert driver.post("settle", {"gateway": "stripe"}).json() == {"payouts": []}


def test_unknown_paths_answer_in_stripes_envelope_with_or_without_a_slash(driver: Driver) -> None:
    for path in ("nothing", "nothing/", "payment_intents/pi_1/nothing"):
        answer = requests.get(f"{driver.base_url}/stripe/v1/{path}", timeout=5)
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "invalid_request_error")
    headers = {"Authorization": "Bearer sk_test_sandbox"}
    assert requests.get(f"{driver.base_url}/stripe/v1/payment_intents/", headers=headers, timeout=5).status_code == 200
