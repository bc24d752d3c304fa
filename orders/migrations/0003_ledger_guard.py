"""Orders in the ledger: what was there before the ledger is posted once; from now on no order, and no change to what is
due for one, goes without its posting.
"""

from django.db import migrations, models

GIVEN_UP = """
UPDATE orders_order SET given_up = true
WHERE status = 'refunded' AND fulfilment = 'unfulfilled' AND collected_minor < total_minor
"""
_CALLED_OFF = "(o.status = 'cancelled' OR o.given_up)"

OPENING = f"""
WITH t AS (
    INSERT INTO payments_ledgertransfer (source, kind, memo, at)
    SELECT 'ordered:' || o.reservation_id, 'ordered', '', o.placed_at FROM orders_order o
    WHERE NOT {_CALLED_OFF} AND o.total_minor > 0 ORDER BY o.number RETURNING id, source
)
INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, subject_id)
SELECT t.id, leg.account, o.currency, leg.amount, o.id
FROM t JOIN orders_order o ON t.source = 'ordered:' || o.reservation_id,
LATERAL (VALUES ('receivable', o.total_minor), ('deferred_revenue', -o.total_minor)) leg (account, amount);

WITH t AS (
    INSERT INTO payments_ledgertransfer (source, kind, memo)
    SELECT 'earned:' || o.reservation_id, 'earned', '' FROM orders_order o
    WHERE NOT {_CALLED_OFF} AND o.total_minor > 0
      AND (o.status IN ('paid', 'completed', 'refunded') OR o.fulfilment <> 'unfulfilled')
    ORDER BY o.number RETURNING id, source
)
INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, subject_id)
SELECT t.id, leg.account, o.currency, leg.amount, o.id
FROM t JOIN orders_order o ON t.source = 'earned:' || o.reservation_id,
LATERAL (VALUES ('deferred_revenue', o.total_minor), ('revenue', -o.products_minor),
                ('delivery_revenue', -o.delivery_minor), ('tax_payable', -o.tax_minor),
                ('discounts', o.discount_minor)) leg (account, amount)
WHERE leg.amount <> 0;

WITH t AS (
    INSERT INTO payments_ledgertransfer (source, kind, memo, at)
    SELECT 'capture:' || a.id || ':' || a.captured_minor, 'capture', '', a.created_at FROM payments_paymentattempt a
    WHERE a.captured_minor > 0 ORDER BY a.created_at RETURNING id, source
)
INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, subject_id, attempt_id)
SELECT t.id, leg.account, a.currency, leg.amount, r.subject_id, leg.attempt
FROM t JOIN payments_paymentattempt a ON t.source = 'capture:' || a.id || ':' || a.captured_minor
JOIN payments_paymentrequest r ON r.id = a.request_id,
LATERAL (VALUES ('clearing_' || a.gateway, a.captured_minor, a.id),
                (CASE WHEN a.currency = r.currency THEN 'receivable' ELSE 'suspense' END, -a.captured_minor, NULL)
        ) leg (account, amount, attempt);

UPDATE payments_refund f SET surplus_minor = s.surplus FROM (
    SELECT f.id, CASE
        WHEN {_CALLED_OFF} OR f.currency <> o.currency THEN f.amount_minor
        ELSE greatest(0, least(f.amount_minor, o.collected_minor - o.total_minor - coalesce(
            sum(f.amount_minor) OVER (PARTITION BY o.id, f.currency ORDER BY f.created_at, f.id
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))) END AS surplus
    FROM payments_refund f JOIN payments_paymentattempt a ON a.id = f.attempt_id
    JOIN payments_paymentrequest r ON r.id = a.request_id JOIN orders_order o ON o.id = r.subject_id
    WHERE f.state <> 'failed'
) s WHERE s.id = f.id AND s.surplus > 0;

WITH t AS (
    INSERT INTO payments_ledgertransfer (source, kind, memo, at)
    SELECT 'refund-promised:' || f.id, 'refund_promised', '', f.created_at FROM payments_refund f
    WHERE f.state <> 'failed' ORDER BY f.created_at RETURNING id, source
)
INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, subject_id)
SELECT t.id, leg.account, f.currency, leg.amount, r.subject_id
FROM t JOIN payments_refund f ON t.source = 'refund-promised:' || f.id
JOIN payments_paymentattempt a ON a.id = f.attempt_id JOIN payments_paymentrequest r ON r.id = a.request_id,
LATERAL (VALUES (CASE WHEN a.currency = r.currency THEN 'receivable' ELSE 'suspense' END, f.surplus_minor),
                ('refunds', f.amount_minor - f.surplus_minor), ('refunds_payable', -f.amount_minor)
        ) leg (account, amount)
WHERE leg.amount <> 0;

WITH t AS (
    INSERT INTO payments_ledgertransfer (source, kind, memo)
    SELECT 'refund:' || f.id, 'refund', '' FROM payments_refund f
    WHERE f.state = 'succeeded' ORDER BY f.created_at RETURNING id, source
)
INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, subject_id, attempt_id)
SELECT t.id, leg.account, f.currency, leg.amount, r.subject_id, leg.attempt
FROM t JOIN payments_refund f ON t.source = 'refund:' || f.id
JOIN payments_paymentattempt a ON a.id = f.attempt_id JOIN payments_paymentrequest r ON r.id = a.request_id,
LATERAL (VALUES ('refunds_payable', f.amount_minor, NULL), ('clearing_' || a.gateway, -f.amount_minor, a.id)
        ) leg (account, amount, attempt);
"""  # noqa: S608 - constants

# What is due for an order: its total while it lives, less what was collected, plus what was promised back of it, or
# taken back by a bank, that was never due. Deferred is what is neither paid in full nor sent. Looks at the row as it is
# at commit.
ORDERS_ARE_POSTED = """
CREATE FUNCTION orders_order_is_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o orders_order;
    booked bigint;
    deferred bigint;
    due bigint;
    unearned bigint;
    is_called_off boolean;
BEGIN
    SELECT * INTO o FROM orders_order WHERE id = NEW.id;
    is_called_off := o.status = 'cancelled' OR o.given_up;
    SELECT coalesce(sum(amount_minor) FILTER (WHERE account = 'receivable'), 0),
           coalesce(-sum(amount_minor) FILTER (WHERE account = 'deferred_revenue'), 0)
    INTO booked, deferred FROM payments_ledgerentry WHERE subject_id = o.id AND currency = o.currency;
    due := CASE WHEN is_called_off THEN 0 ELSE o.total_minor END - o.collected_minor;
    IF o.collected_minor > 0 THEN
        due := due + (
            SELECT coalesce(sum(f.surplus_minor), 0) FROM payments_refund f
            JOIN payments_paymentattempt a ON a.id = f.attempt_id
            JOIN payments_paymentrequest r ON r.id = a.request_id
            WHERE r.subject_id = o.id AND f.currency = o.currency AND f.state NOT IN ('requested', 'failed')
        ) + (
            SELECT coalesce(sum(d.surplus_minor), 0) FROM payments_dispute d
            JOIN payments_paymentattempt a ON a.id = d.attempt_id
            JOIN payments_paymentrequest r ON r.id = a.request_id
            WHERE r.subject_id = o.id AND d.currency = o.currency
        );
    END IF;
    unearned := CASE WHEN is_called_off OR o.fulfilment <> 'unfulfilled'
        OR o.status IN ('paid', 'completed', 'refunded') THEN 0 ELSE o.total_minor + o.credits_minor END;
    IF booked <> due OR deferred <> unearned THEN
        RAISE EXCEPTION 'order % has % due and % deferred in the ledger, not % and %', o.number, booked, deferred,
            due, unearned USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER orders_order_is_posted
AFTER INSERT OR UPDATE OF status, given_up, fulfilment, collected_minor, refunded_minor ON orders_order
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_order_is_posted();
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_guards"), ("payments", "0004_ledger_guards")]

    operations = [
        migrations.AddField("order", "given_up", models.BooleanField(db_default=False, default=False, editable=False)),
        migrations.RunSQL(GIVEN_UP, migrations.RunSQL.noop),
        migrations.AddConstraint(
            "order",
            models.CheckConstraint(
                condition=models.Q(
                    ("given_up", False),
                    models.Q(("fulfilment", "unfulfilled"), ("status", "refunded")),
                    _connector="OR",
                ),
                name="order_given_up_means_refunded",
            ),
        ),
        migrations.RunSQL(OPENING, migrations.RunSQL.noop),
        migrations.RunSQL(
            ORDERS_ARE_POSTED,
            "DROP TRIGGER orders_order_is_posted ON orders_order; DROP FUNCTION orders_order_is_posted()",
        ),
    ]
