"""The database's own word on merchants: what was asked and given stays as it was, and no order says of its money, nor
the ledger of what is owed for it, anything else than its payments say. What is compared is what holds at commit.
"""

from django.db import migrations

from catalog.append_only import columns_stay, rows_stay

ONLY_FORWARD = """
CREATE TRIGGER merchants_merchantorder_moves_forward BEFORE UPDATE ON merchants_merchantorder FOR EACH ROW
WHEN (
    (OLD.reference IS NOT NULL AND NEW.reference IS DISTINCT FROM OLD.reference)
    OR NEW.paid_minor < OLD.paid_minor OR NEW.attempts < OLD.attempts OR (OLD.given_up AND NOT NEW.given_up)
)
EXECUTE FUNCTION forbid_change();
CREATE TRIGGER merchants_merchantkey_stays_revoked BEFORE UPDATE OF revoked_at ON merchants_merchantkey FOR EACH ROW
WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
EXECUTE FUNCTION forbid_change();
"""
# What is owed to a merchant for an order: what was captured for it, less what was promised back of it, and what a bank
# has taken for good. Reads the rows as they are at commit.
ORDERS_ADD_UP = """
CREATE FUNCTION merchants_order_adds_up(subject uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    o merchants_merchantorder;
    r payments_paymentrequest;
    tries bigint;
    captured bigint;
    waits boolean;
    owed bigint;
    due bigint;
BEGIN
    SELECT * INTO o FROM merchants_merchantorder WHERE id = subject;
    SELECT * INTO r FROM payments_paymentrequest WHERE subject_id = subject AND owed_to = 'merchant_funds';
    IF o.id IS NULL OR r.id IS NULL OR (r.amount_minor, r.currency) <> (o.amount_minor, o.currency)
        OR o.reference IS NOT NULL AND r.gateway_reference IS DISTINCT FROM o.reference THEN
        RAISE EXCEPTION 'the payment request of a merchant''s order % is another''s', subject
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT count(*), coalesce(sum(captured_minor) FILTER (WHERE currency = o.currency), 0),
           coalesce(bool_or(state = 'authorized'), false)
    INTO tries, captured, waits FROM payments_paymentattempt WHERE request_id = r.id;
    IF (o.attempts, o.paid_minor, o.authorized) <> (tries, least(captured, o.amount_minor), waits) THEN
        RAISE EXCEPTION 'merchant''s order % says %, % and % of its payments, not %, % and %', subject, o.attempts,
            o.paid_minor, o.authorized, tries, captured, waits USING ERRCODE = 'check_violation';
    END IF;
    SELECT coalesce(-sum(amount_minor), 0) INTO owed FROM payments_ledgerentry
    WHERE subject_id = subject AND account = 'merchant_funds';
    SELECT captured - (
        SELECT coalesce(sum(f.surplus_minor), 0) FROM payments_refund f
        JOIN payments_paymentattempt a ON a.id = f.attempt_id
        WHERE a.request_id = r.id AND f.currency = o.currency AND f.state NOT IN ('requested', 'failed')
    ) - (
        SELECT coalesce(sum(d.surplus_minor), 0) FROM payments_dispute d
        JOIN payments_paymentattempt a ON a.id = d.attempt_id
        WHERE a.request_id = r.id AND d.currency = o.currency
    ) INTO due;
    IF owed <> due THEN
        RAISE EXCEPTION 'merchant''s order % has % owed in the ledger, not %', subject, owed, due
            USING ERRCODE = 'check_violation';
    END IF;
END
$$;
CREATE FUNCTION merchants_order_is_posted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM merchants_order_adds_up(NEW.id);
    RETURN NULL;
END
$$;
CREATE FUNCTION merchants_subject_is_posted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM merchants_order_adds_up(NEW.subject_id);
    RETURN NULL;
END
$$;
CREATE FUNCTION merchants_attempt_is_told() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    subject uuid;
BEGIN
    SELECT subject_id INTO subject FROM payments_paymentrequest
    WHERE id = NEW.request_id AND owed_to = 'merchant_funds';
    IF FOUND THEN
        PERFORM merchants_order_adds_up(subject);
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER merchants_merchantorder_is_posted
AFTER INSERT OR UPDATE OF reference, status, attempts, paid_minor, authorized ON merchants_merchantorder
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION merchants_order_is_posted();
CREATE CONSTRAINT TRIGGER merchants_request_is_of_an_order AFTER INSERT ON payments_paymentrequest
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.owed_to = 'merchant_funds')
EXECUTE FUNCTION merchants_subject_is_posted();
CREATE CONSTRAINT TRIGGER merchants_entry_is_of_an_order AFTER INSERT ON payments_ledgerentry
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.account = 'merchant_funds')
EXECUTE FUNCTION merchants_subject_is_posted();
CREATE CONSTRAINT TRIGGER merchants_attempt_is_told AFTER INSERT OR UPDATE OF state, captured_minor
ON payments_paymentattempt
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION merchants_attempt_is_told();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("merchants", "0001_initial"),
        ("payments", "0007_merchant_funds"),
        ("catalog", "0001_initial"),
    ]

    operations = [
        # Counts of one second: a crash of the database may take them, and nobody waits for the disk for them.
        migrations.RunSQL(
            "ALTER TABLE merchants_merchantkeyuse SET UNLOGGED", "ALTER TABLE merchants_merchantkeyuse SET LOGGED"
        ),
        rows_stay("merchants_merchant"),
        columns_stay("merchants_merchant", "account_id", "created_at"),
        rows_stay("merchants_merchantkey"),
        columns_stay("merchants_merchantkey", "merchant_id", "key_id", "secret_digest", "created_at"),
        rows_stay("merchants_merchantorder"),
        columns_stay(
            "merchants_merchantorder",
            "merchant_id",
            "key_id",
            "amount_minor",
            "currency",
            "receipt",
            "capture",
            "placement_key",
            "created_at",
        ),
        rows_stay("merchants_merchantrefund"),
        columns_stay("merchants_merchantrefund", "refund_id", "merchant_id", "receipt", "speed", "request_key"),
        migrations.RunSQL(
            sql=[ONLY_FORWARD, ORDERS_ADD_UP],
            reverse_sql=[
                "DROP TRIGGER merchants_attempt_is_told ON payments_paymentattempt",
                "DROP TRIGGER merchants_entry_is_of_an_order ON payments_ledgerentry",
                "DROP TRIGGER merchants_request_is_of_an_order ON payments_paymentrequest",
                "DROP TRIGGER merchants_merchantorder_is_posted ON merchants_merchantorder",
                "DROP FUNCTION merchants_attempt_is_told()",
                "DROP FUNCTION merchants_subject_is_posted()",
                "DROP FUNCTION merchants_order_is_posted()",
                "DROP FUNCTION merchants_order_adds_up(uuid)",
                "DROP TRIGGER merchants_merchantkey_stays_revoked ON merchants_merchantkey",
                "DROP TRIGGER merchants_merchantorder_moves_forward ON merchants_merchantorder",
            ],
        ),
    ]
