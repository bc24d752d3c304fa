"""An order with two flyers: one goes out, a little further at every run, the other waits for its time."""

from __future__ import annotations

import io
import uuid
from datetime import datetime, timedelta

from django.db.models import Count
from PIL import Image, ImageDraw

from catalog.models import Product
from customers.models import Customer
from kit import clock
from kit.ids import new_id
from kit.money import Money
from orders import actors, cash
from orders.campaigns.content import FlyerContent
from orders.campaigns.images import store_image
from orders.campaigns.reporting import Figures, report_figures
from orders.campaigns.scheduling import schedule_campaign
from orders.checks import DeliveryAddress, WantedItem
from orders.models import CampaignStatus, Notice, Order, OrderStatus, PaymentTerms
from orders.placement import Buyer, Purchase, place_order
from payments.models import GatewayName

_ADDRESS = DeliveryAddress("8560 Sunset Blvd", "West Hollywood", "California", "90069", "US")
# How many the list has, and how much of it goes out with a run; the last of it is left for whoever tries it out.
_RECIPIENTS, _STEP, _END = 23_520, 7, 92


def ensure_flyers(customers: list[Customer], product: Product, staff_id: uuid.UUID) -> None:
    """A listed customer has a paid order with two flyers, and the first of them has moved on."""
    orders = Order.objects.filter(customer__in=customers, status=OrderStatus.PAID)
    with_two = orders.annotate(pieces=Count("campaigns")).filter(pieces__gte=2)
    order = with_two.first() or _place(customers[0], product, actors.staff(staff_id))
    first = order.campaigns.order_by("position").first()
    if first and first.status in (CampaignStatus.SCHEDULED, CampaignStatus.SENDING):
        _report(first.pk, first.percentage_completed + _STEP)


def _place(customer: Customer, product: Product, staff: actors.Actor) -> Order:
    image = store_image(_picture(), uploader=customer.user, customer_id=customer.pk)
    placed = place_order(
        Purchase(
            customer_id=customer.pk,
            buyer=Buyer(customer.user.email),
            actor=actors.customer(customer.user_id),
            dialect="api",
            delivery_method_id=None,
            address=_ADDRESS,
            items=tuple(
                WantedItem(product.pk, None, names_variant=False, quantity=1, flyer=content)
                for content in _contents(image.path, clock.now())
            ),
            notes="",
            terms=PaymentTerms.ON_DELIVERY,
            gateway=GatewayName.OFFLINE,
            delivers=False,
        )
    )
    cash.collect_cash(placed.id, amount=placed.total, receipt=new_id(), actor=staff)
    order = Order.objects.get(pk=placed.id)
    for campaign_id in order.campaigns.values_list("pk", flat=True):
        schedule_campaign(campaign_id, actor=staff)
    Notice.objects.filter(order=order, sent_at__isnull=True).update(sent_at=clock.now())
    return order


def _contents(image: str, now: datetime) -> tuple[FlyerContent, FlyerContent]:
    return (
        FlyerContent(
            prop_address="1730 Sawtelle Blvd #112 Los Angeles, CA 90025",
            prop_desc="<p>Two bedrooms, two baths, soaring ceilings and a <b>lovely</b> outdoor seating area.</p>",
            prop_price=Money.from_major("835500", "USD"),
            main_image=image,
            headline="Gorgeous Townhouse in newer building",
            sub_headline="Ready to move into",
            scheduled_at=now + timedelta(minutes=5),
            subject="Townhouse in West Los Angeles, great value",
            list_name="LA County, CA",
        ),
        FlyerContent(
            prop_address="214 Ocean Ave Santa Monica, CA 90402",
            prop_desc="<p>Steps to the beach &amp; the pier.</p>",
            prop_price=Money.from_major("1250000", "USD"),
            main_image=image,
            headline="Beach cottage with a garden",
            sub_headline="Open house on Sunday",
            rush=True,
            scheduled_at=now + timedelta(days=3),
            subject="Beach cottage in Santa Monica",
            list_name="LA County, CA",
        ),
    )


def _report(campaign_id: int, percentage: int) -> None:
    percentage = min(percentage, _END)
    delivered = _RECIPIENTS * percentage // 100
    figures = Figures(delivered, delivered * 2 // 5, delivered // 20, percentage)
    report_figures(campaign_id, figures, source="demo")


def _picture() -> bytes:
    """A house under a sky."""
    image = Image.new("RGB", (1200, 800), "#9cc9e8")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 600, 1200, 800), fill="#7aa35a")
    draw.rectangle((350, 330, 850, 640), fill="#f3ead7")
    draw.polygon([(310, 340), (600, 150), (890, 340)], fill="#a4553d")
    for left in (420, 700):
        draw.rectangle((left, 400, left + 80, 490), fill="#41586b")
    draw.rectangle((570, 480, 650, 640), fill="#5c4033")
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()
