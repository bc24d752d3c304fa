"""What an order's invoice says, from the order as it was placed and the money that has come in for it. Reads only."""

from __future__ import annotations

import dataclasses
from datetime import datetime

from django.conf import settings

from catalog.models import ProductKind
from catalog.regions import region_code
from orders.invoices import wording
from orders.invoices.places import place_of_supply
from orders.invoices.view import PRO_FORMA, InvoiceView, Line, Paid, Party
from orders.models import Order, OrderLine, OrderStatus, PaymentTerms
from orders.taxes.arithmetic import Levy
from payments.models import GatewayName, PaymentAttempt

_GST = frozenset({"CGST", "SGST", "UTGST", "IGST"})
_METHODS = {"paypal": "PayPal", "upi": "UPI", "netbanking": "Net banking", "wallet": "Wallet", "cash": "Cash"}


def view_of(order: Order, kind: str) -> InvoiceView:
    """The document as it would be issued now, without a number.

    Three statements: the customer, the lines, the payments.
    """
    lines = _lines(order)
    seller = _seller()
    is_gst = seller.country == "IN" and any(levy.name in _GST for line in lines for levy in line.levies)
    buyer = _buyer(order)
    total = sum(line.total_minor for line in lines)
    paid, paid_minor = _paid(order)
    return InvoiceView(
        kind=kind,
        title=wording.title_of(
            kind,
            seller_country=seller.country,
            is_taxed=any(line.category in (wording.STANDARD, wording.EXPORT) for line in lines),
        ),
        number="",
        issued_on="",
        order_number=order.number,
        ordered_on=shop_day(order.placed_at),
        supplied_on=shop_day(order.sent_at) if order.sent_at else "",
        seller=seller,
        buyer=buyer,
        delivers=order.delivery_method_id is not None,
        place_of_supply=place_of_supply(buyer.country, buyer.state_code) if seller.country == "IN" else "",
        is_gst=is_gst,
        currency=order.currency,
        prices_include_tax=order.prices_include_tax,
        lines=lines,
        credits_minor=order.credits_minor,
        paid=paid,
        due_minor=max(0, total - order.credits_minor - paid_minor),
        on_delivery=order.payment_terms == PaymentTerms.ON_DELIVERY,
        notes=wording.legal_notes(lines, seller_country=seller.country, is_gst=is_gst),
    )


def pro_forma_of(order: Order) -> InvoiceView:
    """What the invoice of an order that has none would say now."""
    over = order.status in (OrderStatus.CANCELLED, OrderStatus.REFUNDED)
    reason = "The order was called off." if over else "It will be issued once the order is due."
    return dataclasses.replace(view_of(order, PRO_FORMA), reason=reason)


def shop_day(at: datetime) -> str:
    """The shop's own day of an instant."""
    return at.astimezone(settings.SHOP_TIME_ZONE).date().isoformat()


def _lines(order: Order) -> tuple[Line, ...]:
    rows = list(order.lines.order_by("position"))
    lines = [_line(order, row) for row in rows]
    has_goods = any(line.is_goods for line in lines)
    if order.delivery_method_id is not None and (order.delivery_minor or order.delivery_discount_minor):
        lines.append(_delivery(order, is_goods=has_goods))
    return tuple(lines)


def _line(order: Order, row: OrderLine) -> Line:
    levies = tuple(Levy(one["name"], one["rate_ppm"], one["amount_minor"]) for one in row.taxes)
    if row.tax_minor != sum(levy.amount_minor for levy in levies):
        # From before taxes were kept by name.
        levies = (Levy("Tax", 0, row.tax_minor),)
    is_goods = row.kind == ProductKind.PHYSICAL
    return Line(
        title=row.title,
        detail=" \N{MIDDLE DOT} ".join(part for part in (row.variant_title, row.sku) if part),
        hsn_code=row.hsn_code,
        quantity=row.quantity,
        unit_price_minor=row.unit_price_minor,
        amount_minor=row.amount_minor,
        discount_minor=row.discount_minor,
        net_minor=row.amount_minor - row.discount_minor - (row.tax_minor if order.prices_include_tax else 0),
        levies=levies,
        zero_reason=row.zero_reason,
        category=_category(levies, row.zero_reason, is_goods),
        is_goods=is_goods,
    )


def _delivery(order: Order, *, is_goods: bool) -> Line:
    """What is delivered is taxed as goods are where goods are delivered."""
    levies = tuple(Levy(one["name"], one["rate_ppm"], one["amount_minor"]) for one in order.delivery_taxes)
    if order.delivery_tax_minor != sum(levy.amount_minor for levy in levies):
        levies = (Levy("Tax", 0, order.delivery_tax_minor),)
    before = order.delivery_minor + order.delivery_discount_minor
    return Line(
        title=order.delivery_name,
        detail="Delivery",
        hsn_code="",
        quantity=1,
        unit_price_minor=before,
        amount_minor=before,
        discount_minor=order.delivery_discount_minor,
        net_minor=order.delivery_minor - (order.delivery_tax_minor if order.prices_include_tax else 0),
        levies=levies,
        zero_reason=order.delivery_zero_reason,
        category=_category(levies, order.delivery_zero_reason, is_goods),
        is_goods=is_goods,
        is_delivery=True,
    )


def _category(levies: tuple[Levy, ...], zero_reason: str, is_goods: bool) -> str:
    taxed = any(levy.ppm or levy.amount_minor for levy in levies)
    return wording.category_of(ppm=1 if taxed else 0, zero_reason=zero_reason, is_goods=is_goods)


def _seller() -> Party:
    seller = settings.SELLER
    return Party(
        name=seller.name,
        street=seller.street,
        city=seller.city,
        state=seller.state,
        state_code=region_code(seller.country, seller.state),
        postal_code=seller.postal_code,
        country=seller.country,
        tax_number=seller.tax_number,
        registration=seller.registration,
        email=seller.email,
    )


def _buyer(order: Order) -> Party:
    customer = order.customer
    name = f"{order.first_name} {order.last_name}".strip() or f"{customer.first_name} {customer.last_name}".strip()
    return Party(
        name=name or order.email,
        street=order.street,
        city=order.city,
        state=order.state,
        state_code=region_code(order.country, order.state),
        postal_code=order.postal_code,
        country=order.country,
        tax_number=order.tax_number,
        email=order.email,
        phone=order.phone or customer.phone,
    )


def _paid(order: Order) -> tuple[tuple[Paid, ...], int]:
    """What came in for it, the oldest first, and no more in all than it costs; and the sum of that."""
    attempts = PaymentAttempt.objects.filter(
        request__subject_id=order.pk, currency=order.currency, captured_minor__gt=0
    ).order_by("created_at", "pk")
    paid: list[Paid] = []
    left = order.total_minor
    for attempt in attempts:
        amount = min(left, attempt.captured_minor)
        if amount:
            paid.append(Paid(shop_day(attempt.created_at), method_of(attempt), amount))
        left -= amount
    return tuple(paid), order.total_minor - left


def method_of(attempt: PaymentAttempt) -> str:
    """How somebody paid, in words."""
    if attempt.gateway == GatewayName.OFFLINE:
        return "Cash"
    if attempt.method == "card":
        return f"Card ending in {attempt.last4}" if attempt.last4 else "Card"
    return _METHODS.get(attempt.method, attempt.method.replace("_", " ").capitalize() or "Payment")
