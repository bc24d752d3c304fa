"""How long the first page of all-orders takes, with ten thousand orders and with a million.

Run as `python -m benchmarks.all_orders FEW MANY` in the environment of the servers, because it needs Django; fills,
measures in between, and prints the figures as JSON. The tables' guards are put aside for the filling alone: what is
written is whole, and `check_books` judges it. Of two hundred orders one is a renewal; a customer has one in
a hundred.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.figures import percentile
from benchmarks.placing import WrongAnswer
from benchmarks.system import System

FEW, MANY = 10_000, 1_000_000
DAYS = 300
_TRIES = 200
_PAGE = 20
_CUSTOMERS = 100
_RENEWAL_EVERY = 200
_ASKS = 7

# Nobody paid for them, and they cost nothing: they have no part in money or stock. All ids come from n.
_FILL = """
CREATE TEMPORARY TABLE listed AS
SELECT n, ('a11d0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id
FROM generate_series({first}, {last}) n;
INSERT INTO orders_order
    (id, reservation_id, customer_id, status, fulfilment, payment_terms, dialect, order_type, currency, products_minor,
     discount_minor, tax_minor, delivery_minor, credits_minor, total_minor, collected_minor, refunded_minor, email,
     delivery_name, street, city, state, postal_code, country, notes, placed_at, carrier, tracking_number)
SELECT listed.id, listed.id, c.id, 'cancelled',
       'unfulfilled', 'prepaid', 'commerce', CASE WHEN n % {renewal} = {asks} THEN 'renewal' ELSE 'purchase' END, 'USD',
       0, 0, 0, 0, 0, 0, 0, 0, 'ada@example.com', '', '1 Main St', 'New York', 'NY', '10001', 'US', '',
       now() - make_interval(days => {days}) * (1 - n::float / {many}), '', ''
FROM listed JOIN customers_customer c ON c.phone = 'listed ' || n % {customers} ORDER BY n;
INSERT INTO orders_orderline
    (order_id, position, variant_id, kind, title, variant_title, sku, quantity, unit_price_minor, discount_minor,
     tax_minor)
SELECT listed.id, 1, v.id, 'physical', 'Thing', '', v.sku, 1, 0, 0, 0
FROM listed CROSS JOIN (SELECT id, sku FROM catalog_variant ORDER BY id LIMIT 1) v;
INSERT INTO orders_orderhistory (order_id, event, from_status, to_status, actor_kind, facts)
SELECT id, 'placed', '', 'cancelled', 'system', '{{}}' FROM listed;
DROP TABLE listed
"""


@dataclass(frozen=True)
class FirstPage:
    """One list, with few orders in the shop and with many; milliseconds to read and render its first page."""

    name: str
    few: int
    many: int
    few_p50_ms: float
    many_p50_ms: float
    many_p95_ms: float

    @property
    def ratio(self) -> float:
        """How much longer the many take."""
        return self.many_p50_ms / self.few_p50_ms


def measure(system: System, few: int, many: int) -> list[FirstPage]:
    """Fills the running system's database and measures. Raises WrongAnswer."""
    done = subprocess.run(
        (sys.executable, "-m", "benchmarks.all_orders", str(few), str(many)),
        env=dict(system.programs.settings),
        cwd=system.programs.checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WrongAnswer(f"The orders could not be listed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return [FirstPage(**row) for row in json.loads(done.stdout)]


def _fill(first: int, last: int, many: int) -> None:
    from django.db import connection

    values = {"customers": _CUSTOMERS, "renewal": _RENEWAL_EVERY, "days": DAYS, "many": many, "asks": _ASKS}
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET session_replication_role = replica")
        for statement in _FILL.format(first=first, last=last, **values).split(";"):
            cursor.execute(statement)
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM ANALYZE orders_order, orders_orderline, orders_orderhistory")


def _people() -> Any:
    """Those whose orders they are; the one who asks for her own."""
    from customers.models import Customer, User

    for number in range(_CUSTOMERS):
        user = User.objects.create_user(f"listed{number}@example.com")
        Customer.objects.create(user=user, first_name="Ada", phone=f"listed {number}")
    return Customer.objects.get(phone=f"listed {_ASKS}").pk


def _lists(customer_id: Any) -> dict[str, list[float]]:
    """Each list's times, asked for by turns, so that whatever disturbs the host disturbs all."""
    from django.conf import settings

    from kit import clock, strict_json
    from orders.models import Order
    from orders_project.dialects.commerce import filters, wire

    zone = settings.SHOP_TIME_ZONE
    asked: dict[str, tuple[Any, dict[str, str]]] = {
        "one's own": (customer_id, {}),
        "one's own of a month": (customer_id, {"period": "last_month"}),
        "one's own renewals": (customer_id, {"category": "renewal"}),
        "everybody's": (None, {}),
        "everybody's of a month": (None, {"period": "last_month"}),
        "everybody's purchases": (None, {"category": "purchase"}),
        "everybody's renewals": (None, {"category": "renewal"}),
    }
    taken: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(_TRIES):
        for name, (customer, query) in asked.items():
            begun = time.perf_counter()
            orders = Order.objects.of_customer(customer) if customer else Order.objects.all()
            wanted = filters.read(query, today=clock.day_in(zone), zone=zone)
            rows = list(wanted.of(orders.with_last_change()))
            strict_json.dumps([wire.row(order) for order in rows[:_PAGE]])
            taken[name].append((time.perf_counter() - begun) * 1_000)
            if not rows:
                raise WrongAnswer(f"{name}: nothing is listed")
    return taken


def ask(few: int, many: int) -> list[FirstPage]:
    """The figures."""
    customer_id = _people()
    _fill(1, few, few)
    with_few = _lists(customer_id)
    _fill(few + 1, many, many)
    with_many = _lists(customer_id)
    return [
        FirstPage(
            name,
            few,
            many,
            percentile(with_few[name], 50),
            percentile(with_many[name], 50),
            percentile(with_many[name], 95),
        )
        for name in with_few
    ]


def main(arguments: Sequence[str]) -> int:
    """Fills, measures and prints."""
    import django

    django.setup()
    few, many = map(int, arguments)
    json.dump([asdict(row) for row in ask(few, many)], sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
