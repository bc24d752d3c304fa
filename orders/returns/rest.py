"""What of an order can still be given back: its money, its lines, its delivery. Reads only.

An act that relies on it holds the order locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, Sum

from orders.credits import bought, returning
from orders.models import Order, OrderLine, OrderRefund
from orders.returns.shares import LineRest
from payments import ledger, queries, refunding
from payments.ledger import SaleBalances


@dataclass(frozen=True, slots=True)
class LineLeft:
    """A line, what of it is left, and how many of its pieces have not come back into stock."""

    line: OrderLine
    rest: LineRest
    restockable: int


@dataclass(frozen=True, slots=True)
class RefundRest:
    """What is left, minor units. `kept` is what we have in money and have not promised back; `refundable` what of it no
    bank disputes or has taken; `credits` is what of the order's credits can come back. `lines` is by position;
    `delivery` is with its tax. `bought` is what is not spent of the credit that the order has bought, None for others.
    """

    kept: int
    refundable: int
    lines: dict[int, LineLeft]
    delivery: int
    credits: int = 0
    bought: int | None = None


def rest_of(order: Order) -> RefundRest:
    """What is left of the order, in a number of statements that does not grow with it."""
    with_tax = order.delivery_minor + (0 if order.prices_include_tax else order.delivery_tax_minor)
    live = OrderRefund.objects.live().filter(order=order)
    given = live.aggregate(
        delivery=Sum("delivery_minor", default=0),
        # Those that somebody has yet to agree to are on no account, and nobody else's any more.
        credits=Sum("credits_minor", filter=Q(needs_approval=True, decided_at__isnull=True), default=0),
    )
    return RefundRest(
        kept=queries.totals(order.pk, order.currency).kept,
        refundable=refunding.refundable_minor(order.pk, order.currency),
        lines=_lines(order),
        delivery=with_tax - given["delivery"],
        credits=returning.kept_minor(order) - given["credits"],
        bought=bought.left_minor(order) if bought.buys_credit(order) else None,
    )


def lines_with_returns(order: Order) -> Any:
    """The order's lines with what of each was given back: pieces, discount, tax; and what came back into stock."""
    live = Q(refunds__refund__in=OrderRefund.objects.live().filter(order=order))
    refused = OrderRefund.objects.refused().filter(order=order)
    stays_in_stock = Q(refunds__restock=True) & ~Q(refunds__refund__in=refused)
    return order.lines.annotate(
        back=Sum("refunds__quantity", filter=live, default=0),
        back_discount=Sum("refunds__discount_minor", filter=live, default=0),
        back_tax=Sum("refunds__tax_minor", filter=live, default=0),
        restocked=Sum("refunds__quantity", filter=stays_in_stock, default=0),
    )


def _lines(order: Order) -> dict[int, LineLeft]:
    return {
        line.position: LineLeft(
            line,
            LineRest(
                quantity=line.quantity - line.back,
                unit_price_minor=line.unit_price_minor,
                discount_minor=line.discount_minor - line.back_discount,
                tax_minor=line.tax_minor - line.back_tax,
                tax_is_included=order.prices_include_tax,
            ),
            restockable=line.quantity - line.restocked,
        )
        for line in lines_with_returns(order).order_by("position")
    }


def sale_left(order: Order) -> SaleBalances:
    """How the order stands in the ledger once every refund that waits for a second person is approved."""
    stands = ledger.sale_balances(order.pk, order.currency)
    waiting = (
        OrderRefund.objects.to_decide()
        .filter(order=order)
        .aggregate(amount=Sum("amount_minor", default=0), tax=Sum("tax_minor", default=0))
    )
    beyond_surplus = max(0, waiting["amount"] - stands.surplus)
    return SaleBalances(
        surplus=max(0, stands.surplus - waiting["amount"]),
        sale=stands.sale - beyond_surplus,
        tax=stands.tax - waiting["tax"],
    )
