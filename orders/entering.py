"""Ordering an entry in an event: each is paid for by an order of its own, whose stock is the place.

A place is held from the moment its order is placed until the order ends; the order ends with the event's closing at the
latest. Locks, beside those of placing: none; two orders at once for one profile are refused by the database, and the
slower call finds the faster one's.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError

from customers.models import EventProfile
from kit import clock
from kit.errors import DomainError, Fault
from orders import cancellation, entries
from orders.actors import SYSTEM, Actor
from orders.checkout import CANCELLED_MEANWHILE, PaymentNotInitialized, buy_with_payment
from orders.checks import DeliveryAddress, OrderRefused, WantedItem
from orders.models import EntryOrder, Order, OrderStatus, OrderType, PaymentTerms
from orders.placement import Buyer, PlacedOrder, Purchase, find_placed
from payments import collecting
from payments.gateways.base import GatewayError
from payments.models import GatewayName, PaymentRequest, RequestState

# How often two calls for one profile may get into each other's way before the slower one gives up.
_TRIES = 4
_CLOSED = {"reason": "the event has closed"}
_PRICE_CHANGED = {"reason": "the price of the event changed"}


class EntryRefused(DomainError):
    """The entry cannot be ordered now: `already_paid`, `event_not_open`, `event_full`, `event_free`, `contended`."""

    def __init__(self, code: str) -> None:
        super().__init__([Fault(code)])


@dataclass(frozen=True, slots=True)
class PayableEntry:
    """A profile's order that waits for its payment, and the payment request that the payer is asked with."""

    order: Order
    request: PaymentRequest


def order_entry(profile: EventProfile, *, actor: Actor, placement_key: uuid.UUID | None = None) -> PayableEntry:
    """The profile has one open order over today's price, and its gateway waits for the payer: the one that was open
    already, or a new one. One over another price is called off first.

    `profile` comes with its event and variant. Raises EntryRefused, and PaymentNotInitialized when the gateway will not
    or cannot be told: a new order is then cancelled, and its place is free.
    """
    for _ in range(_TRIES):
        live = EntryOrder.objects.select_related("order").filter(profile=profile, ended_at__isnull=True).first()
        if live is not None:
            payable = _still_payable(live.order, profile)
            if payable is not None:
                return payable
            continue
        try:
            return _new(profile, actor, placement_key)
        except IntegrityError as error:
            if not entries.is_taken(error):
                raise
        except EntryRefused as refused:
            # Whoever was faster for the same profile may have the last place.
            mine = EntryOrder.objects.filter(profile=profile, ended_at__isnull=True)
            if refused.first.code != "event_full" or not mine.exists():
                raise
    raise EntryRefused("contended")


def _still_payable(order: Order, profile: EventProfile) -> PayableEntry | None:
    """The open order with its request; None if it is over now: its price is not today's, its event takes no more
    entries, or it ended by itself."""
    if order.status not in (OrderStatus.PAYMENT_PENDING, OrderStatus.PARTIALLY_PAID):
        raise EntryRefused("already_paid")
    if order.status == OrderStatus.PAYMENT_PENDING and not profile.event.is_open(clock.now()):
        cancellation.cancel_unpaid(order.pk, actor=SYSTEM, facts=_CLOSED)
        return None
    if order.total != profile.event.variant.price:
        # It may be another's of this very moment, at a price that is newer than what was read before.
        profile.event.variant.refresh_from_db(fields=["price_minor", "currency"])
    if order.total != profile.event.variant.price:
        if order.status == OrderStatus.PARTIALLY_PAID:
            raise EntryRefused("already_paid")
        cancellation.cancel_unpaid(order.pk, actor=SYSTEM, facts=_PRICE_CHANGED)
        return None
    request = PaymentRequest.objects.filter(subject_id=order.pk).order_by("-created_at").first()
    if request is None or request.cancel_wanted_at is not None:
        return None
    if request.state in (RequestState.INITIATED, RequestState.UNKNOWN):
        # Another call is on its way to the gateway, or was cut off: whoever asks with the same key gets the same order.
        try:
            request = collecting.create_at_gateway(request.pk, again=True)
        except GatewayError as error:
            raise PaymentNotInitialized(error.reason) from None
    if request.state != RequestState.OPEN:
        raise PaymentNotInitialized(CANCELLED_MEANWHILE)
    return PayableEntry(order, request)


def _new(profile: EventProfile, actor: Actor, placement_key: uuid.UUID | None) -> PayableEntry:
    now, event = clock.now(), profile.event
    if not event.is_open(now) or not event.variant.active:
        raise EntryRefused("event_not_open")
    if event.variant.price_minor <= 0:
        raise EntryRefused("event_free")

    if placement_key is not None and find_placed(placement_key) is not None:
        # An earlier try under this key was called off: its order stays, and this one has no key.
        placement_key = None

    def link(placed: PlacedOrder) -> None:
        EntryOrder.objects.create(order_id=placed.id, profile=profile)

    try:
        done = buy_with_payment(
            _purchase(profile, actor, placement_key, min(settings.ORDER_EXPIRES_AFTER, event.closes_at - now)),
            also=link,
        )
    except OrderRefused as error:
        code = error.first.code
        raise EntryRefused("event_full" if code == "stock_short" else "event_not_open") from error
    order = Order.objects.get(pk=done.order_id)
    return PayableEntry(order, PaymentRequest.objects.get(subject_id=order.pk))


def _purchase(
    profile: EventProfile, actor: Actor, placement_key: uuid.UUID | None, expires_after: timedelta
) -> Purchase:
    """One place; what the event costs is what is paid. It is sold where the seller is."""
    variant, seller = profile.event.variant, settings.SELLER
    return Purchase(
        customer_id=profile.customer_id,
        buyer=Buyer(profile.customer.user.email),
        actor=actor,
        dialect="event",
        delivery_method_id=None,
        address=DeliveryAddress("", "", seller.state, "", seller.country),
        items=(WantedItem(variant.product_id, variant.pk, names_variant=True, quantity=1),),
        notes="",
        terms=PaymentTerms.PREPAID,
        gateway=GatewayName.RAZORPAY,
        placement_key=placement_key,
        order_type=OrderType.ENTRY,
        delivers=False,
        prices_include_tax=True,
        expires_after=expires_after,
    )
