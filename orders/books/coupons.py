"""Coupons: what they took off, and how often they were used."""

from __future__ import annotations

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
)
