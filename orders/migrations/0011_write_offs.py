"""What customers owe for goods that have left, given up: the rows, what an order remembers of it, and the database's
word that neither goes without its posting.
"""

from importlib import import_module

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import kit.ids
from catalog.append_only import columns_stay, rows_stay

WRITE_OFF_IS_DECIDED_ONCE = """
CREATE TRIGGER orders_orderwriteoff_is_decided_once
BEFORE UPDATE OF decided_at, approved_by_id, refused_by_id, refused_because ON orders_orderwriteoff FOR EACH ROW
WHEN (OLD.decided_at IS NOT NULL) EXECUTE FUNCTION forbid_change()
"""
# Looks at the row as it is at commit.
WRITE_OFFS_ARE_POSTED = """
CREATE FUNCTION orders_write_off_is_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one orders_orderwriteoff;
    booked bigint;
BEGIN
    SELECT * INTO one FROM orders_orderwriteoff WHERE id = NEW.id;
    SELECT coalesce(sum(e.amount_minor), 0) INTO booked
    FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
    WHERE t.source = 'write-off:' || one.id AND e.account = 'write_off' AND e.subject_id = one.order_id;
    IF booked <> (CASE WHEN one.needs_approval AND one.approved_by_id IS NULL THEN 0 ELSE one.amount_minor END)
        OR one.currency <> (SELECT currency FROM orders_order WHERE id = one.order_id) THEN
        RAISE EXCEPTION 'write-off % has % in the ledger', one.id, booked USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER orders_orderwriteoff_is_posted AFTER INSERT OR UPDATE ON orders_orderwriteoff
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_write_off_is_posted();
"""

# What is due for an order: its total while it lives, less what was collected and what is written off, plus what was
# promised back of it, or taken back by a bank, that was never due. What was paid is not written off. Deferred is what
# is neither paid in full nor sent. Looks at the row as it is at commit.
ORDERS_ARE_POSTED = """
DROP TRIGGER orders_order_is_posted ON orders_order;
CREATE OR REPLACE FUNCTION orders_order_is_posted() RETURNS trigger LANGUAGE plpgsql AS $$
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
    due := CASE WHEN is_called_off THEN 0 ELSE o.total_minor END - o.collected_minor - o.written_off_minor;
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
    IF o.written_off_minor > 0 AND booked < 0 THEN
        RAISE EXCEPTION 'order % has % written off that was paid', o.number, least(o.written_off_minor, -booked)
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER orders_order_is_posted
AFTER INSERT OR UPDATE OF status, given_up, fulfilment, collected_minor, refunded_minor, written_off_minor
ON orders_order DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_order_is_posted();
"""
AS_BEFORE = import_module("orders.migrations.0003_ledger_guard").ORDERS_ARE_POSTED


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0010_invoice_guards"),
        ("payments", "0006_write_offs"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderWriteOff",
            fields=[
                ("id", models.UUIDField(default=kit.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("currency", models.CharField(max_length=3)),
                ("amount_minor", models.BigIntegerField(verbose_name="amount, minor units")),
                ("reason", models.CharField(max_length=200)),
                ("request_key", models.UUIDField(editable=False, null=True, unique=True)),
                ("requested_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("needs_approval", models.BooleanField(default=False)),
                ("refused_because", models.CharField(blank=True, max_length=200)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name": "write-off",
                "ordering": ("-id",),
                "permissions": (("approve_write_off", "Can approve and refuse write-offs that others have asked for"),),
            },
        ),
        migrations.AlterModelOptions(
            name="order",
            options={
                "ordering": ("-number",),
                "permissions": (
                    ("fulfil_order", "Can mark orders as sent and delivered"),
                    ("collect_cash", "Can record cash received for orders"),
                    ("cancel_order", "Can cancel orders"),
                    ("ask_gateway", "Can ask gateways how payments stand, and take over what they say"),
                    ("request_payment", "Can ask customers for a further payment of orders"),
                    ("capture_payment", "Can capture money that is held for orders"),
                    ("void_payment", "Can call off payments of orders, and let go of money that is held for them"),
                    ("refund_order", "Can give money back for orders, or ask a second person to"),
                    ("write_off_order", "Can write off what customers owe for orders, or ask a second person to"),
                ),
            },
        ),
        migrations.AddField(
            model_name="order",
            name="written_off_minor",
            field=models.BigIntegerField(
                db_default=0, default=0, editable=False, verbose_name="written off, minor units"
            ),
        ),
        migrations.AlterField(
            model_name="orderhistory",
            name="event",
            field=models.CharField(
                choices=[
                    ("placed", "Placed"),
                    ("payment", "Payment changed"),
                    ("cancelled", "Cancelled"),
                    ("expired", "Expired"),
                    ("revived", "Revived"),
                    ("late_money", "Late money"),
                    ("refund_requested", "Refund requested"),
                    ("refund_approved", "Refund approved"),
                    ("refund_refused", "Refund refused"),
                    ("refund_failed", "Refund failed"),
                    ("credited", "Given as credit"),
                    ("sent", "Sent"),
                    ("delivered", "Delivered"),
                    ("payment_requested", "Payment requested"),
                    ("capture_requested", "Capture requested"),
                    ("payment_voided", "Payment voided"),
                    ("dispute_opened", "Dispute opened"),
                    ("dispute_closed", "Dispute closed"),
                    ("write_off_requested", "Write-off requested"),
                    ("write_off_refused", "Write-off refused"),
                    ("written_off", "Written off"),
                    ("written_off_paid", "Paid after it was written off"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddIndex(
            model_name="orderrefund",
            index=models.Index(
                models.OrderBy(
                    models.ExpressionWrapper(
                        models.Q(("decided_at__isnull", True), ("needs_approval", True)),
                        output_field=models.BooleanField(),
                    ),
                    descending=True,
                ),
                models.OrderBy(models.F("id"), descending=True),
                name="order_refund_waiting_first",
            ),
        ),
        migrations.AddConstraint(
            model_name="order",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("written_off_minor", 0),
                    models.Q(
                        ("fulfilment__in", ("sent", "delivered")),
                        ("written_off_minor__gt", 0),
                        models.Q(("status", "cancelled"), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="order_written_off_means_sent",
            ),
        ),
        migrations.AddField(
            model_name="orderwriteoff",
            name="approved_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="orderwriteoff",
            name="order",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="write_offs", to="orders.order"
            ),
        ),
        migrations.AddField(
            model_name="orderwriteoff",
            name="refused_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="orderwriteoff",
            name="requested_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddIndex(
            model_name="orderwriteoff",
            index=models.Index(
                models.OrderBy(
                    models.ExpressionWrapper(
                        models.Q(("decided_at__isnull", True), ("needs_approval", True)),
                        output_field=models.BooleanField(),
                    ),
                    descending=True,
                ),
                models.OrderBy(models.F("id"), descending=True),
                name="order_write_off_waiting_first",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderwriteoff",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount_minor__gt", 0), models.Q(("reason", ""), _negated=True)),
                name="order_write_off_says_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderwriteoff",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by__isnull", True),
                    models.Q(("approved_by", models.F("requested_by")), _negated=True),
                    _connector="OR",
                ),
                name="order_write_off_approved_by_a_second_person",
            ),
        ),
        migrations.AddConstraint(
            model_name="orderwriteoff",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("approved_by__isnull", True), ("decided_at__isnull", True), ("refused_by__isnull", True)),
                    models.Q(
                        ("approved_by__isnull", False),
                        ("decided_at__isnull", False),
                        ("needs_approval", True),
                        ("refused_by__isnull", True),
                    ),
                    models.Q(
                        ("approved_by__isnull", True),
                        ("decided_at__isnull", False),
                        ("needs_approval", True),
                        models.Q(("refused_because", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="order_write_off_decided_once",
            ),
        ),
        rows_stay("orders_orderwriteoff"),
        columns_stay(
            "orders_orderwriteoff",
            "order_id",
            "currency",
            "amount_minor",
            "reason",
            "request_key",
            "requested_by_id",
            "requested_at",
            "needs_approval",
        ),
        migrations.RunSQL(
            sql=[WRITE_OFF_IS_DECIDED_ONCE, WRITE_OFFS_ARE_POSTED, ORDERS_ARE_POSTED],
            reverse_sql=[
                "DROP TRIGGER orders_order_is_posted ON orders_order; DROP FUNCTION orders_order_is_posted()",
                AS_BEFORE,
                "DROP TRIGGER orders_orderwriteoff_is_posted ON orders_orderwriteoff",
                "DROP FUNCTION orders_write_off_is_posted()",
                "DROP TRIGGER orders_orderwriteoff_is_decided_once ON orders_orderwriteoff",
            ],
        ),
    ]
