"""What has to hold of people: one tree, explained by its moves, and memberships explained by their history. Each is one
question to the database whose right answer is no rows; all are asked by `orders.books`, of one snapshot.
"""

from __future__ import annotations

INVARIANTS: tuple[tuple[str, str], ...] = (
    (
        "the genealogy is a tree: everybody placed stands below the top on some level, and nobody below themselves",
        """
        SELECT customer_id, sponsor_id FROM customers_placement EXCEPT (
            WITH RECURSIVE reached AS (
                SELECT customer_id, sponsor_id FROM customers_placement WHERE sponsor_id IS NULL
                UNION ALL
                SELECT p.customer_id, p.sponsor_id FROM reached r
                JOIN customers_placement p ON p.sponsor_id = r.customer_id
            ) SELECT customer_id, sponsor_id FROM reached
        )
        """,
    ),
    (
        "a customer either waits or is placed",
        """
        SELECT c.id, w.customer_id IS NOT NULL AS waits, p.customer_id IS NOT NULL AS is_placed
        FROM customers_customer c LEFT JOIN customers_waiting w ON w.customer_id = c.id
        LEFT JOIN customers_placement p ON p.customer_id = c.id
        WHERE (w.customer_id IS NULL) = (p.customer_id IS NULL)
        """,
    ),
    (
        "a sponsor is the one of the last move, and every move begins where the one before ended",
        """
        SELECT placement_id, id, from_sponsor_id, before, to_sponsor_id, sponsor_id FROM (
            SELECT m.placement_id, m.id, m.from_sponsor_id, m.to_sponsor_id, p.sponsor_id,
                   lag(m.to_sponsor_id) OVER moves AS before, row_number() OVER moves AS number,
                   lead(m.id) OVER moves IS NULL AS is_last
            FROM customers_placementmove m JOIN customers_placement p ON p.customer_id = m.placement_id
            WINDOW moves AS (PARTITION BY m.placement_id ORDER BY m.id)
        ) m
        WHERE (number > 1 AND from_sponsor_id IS DISTINCT FROM before)
           OR from_sponsor_id IS NOT DISTINCT FROM to_sponsor_id
           OR (is_last AND to_sponsor_id IS DISTINCT FROM sponsor_id)
        """,
    ),
    (
        "a customer has at most one active membership",
        """
        SELECT customer_id, count(*) FROM customers_membership WHERE state = 'active'
        GROUP BY customer_id HAVING count(*) > 1
        """,
    ),
    (
        # The job comes every minute; an hour is an outage of the worker's.
        "no membership is active an hour after its end",
        """
        SELECT id, customer_id, ends_at FROM customers_membership
        WHERE state = 'active' AND ends_at < now() - interval '1 hour'
        """,
    ),
    (
        "a membership stands as its history says, and ends as many days after its beginning as it was given",
        """
        SELECT m.id, m.state, h.state, m.ends_at, h.ends_to, m.starts_at, h.days FROM customers_membership m
        LEFT JOIN (
            SELECT DISTINCT ON (membership_id) membership_id, state, ends_to,
                   sum(days) OVER (PARTITION BY membership_id) AS days
            FROM customers_membershiphistory ORDER BY membership_id, id DESC
        ) h ON h.membership_id = m.id
        WHERE m.state IS DISTINCT FROM h.state OR m.ends_at IS DISTINCT FROM h.ends_to
           OR m.ends_at IS DISTINCT FROM m.starts_at + h.days * interval '24 hours'
        """,
    ),
    (
        "each line of a membership's history begins where the one before ended, and moves the end by its days",
        """
        SELECT membership_id, id, event, ends_from, before, ends_to, days FROM (
            SELECT membership_id, id, event, ends_from, ends_to, days,
                   lag(ends_to) OVER (PARTITION BY membership_id ORDER BY id) AS before
            FROM customers_membershiphistory
        ) h
        WHERE CASE WHEN event IN ('begun', 'upgraded') THEN before IS NOT NULL OR ends_from IS NOT NULL
              ELSE ends_from IS DISTINCT FROM before
                   OR ends_to IS DISTINCT FROM ends_from + days * interval '24 hours' END
        """,
    ),
    (
        "what is undone was given by the same order, to the same membership, for as long",
        """
        SELECT u.order_id, u.membership_id, u.days, g.membership_id, g.days FROM customers_membershiphistory u
        LEFT JOIN customers_membershiphistory g
            ON g.order_id = u.order_id AND g.event IN ('begun', 'renewed', 'upgraded') AND g.id < u.id
        WHERE u.event = 'reversed' AND (g.membership_id IS DISTINCT FROM u.membership_id OR g.days <> -u.days)
        """,
    ),
    (
        "a membership that is replaced was replaced by another of the same customer, of a higher tier",
        """
        SELECT m.id, m.state, n.id, n.customer_id, n.tier FROM customers_membership m
        FULL JOIN customers_membership n ON n.replaces_id = m.id
        WHERE (m.state = 'replaced' AND n.id IS NULL)
           OR (n.replaces_id IS NOT NULL AND (n.customer_id <> m.customer_id OR n.tier <= m.tier))
        """,
    ),
    (
        "an upgrade that is finished has given what it promised, and no other has given anything",
        """
        SELECT u.id, u.state, u.order_id, h.order_id, h.days, m.tier, m.customer_id FROM customers_upgradeprocess u
        LEFT JOIN customers_membershiphistory h ON h.upgrade_id = u.id AND h.event IN ('begun', 'upgraded')
        LEFT JOIN customers_membership m ON m.id = h.membership_id
        WHERE CASE WHEN u.state = 'finished' THEN h.id IS NULL OR m.customer_id <> u.customer_id OR m.tier <> u.tier
                   OR h.days <> u.validity_days OR h.order_id IS DISTINCT FROM u.order_id
              ELSE h.id IS NOT NULL END
        """,
    ),
)
"""Name, and a statement that selects who offends and how."""
