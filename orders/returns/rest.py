"""What of an order can still be given back: its money, its lines, its delivery. Reads only.

An act that relies on it holds the order locked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, Sum

from orders.models import Order, OrderLine, OrderRefund
from orders.returns.shares import LineRest
from payments import ledger, queries, refunding
from payments.ledger import SaleBalances
from payments.models import Refund, RefundState


@dataclass(frozen=True, slots=True)
class LineLeft:
    """A line, what of it is left, and how many of its pieces have not come back into stock."""

    line: OrderLine
    rest: LineRest
    restockable: int


@dataclass(frozen=True, slots=True)
class RefundRest:
    """What is left, minor units. `kept` is what we have and have not promised back; `refundable` what of it no bank
    disputes or has taken. `lines` is by position; `delivery` is with its tax."""

    kept: int
    refundable: int
    lines: dict[int, LineLeft]
    delivery: int


def rest_of(order: Order) -> RefundRest:
    """What is left of the order, in a number of statements that does not grow with it."""
    with_tax = order.delivery_minor + (0 if order.prices_include_tax else order.delivery_tax_minor)
    given = OrderRefund.objects.live().filter(order=order).aggregate(sum=Sum("delivery_minor", default=0))["sum"]
    return RefundRest(
        kept=queries.totals(order.pk, order.currency).kept,
        refundable=refunding.refundable_minor(order.pk, order.currency),
        lines=_lines(order),
        delivery=with_tax - given,
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
    waiting = Refund.objects.filter(
        attempt__request__subject_id=order.pk, currency=order.currency, state=RefundState.REQUESTED
    ).aggregate(amount=Sum("amount_minor", default=0), tax=Sum("tax_minor", default=0))
    beyond_surplus = max(0, waiting["amount"] - stands.surplus)
    return SaleBalances(
        surplus=max(0, stands.surplus - waiting["amount"]),
        sale=stands.sale - beyond_surplus,
        tax=stands.tax - waiting["tax"],
    )
