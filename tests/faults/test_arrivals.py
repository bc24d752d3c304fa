"""Money and news of it arrive early, twice, late, in any order, or never; an order is right in the end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings

from kit import clock
from orders import actors, cancellation, checkout, jobs
from orders.models import HistoryEvent, Notice, Order, OrderStatus, PaymentTerms
from orders.settlement import settle
from payments import collecting, gateways
from payments.gateways.stripe import StripeGateway
from payments.models import EventState, GatewayName, PaymentRequest, Refund, RefundState, RequestState, WebhookEvent
from payments.sandbox.models import RazorpayOrder
from tests.faults.buying import buy, cancel, confirm, now
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, chase, deliver, settle_down, work
from tests.shop import Shop, Shopper, deliver_goods, left, place, text_of


def expire(order: Order) -> None:
    with clock.turned(settings.ORDER_EXPIRES_AFTER + timedelta(seconds=1)):
        jobs.expire_orders(timestamp=0)
    assert now(order).status == OrderStatus.CANCELLED


def paid_for(order: Order) -> tuple[str, int, int]:
    order = now(order)
    return order.status, order.collected_minor, order.refunded_minor


# --- webhooks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("webhook", ["normal", "twice", "late", "out_of_order"])
def test_however_a_webhook_comes_the_order_is_paid_once(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str, webhook: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook=webhook)

    deliver()
    work()

    assert paid_for(order) == ("paid", order.total_minor, 0)
    assert order.history.filter(to_status="paid", from_status="payment_pending").count() == 1
    assert sorted(Notice.objects.values_list("kind", flat=True)) == ["confirmation", "payment"]
    assert confirm(ada, order).status_code == 204
    assert text_of(confirm(ada, order)) == "Order has already been marked as paid"
    assert_books_agree(sandbox)


def test_without_any_webhook_the_customers_word_is_enough_to_ask(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")

    assert confirm(ada, order).status_code == 204
    assert paid_for(order) == ("paid", order.total_minor, 0)
    assert WebhookEvent.objects.count() == 0
    assert_books_agree(sandbox)


def test_a_webhook_finds_the_request_whose_creation_is_still_under_way(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order = place(
        ada,
        shop.standard,
        (shop.cable, 1),
        terms=PaymentTerms.PREPAID,
        gateway=GatewayName(gateway),
        placement_key=None,
    )
    request = PaymentRequest.objects.get(subject_id=order.pk)
    report = gateways.online(gateway).create(collecting.ask_of(request))
    sandbox.pay(report.reference)

    deliver()
    work()

    assert paid_for(order) == ("paid", order.total_minor, 0)
    # The answer to the creation arrives last, and finds everything done.
    known = collecting.create_at_gateway(request.pk)
    assert (known.state, known.gateway_reference) == (RequestState.PAID, report.reference)
    assert_books_agree(sandbox)


def test_an_event_of_another_shop_is_kept_as_an_orphan(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, _ = buy(ada, shop, gateway)
    mine = gateways.online(gateway)
    ask = collecting.ask_of(PaymentRequest.objects.get())
    stranger = mine.create(type(ask)("not-one-of-ours", ask.amount, "Order 1", ask.since))
    sandbox.pay(stranger.reference)

    deliver()
    work()

    assert set(WebhookEvent.objects.values_list("state", flat=True)) == {EventState.ORPHANED}
    assert paid_for(order) == ("payment_pending", 0, 0)


# --- late money -------------------------------------------------------------------------------------------------------


def test_a_razorpay_payment_after_the_customer_cancelled_goes_back(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order, payment = buy(ada, shop, "razorpay", shop.scarce)
    assert cancel(ada, order).status_code == 200
    work()
    chase()
    assert PaymentRequest.objects.get().state == RequestState.CANCELLED
    sandbox.pay(payment)

    settle_down()

    assert paid_for(order) == ("cancelled", order.total_minor, order.total_minor)
    assert left(shop.scarce) == 1
    assert_books_agree(sandbox)


def test_a_stripe_intent_cannot_be_paid_after_the_customer_cancelled(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order, _ = buy(ada, shop, "stripe")
    assert cancel(ada, order).status_code == 200

    work()

    (intent,) = sandbox.books("stripe")["orders"]
    assert intent["status"] == "canceled"
    assert text_of(confirm(ada, order)) == "The order is cancelled"


def test_a_confirmation_of_a_cancelled_order_records_the_money_and_sends_it_back(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    assert cancel(ada, order).status_code == 200

    response = confirm(ada, order)

    assert (response.status_code, text_of(response)) == (400, "The order is cancelled")
    assert now(order).collected_minor == order.total_minor
    work()
    assert paid_for(order) == ("cancelled", order.total_minor, order.total_minor)
    assert_books_agree(sandbox)


def test_who_paid_in_time_has_paid_even_if_we_never_heard_of_it(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")

    with clock.turned(settings.ORDER_EXPIRES_AFTER + timedelta(seconds=1)):
        jobs.expire_orders(timestamp=0)

    assert paid_for(order) == ("paid", order.total_minor, 0)
    assert not order.history.filter(event=HistoryEvent.EXPIRED).exists()
    assert_books_agree(sandbox)


def test_a_gateway_that_does_not_answer_does_not_keep_orders_alive(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, _ = buy(ada, shop, gateway)
    sandbox.arm(gateway, "retrieve", "error_500", times=1)
    expire(order)
    settle_down()
    assert_books_agree(sandbox)


def test_the_confirmation_that_finds_late_money_says_so_and_the_next_one_counts(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    expire(order)
    sandbox.pay(payment, webhook="none")

    first, second = confirm(ada, order), confirm(ada, order)

    assert first.status_code == 400
    assert text_of(first) == "The order had expired; its payment has arrived now and the order is paid"
    assert second.status_code == 204
    assert paid_for(order) == ("paid", order.total_minor, 0)


def test_money_for_an_expired_order_revives_it_while_there_is_stock(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway, shop.scarce)
    expire(order)
    sandbox.pay(payment, webhook="none")
    assert left(shop.scarce) == 1

    work()

    assert paid_for(order) == ("paid", order.total_minor, 0)
    assert left(shop.scarce) == 0
    assert order.history.filter(event=HistoryEvent.REVIVED).count() == 1
    assert confirm(ada, order).status_code == 204
    assert_books_agree(sandbox)


def test_money_for_an_expired_order_goes_back_when_the_last_piece_is_sold(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway, shop.scarce)
    expire(order)
    sandbox.pay(payment, webhook="none")
    deliver_goods(shop.scarce, -1)

    response = confirm(ada, order)

    assert (response.status_code, text_of(response)) == (400, "The order is cancelled")
    settle_down()
    assert paid_for(order) == ("cancelled", order.total_minor, order.total_minor)
    assert_books_agree(sandbox)


def test_the_webhook_of_an_expired_order_does_the_same(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, payment = buy(ada, shop, "razorpay", shop.scarce)
    expire(order)
    work()
    chase()
    sandbox.pay(payment)

    deliver()
    work()

    assert paid_for(order) == ("paid", order.total_minor, 0)
    assert PaymentRequest.objects.get().state == RequestState.PAID
    assert_books_agree(sandbox)


# --- more than one ----------------------------------------------------------------------------------------------------


def test_of_two_payments_for_one_order_the_second_goes_back(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    order, payment = buy(ada, shop, "razorpay")
    sandbox.pay(payment)
    # Two tabs at once: the gateway takes both before it notices.
    RazorpayOrder.objects.update(status=RazorpayOrder.Status.ATTEMPTED)
    sandbox.pay(payment)

    settle_down()

    assert paid_for(order) == ("paid", 2 * order.total_minor, order.total_minor)
    refund = Refund.objects.get()
    assert (refund.state, refund.amount_minor, refund.reason) == (
        RefundState.SUCCEEDED,
        order.total_minor,
        "Paid more than was due",
    )
    assert_books_agree(sandbox)


def test_paying_and_cancelling_at_once_ends_with_the_money_back_or_the_order_paid(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, "authorize", webhook="none")
    request = PaymentRequest.objects.get()
    # The confirmation has recorded the hold and is about to capture; the customer cancels in another tab.
    report = collecting.fetch(request)
    settle(order.pk, actor=actors.GATEWAY, report=report)
    assert cancel(ada, order).status_code == 200
    settle(order.pk, actor=actors.GATEWAY, report=collecting.capture_authorized(request, report))

    settle_down()

    assert paid_for(order) == ("cancelled", order.total_minor, order.total_minor)
    assert_books_agree(sandbox)


def test_a_hold_on_a_cancelled_order_is_never_captured(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, "authorize", webhook="none")
    assert cancel(ada, order).status_code == 200

    assert confirm(ada, order).status_code == 400
    settle_down()

    assert paid_for(order) == ("cancelled", 0, 0)
    assert sandbox.books(gateway)["totals"]["USD"]["captured"] == 0


# --- refunds that fail ------------------------------------------------------------------------------------------------


def test_a_refund_that_fails_after_all_is_made_again(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    assert confirm(ada, order).status_code == 204
    assert cancel(ada, order).status_code == 200
    work()
    assert paid_for(order) == ("cancelled", order.total_minor, order.total_minor)
    sandbox.fail_refund(str(Refund.objects.get().gateway_refund_id))

    deliver()
    work()

    assert paid_for(order) == ("cancelled", order.total_minor, order.total_minor)
    assert sorted(Refund.objects.values_list("state", flat=True)) == [RefundState.FAILED, RefundState.SUCCEEDED]
    assert_books_agree(sandbox)


def test_a_refund_that_fails_again_and_again_is_left_to_a_person(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    assert confirm(ada, order).status_code == 204
    assert cancel(ada, order).status_code == 200
    for _ in range(3):
        work()
        sandbox.fail_refund(str(Refund.objects.get(state=RefundState.SUCCEEDED).gateway_refund_id))
        deliver()

    settle_down()

    assert paid_for(order) == ("cancelled", order.total_minor, 0)
    assert list(Refund.objects.values_list("state", flat=True)) == [RefundState.FAILED] * 3
    assert_books_agree(sandbox)


def test_a_refund_made_in_the_gateways_dashboard_counts_like_ours(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    order, payment = buy(ada, shop, gateway, shop.scarce)
    sandbox.pay(payment, webhook="none")
    assert confirm(ada, order).status_code == 204
    report = collecting.fetch(PaymentRequest.objects.get())
    by_hand = gateways.online(gateway).refund(
        report.reference, report.payments[0].payment_id, report.amount, key="a-click-in-the-dashboard"
    )

    deliver()
    work()

    assert paid_for(order) == ("refunded", order.total_minor, order.total_minor)
    assert left(shop.scarce) == 1
    refund = Refund.objects.get()
    assert (refund.gateway_refund_id, refund.reason) == (by_hand.refund_id, "Made at the gateway")
    # And when the bank sends that one back, what was called off stays called off and the money goes back once more.
    sandbox.fail_refund(by_hand.refund_id)
    settle_down()
    assert paid_for(order) == ("cancelled", order.total_minor, order.total_minor)
    assert left(shop.scarce) == 1
    assert_books_agree(sandbox)


def test_a_refund_by_hand_makes_ours_give_way(sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str) -> None:
    order, payment = buy(ada, shop, gateway)
    sandbox.pay(payment, webhook="none")
    assert confirm(ada, order).status_code == 204
    report = collecting.fetch(PaymentRequest.objects.get())
    assert cancel(ada, order).status_code == 200
    gateways.online(gateway).refund(
        report.reference, report.payments[0].payment_id, report.amount, key="a-click-in-the-dashboard"
    )

    settle_down()

    assert paid_for(order) == ("cancelled", order.total_minor, order.total_minor)
    assert sorted(Refund.objects.values_list("state", flat=True)) == [RefundState.FAILED, RefundState.SUCCEEDED]
    assert_books_agree(sandbox)


# --- at the gateway, by somebody else ---------------------------------------------------------------------------------


def test_an_intent_that_somebody_cancels_at_the_gateway_leaves_the_order_to_expire(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper
) -> None:
    order, _ = buy(ada, shop, "stripe", shop.scarce)
    gateway = gateways.online("stripe")
    assert isinstance(gateway, StripeGateway)
    gateway.cancel(str(PaymentRequest.objects.get().gateway_reference))
    deliver()
    work()

    response = confirm(ada, order)

    assert (response.status_code, text_of(response)) == (400, "The payment was cancelled")
    assert PaymentRequest.objects.get().state == RequestState.CANCELLED
    assert paid_for(order) == ("payment_pending", 0, 0)
    expire(order)
    assert left(shop.scarce) == 1


def test_a_purchase_resumed_after_its_order_was_called_off_asks_nobody(
    sandbox: SandboxProcess, shop: Shop, ada: Shopper, gateway: str
) -> None:
    key = ada.customer.pk
    order = place(
        ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID, gateway=GatewayName(gateway), placement_key=key
    )
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)

    with pytest.raises(checkout.PaymentNotInitialized):
        checkout.resume(key)

    assert sandbox.books(gateway)["orders"] == []
