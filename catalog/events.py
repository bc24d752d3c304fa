"""Events: made, changed, and found. The only writer of an event's product, variant and places."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from catalog import stock
from catalog.models import Event, Product, ProductKind, Stock, Variant
from kit.ids import new_id
from kit.money import Money


@dataclass(frozen=True, slots=True)
class EventPlan:
    """What an event is to be. `places` is how many may take part in all; `by` the user who says so."""

    name: str
    slug: str
    price: Money
    opens_at: datetime
    closes_at: datetime
    places: int
    by: uuid.UUID | None = None


def create_event(plan: EventPlan) -> Event:
    """The event takes entries as planned. Raises IntegrityError for a slug that another has, and for one that closes
    before it opens."""
    with transaction.atomic():
        product = Product.objects.create(kind=ProductKind.ENTRY, title=plan.name)
        variant = Variant.objects.create(
            product=product, sku=f"ENTRY-{new_id().hex}", price_minor=plan.price.minor, currency=plan.price.currency
        )
        Stock.objects.create(variant=variant)
        stock.count(variant_id=variant.pk, change=plan.places, reason="Places", source_id=new_id())
        return Event.objects.create(
            variant=variant,
            name=plan.name,
            slug=plan.slug,
            opens_at=plan.opens_at,
            closes_at=plan.closes_at,
            created_by=plan.by,
            updated_by=plan.by,
        )


def change_event(event: Event, plan: EventPlan) -> None:
    """The event is as planned from now on; who has entered stays, and who is about to pay another price orders anew.

    Raises IntegrityError when fewer places are planned than are taken, and nothing is changed. Locks the stock row.
    """
    with transaction.atomic():
        row = Stock.objects.select_for_update().get(pk=event.variant_id)
        Variant.objects.filter(pk=event.variant_id).update(price_minor=plan.price.minor, currency=plan.price.currency)
        Product.objects.filter(pk=event.variant.product_id).update(title=plan.name)
        if plan.places != row.on_hand:
            change = plan.places - row.on_hand
            stock.count(variant_id=row.pk, change=change, reason="Places", source_id=new_id())
        event.name, event.slug = plan.name, plan.slug
        event.opens_at, event.closes_at, event.updated_by = plan.opens_at, plan.closes_at, plan.by
        event.save(update_fields=["name", "slug", "opens_at", "closes_at", "updated_by", "updated_at"])


def with_places() -> QuerySet[Event]:
    """Events with their variant, product and stock, in one statement."""
    return Event.objects.select_related("variant__product", "variant__stock")


def open_events(now: datetime) -> QuerySet[Event]:
    """Those that take entries now."""
    return with_places().filter(opens_at__lte=now, closes_at__gt=now, variant__active=True)
