"""Coupons: what they took off, and how often they were used."""

from __future__ import annotations

# What each use takes off each line by its frozen terms: the worth of the rule shared out by what it was for, the
# largest remainders first, as `kit.money.allocate` does it.
_RECOMPUTED = """
SELECT o.number, u.id, u.discount_minor, by_rule.lines, u.terms FROM orders_couponuse u
JOIN orders_order o ON o.id = u.order_id
CROSS JOIN LATERAL (
    SELECT (u.terms ->> 'delivery')::bigint AS delivery,
           u.terms ->> 'kind' = 'free_delivery' OR (u.terms ->> 'frees_delivery')::boolean AS is_free
) terms
CROSS JOIN LATERAL (
    SELECT coalesce(sum(value::numeric), 0) AS eligible, count(*) AS lines
    FROM jsonb_array_elements_text(u.terms -> 'eligible')
) base
CROSS JOIN LATERAL (
    SELECT CASE u.terms ->> 'kind'
        WHEN 'percent' THEN div(2 * base.eligible * (u.terms ->> 'percent_ppm')::numeric + 1000000, 2000000)
        WHEN 'amount' THEN least((u.terms ->> 'amount_minor')::numeric, base.eligible)
        ELSE 0 END AS worth
) rule
CROSS JOIN LATERAL (
    SELECT jsonb_agg(coalesce(share + (rank <= rule.worth - shared)::int, 0) ORDER BY position) AS lines FROM (
        SELECT position, share, sum(share) OVER () AS shared,
               row_number() OVER (ORDER BY remainder DESC, position) AS rank
        FROM (
            SELECT position, div(rule.worth * value::numeric, nullif(base.eligible, 0)) AS share,
                   mod(rule.worth * value::numeric, nullif(base.eligible, 0)) AS remainder
            FROM jsonb_array_elements_text(u.terms -> 'eligible') WITH ORDINALITY AS e (value, position)
        ) exact
    ) shares
) by_rule
CROSS JOIN LATERAL (
    SELECT count(*) AS lines, bool_or(
        l.discount_minor < off OR eligible NOT IN (0, l.quantity * l.unit_price_minor - l.discount_minor + off)
    ) AS differ
    FROM orders_orderline l
    CROSS JOIN LATERAL (
        SELECT (u.terms -> 'lines' ->> (l.position - 1))::bigint AS off,
               (u.terms -> 'eligible' ->> (l.position - 1))::bigint AS eligible
    ) one
    WHERE l.order_id = o.id
) frozen
WHERE u.terms -> 'lines' IS DISTINCT FROM by_rule.lines OR frozen.differ OR frozen.lines <> base.lines
   OR u.discount_minor <> rule.worth + terms.delivery OR o.delivery_discount_minor <> terms.delivery
   OR terms.delivery > 0 AND NOT terms.is_free OR terms.is_free AND o.delivery_minor <> 0
"""

COUPONS: tuple[tuple[str, str], ...] = (
    (
        "a coupon counts its uses and what they took off, within its limits",
        """
        SELECT c.id, c.used, u.used, c.spent_minor, u.spent FROM orders_coupon c LEFT JOIN (
            SELECT coupon_id, count(*) AS used, sum(discount_minor) AS spent FROM orders_couponuse
            WHERE given_back_at IS NULL GROUP BY 1
        ) u ON u.coupon_id = c.id
        WHERE c.used <> coalesce(u.used, 0) OR c.spent_minor <> coalesce(u.spent, 0)
           OR c.used > c.max_uses OR c.spent_minor > c.budget_minor
        """,
    ),
    (
        "a code counts its uses, within its limit",
        """
        SELECT k.code, k.used, u.used FROM orders_couponcode k LEFT JOIN (
            SELECT code_id, count(*) AS used FROM orders_couponuse WHERE given_back_at IS NULL GROUP BY 1
        ) u ON u.code_id = k.id
        WHERE k.used <> coalesce(u.used, 0) OR k.used > k.max_uses
        """,
    ),
    (
        "a coupon counts each customer's uses",
        """
        SELECT m.coupon_id, m.customer_id, m.used, u.used FROM orders_couponcustomer m FULL JOIN (
            SELECT coupon_id, customer_id, count(*) AS used FROM orders_couponuse WHERE given_back_at IS NULL
            GROUP BY 1, 2
        ) u ON u.coupon_id = m.coupon_id AND u.customer_id = m.customer_id
        WHERE coalesce(m.used, 0) <> coalesce(u.used, 0)
        """,
    ),
    (
        "an order has the discount of the coupon that it uses, and uses one as long as it lives",
        """
        SELECT o.number, o.status, o.coupon_code, k.code, u.discount_minor FROM orders_order o
        LEFT JOIN orders_couponuse u ON u.order_id = o.id AND u.given_back_at IS NULL
        LEFT JOIN orders_couponcode k ON k.id = u.code_id
        WHERE o.coupon_code <> CASE WHEN o.status = 'cancelled' THEN o.coupon_code ELSE coalesce(k.code, '') END
           OR o.status = 'cancelled' AND u.id IS NOT NULL
           OR u.discount_minor > o.discount_minor + o.delivery_discount_minor
        """,
    ),
    ("the discount of a coupon is what its frozen terms come to, line by line", _RECOMPUTED),
    (
        "a batch has as many codes as were made, each good once",
        """
        SELECT b.id, b.codes_made, k.codes FROM orders_couponbatch b LEFT JOIN (
            SELECT batch_id, count(*) AS codes, count(*) FILTER (WHERE max_uses = 1) AS once FROM orders_couponcode
            WHERE batch_id IS NOT NULL GROUP BY 1
        ) k ON k.batch_id = b.id
        WHERE b.codes_made <> coalesce(k.codes, 0) OR k.codes <> k.once
        """,
    ),
)
