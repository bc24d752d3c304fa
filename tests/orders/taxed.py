"""Orders with any discounts and taxes: rows as no rate would make them, and the ledger with them."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from orders.models import Order


def burden(order: Order, *, discounts: Sequence[int], taxes: Sequence[int], delivery_tax: int = 0) -> Order:
    """The order as if it had been placed with these discounts and taxes of its lines, and the tax of its delivery.

    The guards, which let nobody change what was placed, are put aside for it.
    """
    lines = list(order.lines.order_by("position"))
    discount, tax = sum(discounts), sum(taxes) + delivery_tax
    total = order.products_minor - discount + tax + order.delivery_minor
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for line, less, more in zip(lines, discounts, taxes, strict=True):
            cursor.execute(
                "UPDATE orders_orderline SET discount_minor = %s, tax_minor = %s, zero_reason = '', tax_category = ''"
                " WHERE id = %s",
                [less, more, line.pk],
            )
        cursor.execute(
            "UPDATE orders_order SET discount_minor = %s, tax_minor = %s, delivery_tax_minor = %s, total_minor = %s,"
            " delivery_zero_reason = '', delivery_tax_category = '' WHERE id = %s",
            [discount, tax, delivery_tax, total, order.pk],
        )
        cursor.execute("UPDATE payments_paymentrequest SET amount_minor = %s WHERE subject_id = %s", [total, order.pk])
        cursor.execute(
            "UPDATE payments_ledgerentry SET amount_minor = sign(amount_minor) * %s WHERE subject_id = %s",
            [total, order.pk],
        )
        cursor.execute("RESET session_replication_role")
    order.refresh_from_db()
    return order
