"""One order on one page, for a reader: what each of their rights lets them see, in a number of statements that does not
grow with the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from catalog.admin.money import shown
from catalog.admin.stock import MOVEMENT_TONES
from catalog.models import StockMovement
from customers.models import User
from kit.money import Money
from orders.admin.invoices import document_url
from orders.admin.wording import (
    CAMPAIGN_TONES,
    EVENT_ICONS,
    FULFILMENT_TONES,
    INVOICE_TONES,
    PAYMENT_TONES,
    STATUS_TONES,
    STEP_TONES,
    facts_shown,
)
from orders.admin.write_offs import step_of
from orders.invoices.amounts import percent
from orders.invoices.links import invoice_url
from orders.models import Fulfilment, Order, OrderHistory, OrderLine
from orders.payments import status_of
from orders.returns.rest import lines_with_returns
from orders.returns.standing import standings
from orders.status import unpaid_minor
from orders.taxes.summary import taxes_of
from payments import queries
from payments.admin.showing import ATTEMPT_TONES, DISPUTE_TONES, REFUND_TONES, REQUEST_TONES
from payments.models import GatewayName

_DASHBOARDS = {GatewayName.STRIPE: "Stripe", GatewayName.RAZORPAY: "Razorpay", GatewayName.OFFLINE: "Cash"}


@dataclass(frozen=True, slots=True)
class Label:
    """A state as a coloured word."""

    text: str
    tone: str


def order_page(order: Order, reader: User | AnonymousUser) -> dict[str, Any]:
    """What the page shows; a part that the reader may not see is None."""

    def part(right: str, build: Any) -> Any:
        return build(order, reader) if reader.has_perm(right) else None

    return {
        "status": Label(order.get_status_display(), STATUS_TONES[order.status]),
        "fulfilment": Label(order.get_fulfilment_display(), FULFILMENT_TONES[order.fulfilment]),
        "payment": _payment(order),
        "figures": _figures(order),
        "amounts": _amounts(order),
        "customer_link": _link("customers", "customer", order.customer_id, reader),
        "lines": part("orders.view_orderline", _lines),
        "campaigns": part("orders.view_campaign", _campaigns),
        "payments": part("payments.view_paymentrequest", _payments),
        "refunds": part("orders.view_orderrefund", _refunds),
        "write_offs": part("orders.view_orderwriteoff", _write_offs),
        "invoices": part("orders.view_invoice", _invoices),
        "invoice_url": invoice_url(order),
        "disputes": part("payments.view_dispute", _disputes),
        "history": part("orders.view_orderhistory", _history),
        "movements": part("catalog.view_stockmovement", _movements),
        "notices": part("orders.view_notice", lambda order, _: list(order.notices.all())),
    }


def _payment(order: Order) -> Label:
    status = status_of(order)
    return Label(f"Payment: {status.replace('_', ' ')}", PAYMENT_TONES[status])


def _disputes(order: Order, reader: Any) -> list[dict[str, Any]]:
    """What payers' banks question, the newest first."""
    return [
        {
            "dispute": dispute,
            "link": _link("payments", "dispute", dispute.pk, reader),
            "state": Label(dispute.get_state_display(), DISPUTE_TONES[dispute.state]),
            "amount": shown(Money(dispute.amount_minor, dispute.currency)),
        }
        for dispute in queries.disputes_of(order.pk)
    ]


def _refunds(order: Order, reader: Any) -> list[dict[str, Any]]:
    """What people gave back, the newest first, and how far each has come."""
    refunds = list(
        order.refunds.select_related("requested_by", "approved_by", "refused_by").prefetch_related("lines__order_line")
    )
    stands = standings(refunds)
    return [
        {
            "refund": refund,
            "link": _link("orders", "orderrefund", refund.pk, reader),
            "state": Label(str(stands[refund.pk].step.label), STEP_TONES[stands[refund.pk].step]),
            "amount": shown(refund.amount),
            "credits": _shown(refund.credits_minor, order) if refund.credits_minor else "",
            "failed": _shown(stands[refund.pk].failed_minor, order) if stands[refund.pk].failed_minor else "",
            "lines": [
                f"{part.quantity} x {part.order_line.title} {part.order_line.variant_title}".strip()
                + (", back into stock" if part.restock else "")
                for part in refund.lines.all()
            ],
        }
        for refund in refunds
    ]


def _write_offs(order: Order, reader: Any) -> list[dict[str, Any]]:
    """What people gave up of what is owed, the newest first. Nothing of goods that are still here."""
    if order.fulfilment == Fulfilment.UNFULFILLED:
        return []
    return [
        {
            "write_off": one,
            "link": _link("orders", "orderwriteoff", one.pk, reader),
            "state": Label(*step_of(one)),
            "amount": shown(one.amount),
        }
        for one in order.write_offs.select_related("requested_by", "approved_by", "refused_by")
    ]


def _invoices(order: Order, reader: Any) -> list[dict[str, Any]]:
    """The invoice, and the notes that correct it, the newest first."""
    return [
        {
            "invoice": invoice,
            "link": _link("orders", "invoice", invoice.pk, reader),
            "kind": Label(invoice.get_kind_display(), INVOICE_TONES[invoice.kind]),
            "amount": shown(invoice.total),
            "page": document_url(invoice),
            "pdf": document_url(invoice, "pdf"),
            "xml": document_url(invoice, "xml"),
        }
        for invoice in order.invoices.select_related("order").defer("view")
    ]


def _figures(order: Order) -> list[tuple[str, str]]:
    figures = [
        ("Total", shown(order.total)),
        ("Collected", _shown(order.collected_minor, order)),
        ("Refunded", _shown(order.refunded_minor, order)),
        ("Still due", _shown(max(0, unpaid_minor(order) - order.written_off_minor), order)),
    ]
    if order.credits_returned_minor:
        figures.append(("Credits given back", _shown(order.credits_returned_minor, order)))
    if order.written_off_minor:
        figures.append(("Written off", _shown(order.written_off_minor, order)))
    return figures


def _amounts(order: Order) -> list[tuple[str, str]]:
    """How the total adds up, with its taxes by rate; what is zero is left out, but for goods and delivery."""
    included = ", included" if order.prices_include_tax else ""
    taxes = taxes_of(order)
    named = sum(tax.amount_minor for tax in taxes) == order.tax_minor
    rows = [
        ("Products", order.products_minor, True),
        (f"Discount, coupon {order.coupon_code}" if order.coupon_code else "Discount", -order.discount_minor, False),
        ("Delivery", order.delivery_minor + order.delivery_discount_minor, True),
        (f"Delivery discount, coupon {order.coupon_code}", -order.delivery_discount_minor, False),
        *((f"{tax.name} {percent(tax.ppm)}{included}", tax.amount_minor, False) for tax in taxes if named),
        ("Tax", 0 if named else order.tax_minor, False),
        ("Credits", -order.credits_minor, False),
    ]
    return [(name, _shown(minor, order)) for name, minor, always in rows if minor or always]


def _lines(order: Order, reader: Any) -> list[dict[str, Any]]:
    sees_stock = reader.has_perm("catalog.view_stock")
    related = ("variant__product", "variant__stock") if sees_stock else ("variant__product",)
    return [
        {
            "line": line,
            "product_link": _link("catalog", "product", line.variant.product_id, reader),
            "stock_link": _link("catalog", "stock", line.variant_id, reader),
            "unit_price": _shown(line.unit_price_minor, order),
            "discount": _shown(-line.discount_minor, order) if line.discount_minor else "",
            "amount": _shown(line.amount_minor - line.discount_minor, order),
            "taxes": _line_taxes(line, order),
            "back": line.back,
            "stock": getattr(line.variant, "stock", None) if sees_stock else None,
        }
        for line in lines_with_returns(order).select_related(*related)
    ]


def _campaigns(order: Order, reader: Any) -> list[dict[str, Any]]:
    """The flyers of the order, as far as there are some."""
    return [
        {
            "campaign": campaign,
            "link": _link("orders", "campaign", campaign.pk, reader),
            "status": Label(campaign.get_status_display(), CAMPAIGN_TONES[campaign.status]),
        }
        for campaign in order.campaigns.order_by("position")
    ]


def _line_taxes(line: OrderLine, order: Order) -> list[str]:
    """The taxes on a line, or why there are none."""
    taxes = [
        f"{tax['name']} {percent(tax['rate_ppm'])} {_shown(tax['amount_minor'], order)}"
        for tax in line.taxes
        if tax["amount_minor"]
    ]
    return taxes or ([f"no tax: {line.zero_reason.replace('_', ' ')}"] if line.zero_reason else [])


def _payments(order: Order, reader: Any) -> list[dict[str, Any]]:
    """Requests, their attempts and the attempts' refunds; the payer's secret is not even read."""
    sees_refunds = reader.has_perm("payments.view_refund")
    sees_attempts = reader.has_perm("payments.view_paymentattempt")
    return [
        {
            "request": request,
            "gateway": _DASHBOARDS[GatewayName(request.gateway)],
            "link": _link("payments", "paymentrequest", request.pk, reader),
            "state": Label(request.get_state_display(), REQUEST_TONES[request.state]),
            "amount": shown(request.amount),
            "attempts": [_attempt(attempt, reader, sees_refunds) for attempt in request.attempts.all()]
            if sees_attempts
            else [],
        }
        for request in queries.requests_of(order.pk).defer("client_secret")
    ]


def _attempt(attempt: Any, reader: Any, sees_refunds: bool) -> dict[str, Any]:
    return {
        "attempt": attempt,
        "state": Label(attempt.get_state_display(), ATTEMPT_TONES[attempt.state]),
        "amount": shown(Money(attempt.amount_minor, attempt.currency)),
        "captured": shown(Money(attempt.captured_minor, attempt.currency)) if attempt.captured_minor else "",
        "refunded": shown(Money(attempt.refunded_minor, attempt.currency)) if attempt.refunded_minor else "",
        "refunds": [
            {
                "refund": refund,
                "link": _link("payments", "refund", refund.pk, reader),
                "state": Label(refund.get_state_display(), REFUND_TONES[refund.state]),
                "amount": shown(refund.amount),
            }
            for refund in (attempt.refunds.all() if sees_refunds else ())
        ],
    }


def _history(order: Order, reader: Any) -> list[dict[str, Any]]:
    """What happened, the newest first."""
    rows = OrderHistory.objects.filter(order=order).select_related("actor").order_by("-pk")
    return [
        {
            "row": row,
            "icon": EVENT_ICONS.get(row.event, "circle"),
            "before": Label(row.get_from_status_display(), STATUS_TONES[row.from_status]) if row.from_status else None,
            "after": Label(row.get_to_status_display(), STATUS_TONES[row.to_status]),
            "moved": row.from_status != row.to_status,
            "actor": row.actor.email if row.actor else "",
            "facts": facts_shown(row.facts, order.currency),
        }
        for row in rows
    ]


def _movements(order: Order, reader: Any) -> list[dict[str, Any]]:
    """What the order did to stock, also under the name that it had before late money revived it."""
    sources = {order.pk, order.reservation_id}
    movements = StockMovement.objects.filter(source_id__in=sources).select_related("variant").order_by("pk")
    return [{"movement": one, "kind": Label(one.get_kind_display(), MOVEMENT_TONES[one.kind])} for one in movements]


def _shown(minor: int, order: Order) -> str:
    return shown(Money(minor, order.currency))


def _link(app: str, model: str, key: Any, reader: Any) -> str:
    """The address of a page that the reader may see, else nothing."""
    may_see = reader.has_perm(f"{app}.view_{model}")
    return reverse(f"admin:{app}_{model}_change", args=[key]) if may_see else ""
