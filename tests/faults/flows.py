"""The ways of money that a crash may cut: how each begins, the act that is cut, and what must be true in the end.

`act` runs in a process that is killed in it, so it knows nothing but JSON. `seams` is how often it passes each seam
when nobody kills it, by gateway where they differ.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db.models import Sum
from django.http import HttpResponse

from kit import clock
from kit.crashpoints import Seam
from kit.money import Money
from orders import actors, jobs, payments, returns
from orders.checkout import PaymentNotInitialized
from orders.models import Order, OrderRefund, OrderStatus, PaymentTerms, RefundKind
from orders.returns.plans import RefundWish
from payments import collecting, ledger
from payments.models import Account, Dispute, GatewayName, LedgerEntry, PaymentAttempt, PaymentRequest
from payments.outgoing import delivering, subscriptions
from payments.outgoing.models import Delivery, DeliveryState, EventType, Subscription
from payments.settlements.models import Finding, Settlement, SettlementLine, SettlementState
from tests import jobs as background
from tests.faults.buying import buy, confirm, now
from tests.gateway_process import SandboxProcess
from tests.payments.outgoing.receiver import Receiver
from tests.shop import WITH_PAYMENT, Shop, Shopper, hire, item, order_body, place, send

type Facts = dict[str, str]
type Counts = dict[Seam, int]

KEY = "cart-1"
PART = 1234


@dataclass(frozen=True, slots=True)
class Scene:
    """Who takes part."""

    sandbox: SandboxProcess
    shop: Shop
    ada: Shopper
    gateway: str
    receiver: Receiver


@dataclass(frozen=True, slots=True)
class Flow:
    """`prepare` gives the facts that `act` and `judge` need. `judge` asserts what is true once everything has come to
    rest, whenever it was cut. `retried` is what the client's retry may be answered with, if a client asks; `asks` is
    how it does so, unless as a customer does."""

    prepare: Callable[[Scene], Facts]
    act: Callable[..., Any]
    judge: Callable[[Scene, Facts], None]
    seams: Counts
    seams_at_razorpay: Counts | None = None
    retried: tuple[int, ...] = ()
    asks: Callable[..., HttpResponse] | None = None
    gateways: tuple[str, ...] = ("stripe", "razorpay")

    def passes(self, gateway: str) -> Counts:
        """How often it passes each seam."""
        return self.seams if gateway == "stripe" or self.seams_at_razorpay is None else self.seams_at_razorpay


# --- what is true in the end ----------------------------------------------------------------------------------------


def totals(scene: Scene) -> dict[str, int]:
    """What the gateway itself says of all the money."""
    return dict(scene.sandbox.books(scene.gateway)["totals"].get("USD", {}))


def judge_paid(scene: Scene, facts: Facts) -> None:
    """Paid, once."""
    order = Order.objects.get(pk=facts["order"])
    assert (order.status, order.collected_minor, order.refunded_minor) == (OrderStatus.PAID, order.total_minor, 0)
    assert (totals(scene)["captured"], totals(scene)["refunded"]) == (order.total_minor, 0)


def judge_cancelled(scene: Scene, facts: Facts) -> None:
    """Called off, and what was paid is back, once."""
    order = Order.objects.get(pk=facts["order"])
    assert (order.status, order.refunded_minor) == (OrderStatus(facts["ends"]), order.collected_minor)
    assert totals(scene).get("captured", 0) == totals(scene).get("refunded", 0) == int(facts["paid"])
    assert not PaymentRequest.objects.filter(subject_id=order.pk, state__in=("initiated", "unknown", "open")).exists()


def judge_refunded_in_part(scene: Scene, facts: Facts) -> None:
    """A part is back, once."""
    order = Order.objects.get(pk=facts["order"])
    assert (order.status, order.refunded_minor) == (OrderStatus.PAID, PART)
    assert (OrderRefund.objects.count(), totals(scene)["refunded"]) == (1, PART)


# --- asking over HTTP -----------------------------------------------------------------------------------------------


def ask(method: str, path: str, body: str, token: str, **_: str) -> HttpResponse:
    """The client's request, the same each time."""
    return send(method, path, body.encode(), by=token, key=KEY)


def ask_and_work(**facts: str) -> None:
    """The client's request, and what it leaves for later."""
    ask(**facts)
    background.work()


def prepare_buying(scene: Scene) -> Facts:
    wanted = order_body(scene.ada, scene.shop.standard, item(scene.shop.scarce), paymentProvider=scene.gateway)
    return {"method": "POST", "path": WITH_PAYMENT, "body": json.dumps(wanted), "token": scene.ada.access}


def judge_bought(scene: Scene, facts: Facts) -> None:
    """One order, and one payment at the gateway, which can be paid; or nothing can be paid, and the order is over."""
    order, theirs = Order.objects.get(), scene.sandbox.books(scene.gateway)["orders"]
    if order.status == OrderStatus.CANCELLED:
        assert len(theirs) <= 1
        return
    assert [one["amount"] for one in theirs] == [order.total_minor]
    if order.status == OrderStatus.PAYMENT_PENDING:
        scene.sandbox.pay(theirs[0]["id"], webhook="none")
        assert confirm(scene.ada, order).status_code == 204
    judge_paid(scene, {"order": str(order.pk)})


def prepare_confirming(scene: Scene) -> Facts:
    order, payment = buy(scene.ada, scene.shop, scene.gateway)
    scene.sandbox.pay(payment, "authorize", webhook="none")
    return _request(scene, order, "PATCH", f"/api/orders/{order.pk}/paid", "")


def prepare_cancelling(scene: Scene) -> Facts:
    order, _ = buy(scene.ada, scene.shop, scene.gateway)
    return {**_cancelling(scene, order), "ends": OrderStatus.CANCELLED.value, "paid": "0"}


def prepare_cancelling_paid(scene: Scene) -> Facts:
    order = _paid(scene)
    return {**_cancelling(scene, order), "ends": OrderStatus.CANCELLED.value, "paid": str(order.total_minor)}


def _cancelling(scene: Scene, order: Order) -> Facts:
    return _request(scene, order, "POST", f"/api/v1/orders/{order.pk}/cancel/", "{}")


def _request(scene: Scene, order: Order, method: str, path: str, body: str) -> Facts:
    return {"order": str(order.pk), "method": method, "path": path, "body": body, "token": scene.ada.access}


def _paid(scene: Scene) -> Order:
    order, payment = buy(scene.ada, scene.shop, scene.gateway)
    scene.sandbox.pay(payment, webhook="none")
    assert confirm(scene.ada, order).status_code == 204
    return now(order)


# --- webhooks -------------------------------------------------------------------------------------------------------


def take_webhooks(**_: str) -> None:
    """The gateway's webhooks arrive and are worked."""
    background.deliver()
    background.work()


def prepare_paying(scene: Scene) -> Facts:
    order, payment = buy(scene.ada, scene.shop, scene.gateway)
    scene.sandbox.pay(payment)
    return {"order": str(order.pk)}


def prepare_authorizing(scene: Scene) -> Facts:
    order, payment = buy(scene.ada, scene.shop, scene.gateway)
    scene.sandbox.pay(payment, "authorize")
    return {"order": str(order.pk)}


def prepare_disputing(scene: Scene) -> Facts:
    order = _paid(scene)
    scene.sandbox.dispute(PaymentAttempt.objects.get().gateway_payment_id, amount=PART)
    return {"order": str(order.pk)}


def judge_disputed(scene: Scene, facts: Facts) -> None:
    """One dispute, as the gateway has it."""
    assert Dispute.objects.get().withdrawn_minor == totals(scene)["disputed"] == PART
    judge_paid(scene, facts)


# --- staff ----------------------------------------------------------------------------------------------------------


def refund_in_part(order: str, key: str, clerk: str) -> None:
    """A member of staff gives something back."""
    wish = RefundWish(RefundKind.GOODWILL, "sorry", amount=Money(PART, "USD"), key=uuid.UUID(key))
    returns.request_refund(uuid.UUID(order), wish, actor=actors.staff(uuid.UUID(clerk)))
    background.work()


def prepare_refunding(scene: Scene) -> Facts:
    return {"order": str(_paid(scene).pk), "key": str(uuid.uuid4()), "clerk": str(hire().pk)}


def ask_again(order: str, gateway: str, request: str, clerk: str) -> None:
    """A member of staff asks for a further payment, under an id that names the act."""
    payments.request_payment(
        uuid.UUID(order),
        gateway=GatewayName(gateway),
        actor=actors.staff(uuid.UUID(clerk)),
        request_id=uuid.UUID(request),
    )


def prepare_asking_again(scene: Scene) -> Facts:
    order, first, clerk = *_placed(scene), hire()
    payments.void_payment(order.pk, request_id=first.pk, actor=actors.SYSTEM)
    collecting.mark_cancelled(first.pk)
    return {"order": str(order.pk), "gateway": scene.gateway, "request": str(uuid.uuid4()), "clerk": str(clerk.pk)}


def judge_asked_again(scene: Scene, facts: Facts) -> None:
    """The repeated act finds the payment it began, or is told that it was given up; then the order can be paid."""
    with suppress(PaymentNotInitialized):
        ask_again(**facts)
    request = PaymentRequest.objects.get(pk=facts["request"])
    theirs = scene.sandbox.books(scene.gateway)["orders"]
    ours = [one["id"] for one in theirs if one["metadata"]["request"] == facts["request"]]
    assert ours == ([request.gateway_reference] if request.gateway_reference else [])
    assert request.state == ("open" if request.cancel_wanted_at is None else "cancelled")


def _placed(scene: Scene) -> tuple[Order, PaymentRequest]:
    order, _ = buy(scene.ada, scene.shop, scene.gateway)
    return order, PaymentRequest.objects.get(subject_id=order.pk)


def _held(scene: Scene) -> tuple[Order, PaymentAttempt]:
    order, first = _placed(scene)
    payments.void_payment(order.pk, request_id=first.pk, actor=actors.SYSTEM)
    collecting.mark_cancelled(first.pk)
    held = payments.request_payment(order.pk, gateway=GatewayName(scene.gateway), actor=actors.SYSTEM, hold=True)
    assert held.gateway_reference
    scene.sandbox.pay(held.gateway_reference, webhook="normal")
    take_webhooks()
    return order, PaymentAttempt.objects.get(request=held)


def capture_hold(order: str, attempt: str) -> None:
    """A member of staff takes what is held."""
    amount = PaymentAttempt.objects.get(pk=attempt).request.amount
    payments.capture_payment(uuid.UUID(order), attempt_id=uuid.UUID(attempt), amount=amount, actor=actors.SYSTEM)


def prepare_holding(scene: Scene) -> Facts:
    order, attempt = _held(scene)
    return {"order": str(order.pk), "attempt": str(attempt.pk)}


def let_go(order: str, request: str) -> None:
    """A member of staff lets go of what is held."""
    payments.void_payment(uuid.UUID(order), request_id=uuid.UUID(request), actor=actors.SYSTEM)


def prepare_letting_go(scene: Scene) -> Facts:
    order, attempt = _held(scene)
    return {"order": str(order.pk), "request": str(attempt.request_id)}


def judge_let_go(scene: Scene, facts: Facts) -> None:
    """Nothing was taken, and the request is over."""
    assert totals(scene)["captured"] == 0
    assert PaymentRequest.objects.get(pk=facts["request"]).state == "cancelled"


# --- the clock ------------------------------------------------------------------------------------------------------


def expire(**_: str) -> None:
    """Nobody has paid in time."""
    with clock.turned(timedelta(hours=2)):
        jobs.expire_orders(timestamp=0)
        background.work()


def prepare_expiring(scene: Scene) -> Facts:
    order, _ = buy(scene.ada, scene.shop, scene.gateway)
    return {"order": str(order.pk), "ends": OrderStatus.CANCELLED.value, "paid": "0"}


def judge_expired(scene: Scene, facts: Facts) -> None:
    """The next round of the same jobs has finished what this one began."""
    expire()
    judge_cancelled(scene, facts)


# --- reconciliation -------------------------------------------------------------------------------------------------


def reconcile(gateway: str, **_: str) -> None:
    """What the gateway lists is compared with our books and healed. Fails when something is left for a person."""
    with clock.turned(2 * settings.UNKNOWN_OUTCOME_ASK_AFTER):
        call_command("reconcile_payments", gateway=gateway, stdout=StringIO())


def prepare_reconciling(scene: Scene) -> Facts:
    order, payment = buy(scene.ada, scene.shop, scene.gateway)
    scene.sandbox.pay(payment, "authorize", webhook="none")
    return {"order": str(order.pk), "gateway": scene.gateway}


def reconcile_settlements(gateway: str, **_: str) -> None:
    """What the gateway has paid out is booked. Fails when something is left for a person."""
    call_command("reconcile_settlements", gateway=gateway, stdout=StringIO())


def prepare_settling(scene: Scene) -> Facts:
    for _ in range(2):
        _paid(scene)
        scene.sandbox.settle(scene.gateway)
    return {"gateway": scene.gateway}


def judge_settled(scene: Scene, facts: Facts) -> None:
    """Every payment is settled, once, and nothing is left with the gateway."""
    reconcile_settlements(**facts)
    assert [settlement.state for settlement in Settlement.objects.all()] == [SettlementState.COMPLETE] * 2
    assert set(SettlementLine.objects.values_list("finding", flat=True)) == {Finding.MATCHED}
    clearing = LedgerEntry.objects.filter(account=ledger.clearing(scene.gateway))
    assert clearing.aggregate(sum=Sum("amount_minor"))["sum"] == 0
    paid_out = sum(settlement.amount_minor or 0 for settlement in Settlement.objects.all())
    bank = LedgerEntry.objects.filter(account=Account.BANK)
    assert bank.aggregate(sum=Sum("amount_minor"))["sum"] == paid_out


# --- outgoing events ------------------------------------------------------------------------------------------------


def prepare_telling(scene: Scene) -> Facts:
    row = Subscription(name="Books", url=scene.receiver.url, events=[EventType.ORDER_PLACED])
    subscriptions.admit(row)
    place(scene.ada, scene.shop.cash, (scene.shop.cable, 1), terms=PaymentTerms.ON_DELIVERY)
    return {}


def tell(**_: str) -> None:
    """Subscribers are told."""
    delivering.send_due()


def judge_told(scene: Scene, facts: Facts) -> None:
    """Told at least once, under one id."""
    with clock.turned(2 * delivering.CLAIMED_FOR):
        tell()
    assert [delivery.state for delivery in Delivery.objects.all()] == [DeliveryState.DELIVERED]
    assert len({letter.body for letter in scene.receiver.received}) == 1
    assert len(scene.receiver.received) in (1, 2)


# --- the table ------------------------------------------------------------------------------------------------------

ANSWER = {Seam.ANSWER_DUE: 1, Seam.ANSWER_KEPT: 1}
CREATE = {Seam.CREATE_INTENDED: 1, Seam.CREATE_ASKED: 1, Seam.CREATE_RECORDED: 1}
CAPTURE = {Seam.CAPTURE_INTENDED: 1, Seam.CAPTURE_ASKED: 1}
CANCEL = {Seam.CANCEL_INTENDED: 1, Seam.CANCEL_ASKED: 1, Seam.CANCEL_RECORDED: 1}
REFUND = {Seam.REFUND_INTENDED: 1, Seam.REFUND_ASKED: 1, Seam.REFUND_RECORDED: 1}


def settles(times: int) -> Counts:
    return {Seam.REPORT_READ: times, Seam.REPORT_SETTLED: times}


def webhooks(times: int) -> Counts:
    return {Seam.WEBHOOK_STORED: times, Seam.EVENT_WORKED: times}


FLOWS: dict[str, Flow] = {
    "buy": Flow(prepare_buying, ask, judge_bought, {**CREATE, **ANSWER}, retried=(200, 500)),
    "confirm": Flow(prepare_confirming, ask, judge_paid, {**settles(2), **CAPTURE, **ANSWER}, retried=(204,)),
    "cancel": Flow(
        prepare_cancelling, ask_and_work, judge_cancelled, {**ANSWER, **CANCEL, **settles(1)}, retried=(200, 409)
    ),
    "cancel what is paid": Flow(
        prepare_cancelling_paid, ask_and_work, judge_cancelled, {**ANSWER, **REFUND, **settles(1)}, retried=(200, 409)
    ),
    "webhook of a payment": Flow(
        prepare_paying, take_webhooks, judge_paid, {**webhooks(2), **settles(2)}, {**webhooks(3), **settles(3)}
    ),
    "webhook of a hold": Flow(
        prepare_authorizing,
        take_webhooks,
        judge_paid,
        {**webhooks(2), **settles(3), **CAPTURE},
        {**webhooks(1), **settles(2), **CAPTURE},
    ),
    "webhook of a dispute": Flow(
        prepare_disputing, take_webhooks, judge_disputed, {**webhooks(2), **settles(2)}, {**webhooks(1), **settles(1)}
    ),
    "refund": Flow(prepare_refunding, refund_in_part, judge_refunded_in_part, {**REFUND, **settles(1)}),
    "ask again": Flow(prepare_asking_again, ask_again, judge_asked_again, CREATE),
    "capture a hold": Flow(prepare_holding, capture_hold, judge_paid, {**settles(2), **CAPTURE}),
    "let a hold go": Flow(prepare_letting_go, let_go, judge_let_go, {**CANCEL, **settles(1)}),
    "expire": Flow(prepare_expiring, expire, judge_expired, {**settles(2), **CANCEL}),
    "reconcile": Flow(
        prepare_reconciling,
        reconcile,
        judge_paid,
        {Seam.SLICE_WORKED: 5, Seam.SLICE_NOTED: 5, **settles(3), **CAPTURE},
    ),
    # Each of the two settlements is one chunk of lines, and its end.
    "settle": Flow(prepare_settling, reconcile_settlements, judge_settled, {Seam.SETTLEMENT_BOOKED: 4}),
    "tell": Flow(prepare_telling, tell, judge_told, {Seam.LETTER_CARRIED: 1}),
}
