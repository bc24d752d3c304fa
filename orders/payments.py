"""Further payments of an order: asked for, captured where the money is only held, given up.

An order is placed with its first payment request (`orders.placement`); these acts are for whatever comes after it. Each
writes its wish down first, under the order's lock; its gateway is called outside any transaction; what came of it
enters `orders.settlement`. Whoever is cut off in between is found by the chase.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

from django.conf import settings
from django.db import transaction

from kit import clock
from kit.errors import DomainError, Fault
from kit.ids import new_id
from kit.money import Money
from orders.actors import GATEWAY, SYSTEM, Actor
from orders.checkout import CANCELLED_MEANWHILE, PaymentNotInitialized
from orders.models import HistoryEvent, Order, OrderStatus, OrderType
from orders.settlement import settle
from orders.status import UNPAID, StatusRefused, note
from payments import collecting, holding, queries, queue
from payments.gateways.base import GatewayError
from payments.models import (
    ACTIVE_REQUEST_STATES,
    AttemptState,
    GatewayName,
    PaymentAttempt,
    PaymentRequest,
    RequestState,
)
from payments.status import PaymentStatus, payment_status


def status_of(order: Order) -> PaymentStatus:
    """How the order's payment stands, by what its gateways have told us. One statement.

    The credits that pay for an order count like money of it once it is paid.
    """
    is_called_off = order.status == OrderStatus.CANCELLED
    due = 0 if is_called_off else order.total_minor
    facts = queries.facts(order.pk, order.currency, due=due, is_called_off=is_called_off)
    if order.credits_minor and not is_called_off and order.status not in UNPAID:
        facts = replace(
            facts,
            due=facts.due + order.credits_minor,
            captured=facts.captured + order.credits_minor,
            refunded=facts.refunded + order.credits_returned_minor,
        )
    return payment_status(facts)


# --- asking ---------------------------------------------------------------------------------------------------------


def request_payment(
    order_id: uuid.UUID,
    *,
    gateway: GatewayName,
    actor: Actor,
    amount: Money | None = None,
    hold: bool = False,
    request_id: uuid.UUID | None = None,
) -> PaymentRequest:
    """The gateway waits for the payer of what is still due, or of a part of it; the order's time to pay begins anew.

    Whoever is asked for just that already is asked with the same request. Another request that nobody has begun to pay
    gives way first, cash on delivery too. With `hold` the money is only held, until a person captures it. `request_id`
    names the act: whoever repeats it after being cut off finds the payment that it began.

    Raises Order.DoesNotExist; DomainError (`gateway_not_configured`, `amount_invalid` when it is not above zero, in
    another currency, or more than is due); StatusRefused (`nothing_due`, `payment_open` while an earlier payment is
    under way, or nobody knows); PaymentNotInitialized when the gateway will not or cannot be told: the request is given
    up, the order stays as it was.
    """
    if not collecting.is_configured(gateway):
        raise DomainError([Fault("gateway_not_configured", {"gateway": gateway.value}, at=("gateway",))])
    request_id = request_id or new_id()
    if not PaymentRequest.objects.filter(pk=request_id).exists():
        open_one = _make_way(order_id, gateway=gateway, amount=amount, hold=hold, actor=actor)
        if open_one is not None:
            return open_one
    again = not _write_request(order_id, request_id, gateway=gateway, amount=amount, hold=hold, actor=actor)
    try:
        request = collecting.create_at_gateway(request_id, again=again)
    except GatewayError as error:
        give_up(order_id, request_id)
        raise PaymentNotInitialized(error.reason) from None
    if request.cancel_wanted_at is not None or request.state in (RequestState.CANCELLED, RequestState.REFUSED):
        raise PaymentNotInitialized(CANCELLED_MEANWHILE)
    return request


def _make_way(
    order_id: uuid.UUID, *, gateway: GatewayName, amount: Money | None, hold: bool, actor: Actor
) -> PaymentRequest | None:
    """The open request, if it asks for just that; else None, and one that nobody has begun to pay is called off."""
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.order_type == OrderType.ENTRY and gateway != GatewayName.RAZORPAY:
            # The event's site knows its order by Razorpay's name for it.
            raise DomainError([Fault("gateway_not_configured", {"gateway": gateway.value}, at=("gateway",))])
        open_ones = PaymentRequest.objects.filter(subject_id=order.pk, state=RequestState.OPEN)
        request = open_ones.filter(cancel_wanted_at__isnull=True).first()
        if request is None or order.status not in UNPAID:
            return None
        due = Money(order.total_minor - order.collected_minor, order.currency)
        if (request.gateway, request.amount, request.hold) == (gateway, _within(amount or due, due), hold):
            return request
        if request.attempts.filter(state__in=(AttemptState.STARTED, AttemptState.AUTHORIZED)).exists():
            return None
        collecting.call_off(request)
        facts = {"amount_minor": request.amount_minor, "gateway": request.gateway}
        note(order, event=HistoryEvent.PAYMENT_VOIDED, actor=actor, facts=facts)
    if request.gateway != GatewayName.OFFLINE:
        try:
            make_unpayable(request)
        except GatewayError as error:
            raise PaymentNotInitialized(error.reason) from None
    return None


def _write_request(
    order_id: uuid.UUID, request_id: uuid.UUID, *, gateway: GatewayName, amount: Money | None, hold: bool, actor: Actor
) -> bool:
    """True if the request is new, False if an earlier try has written it."""
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if PaymentRequest.objects.filter(pk=request_id, subject_id=order.pk).exists():
            return False
        if order.status not in UNPAID:
            raise StatusRefused("nothing_due", order)
        due = Money(order.total_minor - order.collected_minor, order.currency)
        wanted = _within(amount or due, due)
        description = f"Order {order.number}"
        if not collecting.open_request(
            request_id=request_id,
            subject_id=order.pk,
            gateway=gateway,
            amount=wanted,
            description=description,
            hold=hold,
        ):
            raise StatusRefused("payment_open", order)
        if order.expires_at is not None and order.order_type != OrderType.ENTRY:
            # An entry ends with its event. Never sooner than it was: an integration's order waits for days.
            order.expires_at = max(order.expires_at, clock.now() + settings.ORDER_EXPIRES_AFTER)
            order.save(update_fields=["expires_at"])
        facts = {"amount_minor": wanted.minor, "gateway": gateway.value, **({"hold": True} if hold else {})}
        note(order, event=HistoryEvent.PAYMENT_REQUESTED, actor=actor, facts=facts)
    return True


def _within(amount: Money, most: Money) -> Money:
    if amount.currency != most.currency or not 0 < amount.minor <= most.minor:
        raise DomainError([Fault("amount_invalid", {"due": most}, at=("amount",))])
    return amount


def is_first(request: PaymentRequest) -> bool:
    """Whether it is the payment request that its order was placed with."""
    earlier = PaymentRequest.objects.filter(subject_id=request.subject_id, created_at__lt=request.created_at)
    return not earlier.exists()


def give_up(order_id: uuid.UUID, request_id: uuid.UUID) -> None:
    """A further request whose gateway was never told for certain: nobody should pay it, and the order stands.

    What may exist at the gateway all the same is found and cancelled by a job.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        request = PaymentRequest.objects.filter(pk=request_id, cancel_wanted_at__isnull=True).first()
        if request is None:
            return
        collecting.want_voided(request_id)
        note(order, event=HistoryEvent.PAYMENT_VOIDED, actor=SYSTEM, facts={"reason": "payment not initialized"})
        if request.state != RequestState.REFUSED:
            queue.chase_request_later(request_id)


# --- held money -----------------------------------------------------------------------------------------------------


def capture_payment(order_id: uuid.UUID, *, attempt_id: uuid.UUID, amount: Money, actor: Actor) -> Order:
    """So much of a hold is ours, the gateway lets go of the rest, and the order's status follows.

    Raises Order.DoesNotExist; StatusRefused (`not_held`, `nothing_due`, `capture_pending` while another amount of it is
    wanted); DomainError (`amount_invalid`, `only_in_full` where the gateway knows no partial capture); GatewayError:
    after Declined and Rejected the wish is taken back, after any other it stands, and the chase carries it out or finds
    out that it was.
    """
    request = _want_capture(order_id, attempt_id=attempt_id, amount=amount, actor=actor)
    report = collecting.fetch(request)
    order = settle(order_id, actor=GATEWAY, report=report)
    after = collecting.capture_authorized(request, report)
    if after is not report:
        order = settle(order_id, actor=actor, report=after)
    if PaymentAttempt.objects.filter(pk=attempt_id, state=AttemptState.CANCELLED).exists():
        # The gateway had let go of it, and we hear of that only now.
        raise StatusRefused("not_held", order)
    return order


def _want_capture(order_id: uuid.UUID, *, attempt_id: uuid.UUID, amount: Money, actor: Actor) -> PaymentRequest:
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if order.status not in UNPAID:
            raise StatusRefused("nothing_due", order)
        attempt = holding.holds(order.pk).filter(pk=attempt_id, currency=order.currency).first()
        if attempt is None:
            raise StatusRefused("not_held", order)
        _within(amount, most_to_capture(order, attempt))
        if amount.minor != attempt.amount_minor and attempt.gateway not in holding.CAPTURES_IN_PART:
            whole = Money(attempt.amount_minor, attempt.currency)
            raise DomainError([Fault("only_in_full", {"amount": whole}, at=("amount",))])
        if attempt.capture_wanted_minor not in (None, amount.minor):
            raise StatusRefused("capture_pending", order)
        if attempt.capture_wanted_minor is None:
            holding.want_capture(attempt, amount.minor)
            note(order, event=HistoryEvent.CAPTURE_REQUESTED, actor=actor, facts={"amount_minor": amount.minor})
    return attempt.request


def most_to_capture(order: Order, attempt: PaymentAttempt) -> Money:
    """What of a hold may be captured: no more than is still due."""
    return Money(min(attempt.amount_minor, order.total_minor - order.collected_minor), order.currency)


def void_payment(order_id: uuid.UUID, *, request_id: uuid.UUID, actor: Actor) -> Order:
    """Nobody should pay this request any more: its gateway is told so, and lets go of what it holds for it.

    Razorpay cannot be told: a hold there lapses by itself within five days, and what is paid all the same counts for
    the order like any money. Raises Order.DoesNotExist; StatusRefused (`not_open`, `capture_pending`); GatewayError:
    the wish stands, and the chase carries it out.
    """
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        request = find_open(order)
        if request is None or request.pk != request_id:
            raise StatusRefused("not_open", order)
        if holding.holds(order.pk).filter(capture_wanted_minor__isnull=False).exists():
            raise StatusRefused("capture_pending", order)
        if request.cancel_wanted_at is None:
            collecting.want_voided(request.pk)
            facts = {"amount_minor": request.amount_minor, "gateway": request.gateway}
            note(order, event=HistoryEvent.PAYMENT_VOIDED, actor=actor, facts=facts)
    make_unpayable(request)
    order.refresh_from_db()
    return order


def find_open(order: Order) -> PaymentRequest | None:
    """The request that the order's payer is asked with now, at a gateway; there is one at most."""
    requests = PaymentRequest.objects.filter(subject_id=order.pk, state__in=ACTIVE_REQUEST_STATES)
    return requests.exclude(gateway=GatewayName.OFFLINE).first()


def make_unpayable(request: PaymentRequest) -> None:
    """Have an unwanted request of an order cancelled at its gateway and settle what was paid of it by then. Raises
    GatewayError.

    One that may still be on its way to the gateway is left to the chase.
    """
    collecting.make_unpayable(request, lambda report: settle(request.subject_id, actor=GATEWAY, report=report))
