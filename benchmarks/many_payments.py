"""Many paid orders, in our books and in the sandbox's, that agree with each other but for a few that we never heard of.

Run as `python -m benchmarks.many_payments N GATEWAY` in the environment of the servers. Two orders are bought as
anybody buys; the rest are their copies, row by row, under ids of their own. The tables' guards are put aside for the
copying alone: what is copied is whole, and `check_books` judges it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from django.db import connections

# One payment in so many is known to the gateway alone.
UNHEARD_OF_EVERY = 1000
DAYS = 30
# What belongs to an order, by the column that says so; ids that others refer to are given, the rest count themselves.
_OURS = {
    "orders_order": "id = %(order)s",
    "orders_orderline": "order_id = %(order)s",
    "orders_orderhistory": "order_id = %(order)s",
    "orders_notice": "order_id = %(order)s",
    "catalog_stockmovement": "source_id = %(reservation)s",
    "payments_paymentrequest": "subject_id = %(order)s",
    "payments_paymentattempt": "request_id = %(request)s",
    "payments_ledgertransfer": "id IN (SELECT transfer_id FROM payments_ledgerentry WHERE subject_id = %(order)s)",
    "payments_ledgerentry": "subject_id = %(order)s",
}
_THEIRS = {
    "stripe": {
        "sandbox_paymentintent": "public_id = %(reference)s",
        "sandbox_charge": "public_id = %(payment)s",
        "sandbox_balanceentry": "source = %(payment)s",
    },
    "razorpay": {
        "sandbox_razorpayorder": "public_id = %(reference)s",
        "sandbox_razorpaypayment": "public_id = %(payment)s",
        "sandbox_balanceentry": "source = %(payment)s",
    },
}
_NUMBERED = {"orders_order": "number", "payments_ledgertransfer": "id"}
_POINTS_AT = {
    ("payments_ledgerentry", "transfer_id"): "payments_ledgertransfer",
    ("sandbox_charge", "intent_id"): "sandbox_paymentintent",
    ("sandbox_razorpaypayment", "order_id"): "sandbox_razorpayorder",
}
# When things came about at the gateway, and in our books.
_SECONDS = "extract(epoch FROM now())::bigint - {span} + n::bigint * {span} / {count}"
_WHEN = {"created": _SECONDS, "created_at": f"to_timestamp({_SECONDS})"}


@dataclass(frozen=True)
class Template:
    """One bought order: what is copied, and which of its copies are wanted."""

    ids: Mapping[str, str]
    wanted: str

    @property
    def tokens(self) -> Mapping[str, str]:
        """What is the order's own in any text, and how its n-th copy has it instead."""
        tokens = {}
        for value in self.ids.values():
            # As long as the original: gateways look at the shape of an id.
            digits = 12 if len(value) == 36 else 8
            tokens[value] = f"left('{value}', {len(value) - digits}) || lpad(to_hex(n), {digits}, '0')"
        return tokens


class Copying:
    """Copies of a template's rows in one database."""

    def __init__(self, alias: str, template: Template, count: int) -> None:
        self._cursor = connections[alias].cursor()
        self._template, self._count = template, count
        self._bases: dict[tuple[str, Any], int] = {}

    def copy(self, table: str, where: str) -> None:
        """Every row of a table that belongs to the template, `count` times."""
        self._cursor.execute(f"SELECT * FROM {table} WHERE {where} ORDER BY 1", dict(self._template.ids))
        rows = [
            dict(zip((column.name for column in self._cursor.description), row, strict=True)) for row in self._cursor
        ]
        self._cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns "
            "WHERE table_name = %s AND table_schema = 'public'",
            [table],
        )
        types = dict(self._cursor.fetchall())
        key = next(name for name in ("seq", "id") if name in types)
        for row in rows:
            self._copy_row(table, row, types, key)

    def _copy_row(self, table: str, row: dict[str, Any], types: dict[str, str], key: str) -> None:
        texts = self._as_text(table, row, key)
        names, expressions = [], []
        for name, kind in types.items():
            if name == key and kind == "bigint":
                expression = self._number(table, key, row[key])
            elif (table, name) in _POINTS_AT:
                expression = f"{self._bases[_POINTS_AT[table, name], row[name]]} + n"
            elif name == _NUMBERED.get(table):
                expression = self._number(table, name, row[name])
            elif name in _WHEN and table.startswith(("payments_payment", "sandbox_")):
                expression = _WHEN[name].format(span=DAYS * 86400 - 3600, count=self._count)
            else:
                expression = self._literal(texts[name], kind)
            names.append(f'"{name}"')
            expressions.append(expression)
        self._cursor.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(expressions)} "
            f"FROM generate_series(1, {self._count}) n WHERE {self._template.wanted}"
        )

    def _as_text(self, table: str, row: dict[str, Any], key: str) -> dict[str, str | None]:
        columns = ", ".join(f'"{name}"::text' for name in row)
        self._cursor.execute(f"SELECT {columns} FROM {table} WHERE {key} = %s", [row[key]])
        return dict(zip(row, self._cursor.fetchone(), strict=True))

    def _number(self, table: str, column: str, original: Any) -> str:
        """Numbers of its own for each row that is copied, beyond all that there are."""
        self._cursor.execute(f'SELECT coalesce(max("{column}"), 0) FROM {table}')
        base = int(self._cursor.fetchone()[0])
        self._bases[table, original] = base
        return f"{base} + n"

    def _literal(self, text: str | None, kind: str) -> str:
        if text is None:
            return "NULL"
        expression = "'" + text.replace("'", "''") + "'"
        for token, copied in self._template.tokens.items():
            if token in text:
                expression = f"replace({expression}, '{token}', {copied})"
        return f"({expression})::{kind}"


def fill(payments: int, gateway: str) -> None:
    """The orders are in both databases, committed."""
    templates = [
        Template(_buy(gateway, heard_of=True), f"n % {UNHEARD_OF_EVERY} <> 0"),
        Template(_buy(gateway, heard_of=False), f"n % {UNHEARD_OF_EVERY} = 0"),
    ]
    for alias, tables in (("default", _OURS), ("sandbox", _THEIRS[gateway])):
        with connections[alias].cursor() as cursor:
            cursor.execute("SET session_replication_role = replica; SET statement_timeout = 0")
            for template in templates:
                copying = Copying(alias, template, payments)
                for table, where in tables.items():
                    copying.copy(table, where)
            _count_on(cursor, tables)
            if alias == "default":
                cursor.execute(
                    "UPDATE catalog_stock s SET on_hand = m.on_hand, reserved = m.reserved FROM ("
                    "SELECT variant_id, sum(on_hand_change) AS on_hand, sum(reserved_change) AS reserved "
                    "FROM catalog_stockmovement GROUP BY 1) m WHERE m.variant_id = s.variant_id"
                )
                # Documents are not copied: each has a number of its own.
                cursor.execute(
                    "UPDATE orders_order o SET needs_invoice = false WHERE status = 'paid' "
                    "AND NOT EXISTS (SELECT FROM orders_invoice i WHERE i.order_id = o.id)"
                )
            cursor.execute("RESET session_replication_role")
            cursor.execute("VACUUM ANALYZE")


def _count_on(cursor: Any, tables: Mapping[str, str]) -> None:
    """What counts itself goes on behind what was copied."""
    for table in tables:
        cursor.execute(
            "SELECT a.attname, pg_get_serial_sequence(%s, a.attname) FROM pg_attribute a "
            "WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped "
            "AND pg_get_serial_sequence(%s, a.attname) IS NOT NULL",
            [table, table, table],
        )
        for column, sequence in cursor.fetchall():
            cursor.execute(f'SELECT setval(%s, (SELECT max("{column}") FROM {table}))', [sequence])


def _buy(gateway: str, *, heard_of: bool) -> dict[str, str]:
    """An order that is paid at the gateway, and its ids."""
    from django.conf import settings

    from orders.confirmation import ask_gateway
    from orders.placement import place_order
    from payments import collecting, gateways
    from payments.models import PaymentRequest

    order_id = place_order(_purchase(gateway)).id
    request = collecting.create_at_gateway(PaymentRequest.objects.get(subject_id=order_id).pk)
    pay = {"payment": request.gateway_reference, "outcome": "succeed", "webhook": "none"}
    requests.post(f"{settings.SANDBOX_BASE_URL}/pay", json=pay, timeout=10).raise_for_status()
    (payment,) = gateways.online(gateway).fetch(str(request.gateway_reference)).payments
    from orders.models import Order

    order = Order.objects.get(pk=order_id)
    if heard_of:
        ask_gateway(order)
    ids = {
        "order": str(order.pk),
        "reservation": str(order.reservation_id),
        "request": str(request.pk),
        "reference": str(request.gateway_reference),
        "payment": payment.payment_id,
    }
    attempt = request.attempts.first()
    if attempt is not None:
        ids["attempt"] = str(attempt.pk)
    with connections["sandbox"].cursor() as cursor:
        cursor.execute("SELECT public_id FROM sandbox_balanceentry WHERE source = %s", [payment.payment_id])
        ids["entry"] = cursor.fetchone()[0]
    return ids


def _purchase(gateway: str) -> Any:
    from catalog import stock
    from catalog.models import DeliveryMethod, Product, Stock, Variant
    from customers.models import Customer, User
    from kit.ids import new_id
    from orders import actors
    from orders.checks import DeliveryAddress, WantedItem
    from orders.models import PaymentTerms
    from orders.placement import Buyer, Purchase
    from payments.models import GatewayName

    variant = Variant.objects.filter(sku="BENCH").first()
    if variant is None:
        product = Product.objects.create(title="Product")
        variant = Variant.objects.create(
            product=product, sku="BENCH", price_minor=1000, currency="EUR", weight_grams=100
        )
        Stock.objects.create(variant=variant)
        stock.count(variant_id=variant.pk, change=2_000_000_000, reason="Benchmark", source_id=new_id())
    method = DeliveryMethod.objects.get_or_create(name="Courier", price_minor=500, currency="EUR", kinds=["physical"])
    user, _ = User.objects.get_or_create(email="ada@example.com")
    customer, _ = Customer.objects.get_or_create(user=user, first_name="Ada")
    return Purchase(
        customer_id=customer.pk,
        buyer=Buyer(user.email),
        actor=actors.customer(user.pk),
        dialect="storefront",
        delivery_method_id=method[0].pk,
        address=DeliveryAddress("Main St 1", "Berlin", "", "10115", "DE"),
        items=(WantedItem(variant.product_id, variant.pk, True, 1),),
        notes="",
        terms=PaymentTerms.PREPAID,
        gateway=GatewayName(gateway),
    )


def main(arguments: list[str]) -> int:
    """Fills."""
    import django

    django.setup()
    fill(int(arguments[0]), arguments[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
