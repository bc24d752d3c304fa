"""What the mails about orders say, as text and as HTML from one context. Reads only, outside any transaction."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from orders.invoices.amounts import percent, shown
from orders.invoices.content import method_of
from orders.invoices.links import invoice_url
from orders.models import Notice, NoticeKind, Order
from orders.taxes.summary import taxes_of
from payments import queries
from payments.models import PaymentAttempt, Refund, RefundDestination, RefundState

_SUBJECTS = {
    NoticeKind.CONFIRMATION: "Your order {number}",
    NoticeKind.PAYMENT: "Payment received for your order {number}",
    NoticeKind.REFUND: "Refund for your order {number}",
}


def mail_of(notice: Notice) -> EmailMultiAlternatives:
    """The mail that a notice stands for, as things are now. Its headers hold nothing that a customer has typed but the
    address, which is checked."""
    order = notice.order
    kind = NoticeKind(notice.kind)
    context = {
        "order": order,
        "shop": settings.SELLER.name,
        "invoice_url": invoice_url(order),
        "title": _SUBJECTS[kind].format(number=order.number),
        **(_refund(order, notice) if kind == NoticeKind.REFUND else _order(order)),
        **({"payments": _payments(order)} if kind == NoticeKind.PAYMENT else {}),
    }
    mail = EmailMultiAlternatives(
        _SUBJECTS[kind].format(number=order.number), render_to_string(f"mails/{kind}.txt", context), to=[order.email]
    )
    mail.attach_alternative(render_to_string(f"mails/{kind}.html", context), "text/html")
    return mail


def _order(order: Order) -> dict[str, Any]:
    """Lines, and how the total comes about; what is zero is left out, but for goods and delivery."""
    taxes = [
        (f"{tax.name} {percent(tax.ppm)}", shown(tax.amount_minor, order.currency))
        for tax in taxes_of(order)
        if tax.amount_minor
    ]
    rows = [("Products", order.products_minor, True), ("Discount", -order.discount_minor, False)]
    if order.delivery_method_id is not None:
        rows.append((order.delivery_name, order.delivery_minor, True))
    return {
        "lines": [
            {
                "quantity": line.quantity,
                "title": line.title,
                "detail": line.variant_title,
                "amount": shown(line.amount_minor, order.currency),
            }
            for line in order.lines.all()
        ],
        "rows": [(name, shown(minor, order.currency)) for name, minor, always in rows if minor or always],
        "taxes": taxes,
        "credits": shown(-order.credits_minor, order.currency) if order.credits_minor else "",
        "total": shown(order.total_minor, order.currency),
    }


def _payments(order: Order) -> list[tuple[str, str]]:
    attempts = PaymentAttempt.objects.filter(request__subject_id=order.pk, captured_minor__gt=0).order_by("created_at")
    return [(method_of(attempt), shown(attempt.captured_minor, attempt.currency)) for attempt in attempts]


def _refund(order: Order, notice: Notice) -> dict[str, Any]:
    """What goes back and where to, and what credit there is now."""
    refunds = Refund.objects.filter(attempt__request__subject_id=order.pk).select_related("attempt")
    parts = [part for part in refunds if notice.subject_id in (part.cause_id, part.pk)]
    ways = [
        (
            "Credit" if part.destination == RefundDestination.CREDIT else method_of(part.attempt),
            shown(part.amount_minor, part.currency),
        )
        for part in parts
        if part.state != RefundState.FAILED
    ]
    total = sum(part.amount_minor for part in parts if part.state != RefundState.FAILED)
    currency = parts[0].currency if parts else order.currency
    credit = queries.credit_minor(order.customer_id, currency)
    is_credit = any(part.destination == RefundDestination.CREDIT for part in parts)
    return {
        "ways": ways,
        "amount": shown(total, currency),
        "is_credit": is_credit,
        "credit": shown(credit, currency) if is_credit else "",
    }
