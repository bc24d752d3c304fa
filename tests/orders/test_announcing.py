"""The merchant's own systems hear of what happens, in the transaction in which it happens."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from django.db import transaction

from kit import clock
from kit.money import Money
from orders import actors, cancellation, fulfilment
from orders.cash import collect_cash
from orders.models import Invoice, Order
from orders.settlement import record_report, settle, settle_locked
from payments import recording, refunding
from payments.gateways.base import DisputeOutcome, DisputeReport
from payments.models import PaymentAttempt, Refund
from payments.outgoing import subscriptions
from payments.outgoing.models import Delivery, EventType, OutgoingEvent, Subscription
from payments.refunding import RefundAsk
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, place
from tests.statements import statements


@pytest.fixture(autouse=True)
def _subscriber(db: None) -> None:
    """Somebody who wants to hear of everything. Nothing is delivered here."""
    subscription = Subscription(name="erp", url="https://erp.example.com/hook", events=list(EventType.values))
    subscriptions.admit(subscription, resolve=lambda host, port: ["93.184.216.34"])


def told(subject_id: uuid.UUID) -> list[str]:
    """The types of what was told of a subject, the oldest first; each of them is on its way."""
    events = OutgoingEvent.objects.filter(subject_id=subject_id).order_by("created_at", "pk")
    assert Delivery.objects.filter(event__in=events).count() == len(events)
    return [event.type for event in events]


def body(type_: EventType) -> dict[str, object]:
    read: dict[str, object] = OutgoingEvent.objects.get(type=type_).body
    return read


def test_an_order_paid_in_cash(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    assert body(EventType.ORDER_PLACED) == {
        "order_id": str(order.pk),
        "number": order.number,
        "status": "payment_pending",
        "currency": "USD",
        "total_minor": order.total_minor,
        "collected_minor": 0,
        "refunded_minor": 0,
    }
    fulfilment.send_order(order.pk, actor=actors.SYSTEM)
    fulfilment.deliver_order(order.pk, actor=actors.SYSTEM)
    collect_cash(order.pk, amount=Money(order.total_minor, "USD"), receipt=uuid.uuid4(), actor=actors.SYSTEM)
    assert told(order.pk) == ["order.placed", "invoice.issued", "payment.captured", "order.completed"]
    invoice = Invoice.objects.get()
    assert body(EventType.INVOICE_ISSUED) == {
        "order_id": str(order.pk),
        "order_number": order.number,
        "invoice_id": str(invoice.pk),
        "number": invoice.number,
        "issued_at": invoice.issued_at.isoformat(),
        "currency": "USD",
        "total_minor": order.total_minor,
        "tax_minor": 0,
        "due_minor": order.total_minor,
        "corrects": None,
    }


def test_a_declined_card_then_a_good_one_then_cancelled(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    failed, captured = payment(request, "failed", "1"), payment(request, "captured", "2")
    for heard in ((failed,), (failed,), (failed, captured), (failed, captured)):
        settle(order.pk, actor=actors.GATEWAY, report=report(request, *heard))
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    key = str(Refund.objects.get().pk)
    back = replace(captured, refunds=(refund(request, "a", order.total_minor, key=key),))
    settle(order.pk, actor=actors.GATEWAY, report=report(request, failed, back))
    failed_back = replace(captured, refunds=(refund(request, "a", order.total_minor, "failed", key=key),))
    settle(order.pk, actor=actors.GATEWAY, report=report(request, failed, failed_back))
    assert told(order.pk) == [
        "order.placed",
        "payment.failed",
        "payment.captured",
        "order.paid",
        "invoice.issued",
        "order.cancelled",
        "refund.requested",
        "credit_note.issued",
        "refund.succeeded",
        "refund.failed",
        # The money is with us again and does not stay.
        "refund.requested",
    ]
    assert body(EventType.PAYMENT_CAPTURED)["captured_minor"] == order.total_minor
    assert body(EventType.REFUND_SUCCEEDED)["amount_minor"] == order.total_minor


def test_late_money_revives_and_credit_is_a_refund(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    Order.objects.filter(pk=order.pk).update(expires_at=clock.now())
    assert cancellation.expire_order(order.pk)
    settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured")))
    with transaction.atomic():
        refunding.request_refunds(order.pk, RefundAsk(100, "USD", "sorry", customer_id=ada.customer.pk))
    settle(order.pk, actor=actors.SYSTEM)
    # That it lives again and is paid happens at once.
    assert sorted(told(order.pk)) == [
        "credit_note.issued",
        "invoice.issued",
        "order.cancelled",
        "order.paid",
        "order.placed",
        "order.revived",
        "payment.captured",
        "refund.requested",
        "refund.succeeded",
    ]
    assert body(EventType.REFUND_SUCCEEDED)["destination"] == "credit"


def test_a_dispute_is_told_of_when_it_opens_and_when_it_is_over(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured")))
    opened = DisputeReport(
        dispute_id="disp_1",
        reference=str(request.gateway_reference),
        payment_id=PaymentAttempt.objects.get().gateway_payment_id,
        amount_minor=500,
        currency="USD",
        outcome=DisputeOutcome.NEEDS_RESPONSE,
        withdrawn_minor=500,
        reason="fraudulent",
        opened_at=clock.now(),
        respond_by=None,
    )
    for heard in (opened, opened, replace(opened, outcome=DisputeOutcome.LOST)):
        with transaction.atomic():
            recording.record_dispute(request, heard)
    assert told(order.pk)[-2:] == ["dispute.opened", "dispute.closed"]


def test_what_did_not_happen_is_not_told(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    with transaction.atomic():
        locked = Order.objects.select_for_update().get(pk=order.pk)
        record_report(locked, report(request, payment(request, "captured")))
        settle_locked(locked, actor=actors.SYSTEM)
        transaction.set_rollback(True)
    assert told(order.pk) == ["order.placed"]


def test_with_nobody_listening_nothing_is_written_and_placing_costs_no_statement(shop: Shop, ada: Shopper) -> None:
    with statements() as heard:
        place(ada, shop.cash, (shop.cable, 1))
    Subscription.objects.update(active=False, disabled_at=clock.now(), disabled_because="quiet")
    before = OutgoingEvent.objects.count()
    with statements() as unheard:
        place(ada, shop.cash, (shop.cable, 1))
    assert len(heard) == len(unheard)
    assert OutgoingEvent.objects.count() == before
