"""The database's own word on invoices: numbers without gaps, documents that never change, notes within their invoice,
and no paid order without one. And nobody is written now about what was paid or refunded long ago.
"""

from django.db import migrations

from catalog.append_only import append_only, rows_stay

NUMBERS_ARE_DENSE = """
CREATE FUNCTION orders_invoice_counter_counts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.last IS DISTINCT FROM (CASE WHEN TG_OP = 'INSERT' THEN 1 ELSE OLD.last + 1 END)
        OR (TG_OP = 'UPDATE' AND (NEW.series, NEW.fiscal_year) IS DISTINCT FROM (OLD.series, OLD.fiscal_year))
        OR (TG_OP = 'UPDATE' AND NEW.issued_at < OLD.issued_at)
    THEN
        RAISE EXCEPTION 'the counter of % % goes up by one', NEW.series, NEW.fiscal_year
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER orders_invoicecounter_counts BEFORE INSERT OR UPDATE ON orders_invoicecounter FOR EACH ROW
EXECUTE FUNCTION orders_invoice_counter_counts();

CREATE FUNCTION orders_invoice_number_is_used() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM orders_invoice
        WHERE series = NEW.series AND fiscal_year = NEW.fiscal_year AND serial = NEW.last
    ) THEN
        RAISE EXCEPTION 'number % of % % is taken and not used', NEW.last, NEW.series, NEW.fiscal_year
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER orders_invoicecounter_number_is_used AFTER INSERT OR UPDATE ON orders_invoicecounter
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_invoice_number_is_used();

CREATE FUNCTION orders_invoice_number_follows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before orders_invoice;
BEGIN
    IF NOT EXISTS (
        SELECT FROM orders_invoicecounter
        WHERE series = NEW.series AND fiscal_year = NEW.fiscal_year AND last = NEW.serial
    ) THEN
        RAISE EXCEPTION 'number % of % % was not taken from its counter', NEW.serial, NEW.series, NEW.fiscal_year
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.serial > 1 THEN
        SELECT * INTO before FROM orders_invoice
        WHERE series = NEW.series AND fiscal_year = NEW.fiscal_year AND serial = NEW.serial - 1;
        IF NOT FOUND OR before.issued_at > NEW.issued_at OR before.kind <> NEW.kind THEN
            RAISE EXCEPTION 'number % of % % does not follow the one before', NEW.serial, NEW.series, NEW.fiscal_year
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER orders_invoice_number_follows BEFORE INSERT ON orders_invoice FOR EACH ROW
EXECUTE FUNCTION orders_invoice_number_follows();
"""
NUMBERS_ARE_FREE = """
DROP TRIGGER orders_invoice_number_follows ON orders_invoice;
DROP FUNCTION orders_invoice_number_follows();
DROP TRIGGER orders_invoicecounter_number_is_used ON orders_invoicecounter;
DROP FUNCTION orders_invoice_number_is_used();
DROP TRIGGER orders_invoicecounter_counts ON orders_invoicecounter;
DROP FUNCTION orders_invoice_counter_counts();
"""

# Notes of one order wait for each other at its row, which is written and not only locked: at a higher isolation level
# the one that cannot see the other fails.
NOTES_ARE_WITHIN_THEIR_INVOICE = """
CREATE FUNCTION orders_note_is_within_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    invoice orders_invoice;
    total numeric;
    tax numeric;
BEGIN
    UPDATE orders_order SET confirmed_by = confirmed_by WHERE id = NEW.order_id;
    SELECT * INTO invoice FROM orders_invoice WHERE id = NEW.corrects_id;
    IF (invoice.kind, invoice.order_id, invoice.currency) IS DISTINCT FROM
       ('invoice'::varchar, NEW.order_id, NEW.currency) THEN
        RAISE EXCEPTION 'note % corrects no invoice of its order', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    SELECT sum(CASE kind WHEN 'credit_note' THEN total_minor ELSE -total_minor END),
           sum(CASE kind WHEN 'credit_note' THEN tax_minor ELSE -tax_minor END)
    INTO total, tax FROM orders_invoice WHERE corrects_id = NEW.corrects_id;
    IF NOT (total BETWEEN 0 AND invoice.total_minor AND tax BETWEEN 0 AND invoice.tax_minor
            AND total - tax BETWEEN 0 AND invoice.net_minor) THEN
        RAISE EXCEPTION 'the notes of invoice % come to % of %', invoice.number, total, invoice.total_minor
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER orders_invoice_note_is_within_invoice AFTER INSERT ON orders_invoice FOR EACH ROW
WHEN (NEW.kind <> 'invoice') EXECUTE FUNCTION orders_note_is_within_invoice();
"""
NOTES_ARE_FREE = """
DROP TRIGGER orders_invoice_note_is_within_invoice ON orders_invoice;
DROP FUNCTION orders_note_is_within_invoice();
"""

# Looks at the row as it is at commit.
PAID_MEANS_INVOICED = """
CREATE FUNCTION orders_paid_means_invoiced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM orders_order o WHERE o.id = NEW.id AND o.needs_invoice AND o.status IN ('paid', 'completed')
          AND NOT EXISTS (SELECT FROM orders_invoice i WHERE i.order_id = o.id AND i.kind = 'invoice')
    ) THEN
        RAISE EXCEPTION 'order % is paid and has no invoice', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER orders_order_paid_means_invoiced
AFTER INSERT OR UPDATE OF status, needs_invoice ON orders_order DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.status IN ('paid', 'completed')) EXECUTE FUNCTION orders_paid_means_invoiced();
"""
PAID_MEANS_NOTHING = """
DROP TRIGGER orders_order_paid_means_invoiced ON orders_order;
DROP FUNCTION orders_paid_means_invoiced();
"""

THE_HASH_IS_OF_THE_PDF = """
ALTER TABLE orders_invoicepdf ADD CONSTRAINT invoice_pdf_hash_is_its_own
CHECK (sha256 = encode(sha256(content), 'hex'))
"""
THE_HASH_IS_ANY = "ALTER TABLE orders_invoicepdf DROP CONSTRAINT invoice_pdf_hash_is_its_own"

NOBODY_IS_WRITTEN_NOW = """
INSERT INTO orders_notice (order_id, kind, subject_id, times_tried, sent_at)
SELECT id, 'payment', NULL::uuid, 0, now() FROM orders_order WHERE status IN ('paid', 'completed') AND total_minor > 0
UNION ALL
SELECT DISTINCT r.subject_id, 'refund', coalesce(f.cause_id, f.id), 0, now() FROM payments_refund f
JOIN payments_paymentattempt a ON a.id = f.attempt_id JOIN payments_paymentrequest r ON r.id = a.request_id
JOIN orders_order o ON o.id = r.subject_id WHERE f.state NOT IN ('requested', 'failed')
"""
TAKE_BACK_THE_NOTICES = "DELETE FROM orders_notice WHERE kind IN ('payment', 'refund')"


class Migration(migrations.Migration):
    dependencies = [("orders", "0009_invoices"), ("catalog", "0001_initial"), ("payments", "0004_ledger_guards")]

    operations = [
        append_only("orders_invoice"),
        append_only("orders_invoicepdf"),
        rows_stay("orders_invoicecounter"),
        migrations.RunSQL(NUMBERS_ARE_DENSE, NUMBERS_ARE_FREE),
        migrations.RunSQL(NOTES_ARE_WITHIN_THEIR_INVOICE, NOTES_ARE_FREE),
        migrations.RunSQL(PAID_MEANS_INVOICED, PAID_MEANS_NOTHING),
        migrations.RunSQL(THE_HASH_IS_OF_THE_PDF, THE_HASH_IS_ANY),
        migrations.RunSQL(NOBODY_IS_WRITTEN_NOW, TAKE_BACK_THE_NOTICES),
    ]
