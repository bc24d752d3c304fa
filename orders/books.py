"""The invariants of stock, status and payments, each one question to the database whose right answer is no rows.

All are asked of one snapshot, so that they hold, and can be checked, at any moment while the shop is open.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection, transaction

from orders.status import MOVES

SHOWN = 20

_MOVES = ", ".join(f"('{before.value}', '{after.value}')" for before, moves in MOVES.items() for after in sorted(moves))

# name, and a statement that selects who offends and how.
INVARIANTS: tuple[tuple[str, str], ...] = (
    (
        "stock counters are the sums of their movements",
        """
        SELECT v.sku, s.on_hand, m.on_hand, s.reserved, m.reserved FROM catalog_stock s
        JOIN catalog_variant v ON v.id = s.variant_id
        LEFT JOIN (
            SELECT variant_id, sum(on_hand_change) AS on_hand, sum(reserved_change) AS reserved
            FROM catalog_stockmovement GROUP BY variant_id
        ) m USING (variant_id)
        WHERE s.on_hand <> coalesce(m.on_hand, 0) OR s.reserved <> coalesce(m.reserved, 0)
        """,
    ),
    (
        "nothing is promised that is not there",
        "SELECT variant_id, on_hand, reserved FROM catalog_stock WHERE reserved > on_hand OR reserved < 0",
    ),
    (
        "an order holds stock exactly as long as it has goods to send",
        """
        SELECT number, status, variant_id, wanted, held FROM (
            SELECT o.number, o.status, l.variant_id,
                   CASE WHEN o.status IN ('payment_pending', 'partially_paid', 'paid')
                        AND o.fulfilment = 'unfulfilled' THEN l.quantity ELSE 0 END AS wanted,
                   coalesce(h.held, 0) AS held
            FROM orders_order o
            JOIN (SELECT order_id, variant_id, sum(quantity) AS quantity FROM orders_orderline GROUP BY 1, 2) l
                ON l.order_id = o.id
            LEFT JOIN (
                SELECT source_id, variant_id, sum(reserved_change) AS held FROM catalog_stockmovement GROUP BY 1, 2
            ) h ON h.source_id = o.reservation_id AND h.variant_id = l.variant_id
        ) orders WHERE wanted <> held
        """,
    ),
    (
        "all reserved stock is held by orders",
        """
        SELECT m.source_id, sum(m.reserved_change) FROM catalog_stockmovement m
        WHERE m.kind IN ('reserved', 'released', 'sent')
        GROUP BY m.source_id HAVING sum(m.reserved_change) <> 0
        AND NOT EXISTS (SELECT FROM orders_order o WHERE o.reservation_id = m.source_id)
        """,
    ),
    (
        "an order's status is the last one in its history",
        """
        SELECT o.number, o.status, h.to_status FROM orders_order o LEFT JOIN (
            SELECT DISTINCT ON (order_id) order_id, to_status FROM orders_orderhistory ORDER BY order_id, id DESC
        ) h ON h.order_id = o.id WHERE o.status IS DISTINCT FROM h.to_status
        """,
    ),
    (
        "every move of an order is in the table of moves",
        f"""
        SELECT order_id, id, from_status, to_status, before FROM (
            SELECT order_id, id, event, from_status, to_status,
                   lag(to_status) OVER (PARTITION BY order_id ORDER BY id) AS before
            FROM orders_orderhistory
        ) h
        WHERE CASE WHEN before IS NULL THEN event <> 'placed' OR from_status <> ''
              ELSE from_status <> before
                   OR from_status <> to_status AND (from_status, to_status) NOT IN ({_MOVES}) END
        """,  # noqa: S608 - the table of moves is a constant of ours
    ),
    (
        "an order's amounts are the sums of its lines",
        """
        SELECT o.number FROM orders_order o LEFT JOIN (
            SELECT order_id, sum(quantity * unit_price_minor) AS products, sum(discount_minor) AS discount
            FROM orders_orderline GROUP BY order_id
        ) l ON l.order_id = o.id
        WHERE l.order_id IS NULL OR o.products_minor <> l.products OR o.discount_minor <> l.discount
           OR o.total_minor <> o.products_minor - o.discount_minor + o.tax_minor + o.delivery_minor - o.credits_minor
        """,
    ),
    (
        "an order knows what was collected and refunded for it",
        """
        SELECT o.number, o.collected_minor, p.collected, o.refunded_minor, p.refunded FROM orders_order o LEFT JOIN (
            SELECT r.subject_id, a.currency, sum(a.captured_minor) AS collected, sum(a.refunded_minor) AS refunded
            FROM payments_paymentattempt a JOIN payments_paymentrequest r ON r.id = a.request_id GROUP BY 1, 2
        ) p ON p.subject_id = o.id AND p.currency = o.currency
        WHERE o.collected_minor <> coalesce(p.collected, 0) OR o.refunded_minor <> coalesce(p.refunded, 0)
        """,
    ),
    (
        "an order's status follows from its money and its goods",
        """
        SELECT number, status, total_minor, collected_minor, refunded_minor, fulfilment FROM orders_order
        WHERE status <> 'cancelled' AND status <> CASE
            WHEN collected_minor > 0 AND refunded_minor >= collected_minor THEN 'refunded'
            WHEN collected_minor >= total_minor AND fulfilment = 'delivered' THEN 'completed'
            WHEN collected_minor >= total_minor THEN 'paid'
            WHEN collected_minor > 0 THEN 'partially_paid'
            ELSE 'payment_pending' END
        """,
    ),
    (
        "money that an order may not keep is on its way back",
        """
        SELECT o.number, o.status, o.total_minor, o.collected_minor, coalesce(r.promised, 0) FROM orders_order o
        LEFT JOIN (
            SELECT q.subject_id, sum(f.amount_minor) FILTER (WHERE f.state <> 'failed') AS promised,
                   bool_or(f.state = 'failed') AS failed
            FROM payments_refund f JOIN payments_paymentattempt a ON a.id = f.attempt_id
            JOIN payments_paymentrequest q ON q.id = a.request_id GROUP BY 1
        ) r ON r.subject_id = o.id
        WHERE o.collected_minor - greatest(coalesce(r.promised, 0), o.refunded_minor)
              > CASE WHEN o.status = 'cancelled' THEN 0 ELSE o.total_minor END
          AND NOT coalesce(r.failed, false)
        """,
    ),
    (
        "captured in another currency and not promised back",
        """
        SELECT o.number, a.gateway_payment_id, a.currency, a.captured_minor, coalesce(f.promised, 0)
        FROM payments_paymentattempt a JOIN payments_paymentrequest r ON r.id = a.request_id
        JOIN orders_order o ON o.id = r.subject_id AND o.currency <> a.currency
        LEFT JOIN (
            SELECT attempt_id, sum(amount_minor) FILTER (WHERE state <> 'failed') AS promised,
                   bool_or(state = 'failed') AS failed
            FROM payments_refund GROUP BY 1
        ) f ON f.attempt_id = a.id
        WHERE a.captured_minor > coalesce(f.promised, 0) AND NOT coalesce(f.failed, false)
        """,
    ),
    (
        "every order that costs something has a payment request of its own currency, and every request an order",
        """
        SELECT o.number, r.id FROM orders_order o
        FULL JOIN payments_paymentrequest r ON r.subject_id = o.id
        WHERE o.id IS NULL OR (r.id IS NULL AND o.total_minor > 0) OR r.currency <> o.currency
        """,
    ),
    (
        "a payment request is paid when and only when it is captured in full",
        """
        SELECT r.id, r.state, r.amount_minor, a.captured FROM payments_paymentrequest r LEFT JOIN (
            SELECT request_id, currency, sum(captured_minor) AS captured FROM payments_paymentattempt GROUP BY 1, 2
        ) a ON a.request_id = r.id AND a.currency = r.currency
        WHERE (r.state = 'paid') <> (coalesce(a.captured, 0) >= r.amount_minor)
        """,
    ),
    (
        "refunds that have not failed never exceed what was captured",
        """
        SELECT a.gateway_payment_id, a.captured_minor, sum(f.amount_minor) FROM payments_paymentattempt a
        JOIN payments_refund f ON f.attempt_id = a.id AND f.state <> 'failed'
        GROUP BY a.id HAVING sum(f.amount_minor) > a.captured_minor OR bool_or(f.currency <> a.currency)
        """,
    ),
    (
        "what an attempt says went back is the sum of its refunds that succeeded",
        """
        SELECT a.gateway_payment_id, a.refunded_minor, f.succeeded FROM payments_paymentattempt a LEFT JOIN (
            SELECT attempt_id, sum(amount_minor) AS succeeded FROM payments_refund WHERE state = 'succeeded' GROUP BY 1
        ) f ON f.attempt_id = a.id
        WHERE a.refunded_minor <> coalesce(f.succeeded, 0)
        """,
    ),
    (
        "a subject has at most one active payment request",
        """
        SELECT subject_id, count(*) FROM payments_paymentrequest WHERE state IN ('initiated', 'unknown', 'open')
        GROUP BY subject_id HAVING count(*) > 1
        """,
    ),
    (
        "a confirmation is due or sent for every order that was paid or is paid on delivery",
        """
        SELECT o.number FROM orders_order o
        WHERE (o.status IN ('paid', 'completed') OR o.payment_terms = 'on_delivery')
          AND NOT EXISTS (SELECT FROM orders_notice n WHERE n.order_id = o.id AND n.kind = 'confirmation')
        """,
    ),
)


@dataclass(frozen=True, slots=True)
class Check:
    """An invariant, and the first of those who break it."""

    name: str
    offenders: tuple[tuple[object, ...], ...]


def find_offenders() -> Iterator[Check]:
    """Each invariant with its offenders, all of one snapshot. Opens a transaction of its own that only reads."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")
        for name, statement in INVARIANTS:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT * FROM ({statement}) offenders LIMIT {SHOWN}")  # noqa: S608 - constants
                yield Check(name, tuple(cursor.fetchall()))
