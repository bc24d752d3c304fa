"""Flyer campaigns to test with: orders of flyers, a mailing system's key and its reports, and pictures to upload."""

from __future__ import annotations

import io
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from PIL import Image

from kit.money import Money
from orders import actors
from orders.campaigns import keys
from orders.campaigns.content import FlyerContent
from orders.campaigns.scheduling import schedule_campaign
from orders.cash import collect_cash
from orders.models import Campaign, Coupon, CouponCode, MailingKey, Order, PaymentTerms
from orders.placement import place_order
from tests.shop import Article, Shop, Shopper, purchase, send

CLERK = actors.SYSTEM
CONTENT = FlyerContent(
    prop_address="1730 Sawtelle Blvd #112 Los Angeles, CA 90025",
    prop_desc="<p>Two beds &amp; two baths</p>",
    prop_price=Money(83_550_000, "USD"),
    headline="Gorgeous Townhouse in newer building",
    sub_headline="Ready to move into",
    scheduled_at=datetime(2030, 11, 6, 20, 23, tzinfo=UTC),
    subject="Townhouse in West Los Angeles, great value",
    list_name="LA County, CA",
)


def flyer_order(
    shopper: Shopper,
    shop: Shop,
    *wanted: tuple[Article, int],
    content: FlyerContent | None = CONTENT,
    terms: PaymentTerms = PaymentTerms.ON_DELIVERY,
    **fields: Any,
) -> Order:
    """An order of flyers, and of whatever else is `wanted`, for which nothing is charged to deliver it."""
    lines = wanted or ((shop.flyer, 1),)
    made = purchase(shopper, shop.standard, *lines, terms=terms, **{"delivers": False, **fields})
    flyers = tuple(
        replace(item, flyer=content if item.product_id == shop.flyer.product_id else None) for item in made.items
    )
    return Order.objects.get(pk=place_order(replace(made, items=flyers, delivery_method_id=None)).id)


def pay(order: Order) -> Order:
    """Cash for all of it."""
    return collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=CLERK)


def paid_order(shopper: Shopper, shop: Shop, *wanted: tuple[Article, int], **fields: Any) -> Order:
    """The same, paid in cash."""
    return pay(flyer_order(shopper, shop, *wanted, **fields))


def campaigns(order: Order) -> list[Campaign]:
    """The order's campaigns as they are now."""
    return list(Campaign.objects.filter(order=order).order_by("position"))


def statuses(order: Order) -> list[str]:
    """Their statuses."""
    return [campaign.status for campaign in campaigns(order)]


def schedule_all(order: Order) -> list[Campaign]:
    """All of the order's campaigns are scheduled."""
    return [schedule_campaign(campaign.pk, actor=CLERK) for campaign in campaigns(order)]


def issue_key(name: str = "mailer") -> str:
    """A key of a mailing system."""
    return keys.issue_key(MailingKey(name=name), by=None)


def report(
    campaign: Campaign, key: str | None, body: Any = None, *, idem: str | None = None, **figures: Any
) -> HttpResponse:
    """The mailing system's request."""
    headers = {} if key is None else {"apikey": key}
    path = f"/api/v1/flyers/{campaign.pk}/figures/"
    return send("POST", path, figures if body is None else body, headers=headers, key=idem)


def issue_coupon(code: str, **fields: Any) -> Coupon:
    """A coupon that covers all, under one code."""
    made = Coupon.objects.create(name=code, kind="percent", percent_ppm=1_000_000, **fields)
    CouponCode.objects.create(code=code, coupon=made)
    return made


def picture(form: str = "JPEG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **saved: Any) -> bytes:
    """A file of a picture, red at its left and blue at its right."""
    image = Image.new("RGB", size, "red")
    image.paste("blue", (size[0] // 2, 0, size[0], size[1]))
    out = io.BytesIO()
    image.convert(mode).save(out, form, **saved)
    return out.getvalue()


def upload(
    raw: bytes,
    by: Shopper | str | None,
    *,
    name: str = "front.jpg",
    content_type: str = "image/jpeg",
    field: str = "image",
    headers: dict[str, str] | None = None,
    **others: str,
) -> HttpResponse:
    """POST /api/v1/flyer-images/"""
    sent = dict(headers or {})
    if by is not None:
        sent["Authorization"] = f"Bearer {by if isinstance(by, str) else by.access}"
    file = SimpleUploadedFile(name, raw, content_type)
    client = Client(raise_request_exception=False)
    response: HttpResponse = client.post("/api/v1/flyer-images/", {field: file, **others}, headers=sent)  # type: ignore[assignment]
    return response
