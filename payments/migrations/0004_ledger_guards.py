"""The database's own word on the ledger: transfers balance, nothing is rewritten, no credit below zero, and no money
that moved without its posting. What is compared is what holds at commit: a transaction may write a fact in parts.
"""

from django.db import migrations

from catalog.append_only import append_only, columns_stay, rows_stay

# Until now a refund was approved by being written down.
APPROVE_OLD_REFUNDS = "UPDATE payments_refund SET state = 'approved' WHERE state = 'requested'"

TRANSFERS_BALANCE = """
CREATE FUNCTION payments_transfer_balances() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM payments_ledgerentry WHERE transfer_id = NEW.transfer_id
        GROUP BY currency HAVING sum(amount_minor) <> 0
    ) THEN
        RAISE EXCEPTION 'transfer % does not balance', NEW.transfer_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER payments_ledgerentry_balances AFTER INSERT ON payments_ledgerentry
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_transfer_balances();
"""
# Credits of the account are below zero, a customer's balance is what we owe them. The row is locked by being counted.
CREDIT_IS_COUNTED = """
CREATE FUNCTION payments_count_credit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    LOOP
        UPDATE payments_creditbalance SET balance_minor = balance_minor - NEW.amount_minor
        WHERE customer_id = NEW.customer_id AND currency = NEW.currency;
        EXIT WHEN FOUND;
        BEGIN
            INSERT INTO payments_creditbalance (customer_id, currency, balance_minor)
            VALUES (NEW.customer_id, NEW.currency, -NEW.amount_minor);
            EXIT;
        EXCEPTION WHEN unique_violation THEN
            -- Somebody else was first: count theirs.
        END;
    END LOOP;
    RETURN NULL;
END
$$;
CREATE TRIGGER payments_ledgerentry_counts_credit AFTER INSERT ON payments_ledgerentry FOR EACH ROW
WHEN (NEW.account = 'customer_credit') EXECUTE FUNCTION payments_count_credit();
CREATE TRIGGER payments_creditbalance_is_counted BEFORE INSERT OR UPDATE ON payments_creditbalance FOR EACH ROW
WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION forbid_change();
"""
CAPTURES_ARE_POSTED = """
CREATE FUNCTION payments_attempt_is_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    attempt payments_paymentattempt;
    booked bigint;
    kept bigint;
    refunded bigint;
    excess bigint;
BEGIN
    SELECT * INTO attempt FROM payments_paymentattempt WHERE id = CASE TG_TABLE_NAME
        WHEN 'payments_paymentattempt' THEN (to_jsonb(NEW) ->> 'id')::uuid
        ELSE (to_jsonb(NEW) ->> 'attempt_id')::uuid END;
    SELECT coalesce(sum(amount_minor), 0) INTO booked FROM payments_ledgerentry
    WHERE attempt_id = attempt.id AND account LIKE 'clearing\\_%';
    SELECT attempt.captured_minor - attempt.refunded_minor - coalesce(sum(withdrawn_minor), 0) INTO kept
    FROM payments_dispute WHERE attempt_id = attempt.id;
    IF booked <> kept THEN
        RAISE EXCEPTION 'payment % has % in the ledger, not %', attempt.gateway_payment_id, booked, kept
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT coalesce(sum(amount_minor), 0), coalesce(sum(excess_minor), 0) INTO refunded, excess FROM payments_refund
    WHERE attempt_id = attempt.id AND state = 'succeeded';
    IF refunded <> attempt.refunded_minor + attempt.credited_minor OR excess <> attempt.excess_minor THEN
        RAISE EXCEPTION 'payment % says that % went back, its refunds say %', attempt.gateway_payment_id,
            attempt.refunded_minor + attempt.credited_minor, refunded USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER payments_paymentattempt_is_posted
AFTER INSERT OR UPDATE OF captured_minor, refunded_minor, credited_minor, excess_minor ON payments_paymentattempt
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_attempt_is_posted();
CREATE CONSTRAINT TRIGGER payments_dispute_is_posted
AFTER INSERT OR UPDATE OF withdrawn_minor ON payments_dispute
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_attempt_is_posted();
CREATE CONSTRAINT TRIGGER payments_refund_is_counted
AFTER INSERT OR UPDATE OF state ON payments_refund
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_attempt_is_posted();
CREATE CONSTRAINT TRIGGER payments_ledgerentry_is_of_a_fact AFTER INSERT ON payments_ledgerentry
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.attempt_id IS NOT NULL)
EXECUTE FUNCTION payments_attempt_is_posted();
"""
# A promise that is not kept is undone as a whole; what is left of it in the ledger is then nothing. Refunds of one
# payment wait for each other at its row, which is written and not only locked: at a higher isolation level the one that
# cannot see the other fails.
REFUNDS_ARE_POSTED = """
CREATE FUNCTION payments_refund_is_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    refund payments_refund;
    owed bigint;
    promised bigint;
    lessened bigint;
    taxed bigint;
    open bigint;
    captured bigint;
BEGIN
    SELECT * INTO refund FROM payments_refund WHERE id = NEW.id;
    IF refund.state <> 'failed' THEN
        UPDATE payments_paymentattempt SET changed_at = clock_timestamp() WHERE id = refund.attempt_id
        RETURNING captured_minor INTO captured;
        IF captured < (
            SELECT sum(amount_minor - excess_minor) FROM payments_refund
            WHERE attempt_id = refund.attempt_id AND state <> 'failed'
        ) THEN
            RAISE EXCEPTION 'refunds of attempt % exceed what was captured', refund.attempt_id
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    SELECT coalesce(-sum(e.amount_minor) FILTER (WHERE e.account = 'refunds_payable'), 0),
           coalesce(-sum(e.amount_minor)
               FILTER (WHERE e.account = 'refunds_payable' AND t.kind IN ('refund_promised', 'refund_failed')), 0),
           coalesce(sum(e.amount_minor) FILTER (WHERE e.account = 'refunds'), 0),
           coalesce(sum(e.amount_minor) FILTER (WHERE e.account = 'tax_payable'), 0)
    INTO owed, promised, lessened, taxed
    FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
    WHERE t.source IN ('refund-promised:' || refund.id, 'refund-taxed:' || refund.id, 'refund-recast:' || refund.id,
                       'refund:' || refund.id, 'refund-failed:' || refund.id);
    open := CASE WHEN refund.state IN ('approved', 'unknown', 'sent') THEN refund.amount_minor ELSE 0 END;
    IF owed <> open
        OR (refund.state = 'succeeded' AND promised <> refund.amount_minor) THEN
        RAISE EXCEPTION 'refund % is % and has % owed in the ledger', refund.id, refund.state, owed
            USING ERRCODE = 'check_violation';
    END IF;
    IF refund.state NOT IN ('requested', 'failed') AND (taxed <> refund.tax_minor
        OR lessened <> refund.amount_minor - refund.surplus_minor - refund.excess_minor - refund.tax_minor) THEN
        RAISE EXCEPTION 'refund % lessens the sale by % and its tax by % in the ledger', refund.id, lessened, taxed
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER payments_refund_is_posted
AFTER INSERT OR UPDATE OF state, surplus_minor, tax_minor, excess_minor ON payments_refund
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_refund_is_posted();
"""

# What a dispute has withdrawn is kept back while it is open; once it is lost it is written off, but for its surplus.
DISPUTES_STAND = """
CREATE FUNCTION payments_dispute_stands() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    dispute payments_dispute;
    kept_back bigint;
    lost bigint;
    is_lost boolean;
BEGIN
    SELECT * INTO dispute FROM payments_dispute WHERE id = NEW.id;
    SELECT coalesce(sum(e.amount_minor) FILTER (WHERE e.account = 'disputed'), 0),
           coalesce(sum(e.amount_minor) FILTER (WHERE e.account = 'write_off'), 0)
    INTO kept_back, lost
    FROM payments_paymentattempt a JOIN payments_paymentrequest r ON r.id = a.request_id
    JOIN payments_ledgerentry e ON e.subject_id = r.subject_id
    JOIN payments_ledgertransfer t ON t.id = e.transfer_id AND t.source LIKE 'dispute:' || dispute.id || ':%'
    WHERE a.id = dispute.attempt_id;
    is_lost := dispute.state = 'lost';
    IF kept_back <> (CASE WHEN is_lost THEN 0 ELSE dispute.withdrawn_minor END)
        OR lost <> (CASE WHEN is_lost THEN dispute.withdrawn_minor - dispute.surplus_minor ELSE 0 END) THEN
        RAISE EXCEPTION 'dispute % is % and has % kept back and % written off in the ledger',
            dispute.gateway_dispute_id, dispute.state, kept_back, lost USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER payments_dispute_stands
AFTER INSERT OR UPDATE OF state, withdrawn_minor, surplus_minor ON payments_dispute
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_dispute_stands();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0003_ledger"), ("catalog", "0001_initial")]

    operations = [
        migrations.RunSQL(APPROVE_OLD_REFUNDS, migrations.RunSQL.noop),
        append_only("payments_ledgertransfer"),
        append_only("payments_ledgerentry"),
        rows_stay("payments_creditbalance"),
        rows_stay("payments_dispute"),
        columns_stay("payments_dispute", "attempt_id", "gateway_dispute_id", "amount_minor", "currency", "opened_at"),
        append_only("payments_disputenote"),
        migrations.RunSQL(
            "DROP TRIGGER payments_refund_facts_stay ON payments_refund",
            columns_stay("payments_refund", "attempt_id", "amount_minor", "currency", "reason", "created_at").sql,
        ),
        columns_stay(
            "payments_refund",
            "attempt_id",
            "amount_minor",
            "currency",
            "reason",
            "created_at",
            "destination",
            "customer_id",
            "cause_id",
            "requested_by_id",
        ),
        migrations.RunSQL(
            sql=[TRANSFERS_BALANCE, CREDIT_IS_COUNTED, CAPTURES_ARE_POSTED, REFUNDS_ARE_POSTED, DISPUTES_STAND],
            reverse_sql=[
                "DROP TRIGGER payments_dispute_stands ON payments_dispute",
                "DROP FUNCTION payments_dispute_stands()",
                "DROP TRIGGER payments_refund_is_posted ON payments_refund",
                "DROP FUNCTION payments_refund_is_posted()",
                "DROP TRIGGER payments_ledgerentry_is_of_a_fact ON payments_ledgerentry",
                "DROP TRIGGER payments_refund_is_counted ON payments_refund",
                "DROP TRIGGER payments_dispute_is_posted ON payments_dispute",
                "DROP TRIGGER payments_paymentattempt_is_posted ON payments_paymentattempt",
                "DROP FUNCTION payments_attempt_is_posted()",
                "DROP TRIGGER payments_creditbalance_is_counted ON payments_creditbalance",
                "DROP TRIGGER payments_ledgerentry_counts_credit ON payments_ledgerentry",
                "DROP FUNCTION payments_count_credit()",
                "DROP TRIGGER payments_ledgerentry_balances ON payments_ledgerentry",
                "DROP FUNCTION payments_transfer_balances()",
            ],
        ),
    ]
