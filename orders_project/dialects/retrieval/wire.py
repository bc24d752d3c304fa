"""An order in the JSON of seed 002: every field that it documents, and no other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_symbol

from catalog.models import ProductKind
from catalog.regions import region_code
from kit import strict_json
from kit.money import Money
from orders.models import Campaign, CampaignStatus, Order, OrderLine, OrderStatus
from payments.models import PaymentAttempt

_CENTRAL = ZoneInfo("America/Chicago")
_PAYPAL = "PayPal"
# How gateways call the ways to pay.
_METHODS: Mapping[str, str] = {
    "paypal": _PAYPAL,
    "upi": "UPI",
    "netbanking": "Net Banking",
    "wallet": "Wallet",
    "cash": "Cash on Delivery",
}
_UNKNOWN_CARD = "XXXX"


def order(
    order: Order,
    *,
    lines: Sequence[OrderLine],
    campaigns: Sequence[Campaign],
    payment: PaymentAttempt | None,
    invoice_url: str,
) -> bytes:
    """The answer. The order comes with its customer, the campaigns with their images."""

    def number(minor: int) -> Decimal:
        return _number(minor, order.currency)

    method = _payment_method(order, payment)
    needed = order.products_minor - order.discount_minor - order.credits_minor
    return strict_json.dumps(
        {
            "id": order.number,
            "paypal": int(method == _PAYPAL),
            "status": OrderStatus(order.status).label,
            "created_at": _instant(order.placed_at),
            "city": order.city,
            "cost": number(order.products_minor),
            "discount": number(order.discount_minor),
            "first_name": order.first_name or order.customer.first_name,
            "last_name": order.last_name or order.customer.last_name,
            "phone": order.phone or order.customer.phone,
            "state": _state(order),
            "street": order.street,
            "tax": number(order.tax_minor),
            "total": number(order.total_minor),
            "zip": order.postal_code,
            "payment_method": method,
            "credits_consumed": number(order.credits_minor) if order.credits_minor else None,
            "credits_needed": number(max(needed, 0)),
            "net_total": number(order.collected_minor - order.refunded_minor),
            "products": _products(order, lines, campaigns),
            "coupon_name": order.coupon_code,
            "invoice_url": invoice_url,
        }
    )


def _products(order: Order, lines: Sequence[OrderLine], campaigns: Sequence[Campaign]) -> dict[str, Any]:
    """The number of lines, each piece of the flyers, and the other lines if there are any."""
    by_id = {line.pk: line for line in lines}
    add_ons = [
        {
            "id": line.pk,
            "title": line.title,
            "quantity": line.quantity,
            "cost": _number(line.amount_minor, order.currency),
        }
        for line in lines
        if line.kind != ProductKind.FLYER
    ]
    return {
        "items": len(lines),
        "flyers": [_flyer(one, _number(by_id[one.line_id].unit_price_minor, order.currency)) for one in campaigns],
        **({"addOns": add_ons} if add_ons else {}),
    }


def _flyer(campaign: Campaign, cost: Decimal) -> dict[str, Any]:
    return {
        "id": campaign.pk,
        "status": CampaignStatus(campaign.status).label,
        "delivered": campaign.delivered,
        "opened": campaign.opened,
        "clicked": campaign.clicked,
        "prop_address": campaign.prop_address,
        "prop_desc": campaign.prop_desc,
        "prop_price": _price(campaign.prop_price),
        "main_image": campaign.main_image.path if campaign.main_image else "",
        "headline": campaign.headline,
        "sub_headline": campaign.sub_headline,
        "cost": cost,
        "rush": "1" if campaign.rush else "0",
        "scheduled": _instant(campaign.scheduled_at) if campaign.scheduled_at else None,
        "subject": campaign.subject,
        "list_name": campaign.list_name,
        "percentage_completed": campaign.percentage_completed,
    }


def _payment_method(order: Order, payment: PaymentAttempt | None) -> str:
    """How money came in, whatever went back since; what covered an order that cost nothing; nothing while unpaid."""
    if payment is not None:
        if payment.method in _METHODS:
            return _METHODS[payment.method]
        if payment.last4 or payment.method in ("card", ""):
            return f"Card ending in {payment.last4 or _UNKNOWN_CARD}"
        return payment.method.replace("_", " ").title()
    if order.total_minor > 0:
        return ""
    if order.credits_minor > 0:
        return "Prepaid Credits"
    return "Promotional Code" if order.coupon_code else ""


def _state(order: Order) -> str:
    """The two letters of a state; nothing where it has none."""
    code = region_code(order.country, order.state)
    return code if len(code) == 2 and code.isalpha() else ""


def _instant(instant: datetime) -> str:
    """With the offset that US Central time has on that day."""
    return instant.astimezone(_CENTRAL).replace(microsecond=0).isoformat()


def _number(minor: int, currency: str) -> Decimal:
    """Major units without needless zeros: 69, 69.5."""
    return Money(minor, currency).major.normalize()


def _price(price: Money | None) -> str:
    """As people write it, without cents where there are none: $835,500."""
    if price is None:
        return ""
    symbol = get_currency_symbol(price.currency, locale="en_US")
    gap = " " if symbol[-1].isalpha() else ""
    is_whole = price.major == price.major.to_integral_value()
    return f"{symbol}{gap}{int(price.major):,}" if is_whole else f"{symbol}{gap}{price.major:,f}"
