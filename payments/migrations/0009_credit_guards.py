"""The database's own word on credit: every unit of it has a term, what goes is taken from the term that ends first,
what comes back for an order goes to the terms that it was taken from, and what is left of the terms is the balance.
"""

from django.db import migrations

from catalog.append_only import append_only, columns_stay, rows_stay

# What was there before there were terms is good for ever.
OPENING = """
INSERT INTO payments_creditterm (customer_id, currency, amount_minor, left_minor)
SELECT customer_id, currency, balance_minor, balance_minor FROM payments_creditbalance WHERE balance_minor > 0
ORDER BY id
"""
_BALANCE = """
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
"""
# The balance is locked first, by being counted: whoever has it has the customer's terms of that currency.
CREDIT_HAS_TERMS = f"""
CREATE OR REPLACE FUNCTION payments_count_credit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    rest bigint := abs(NEW.amount_minor);
    part bigint;
    term record;
BEGIN
    {_BALANCE}
    IF NEW.amount_minor > 0 THEN
        FOR term IN
            SELECT id, left_minor FROM payments_creditterm
            WHERE customer_id = NEW.customer_id AND currency = NEW.currency AND left_minor > 0
              AND (NEW.term_id IS NULL OR id = NEW.term_id)
            ORDER BY expires_at, id
        LOOP
            part := least(rest, term.left_minor);
            INSERT INTO payments_credittermuse (term_id, entry_id, amount_minor) VALUES (term.id, NEW.id, part);
            rest := rest - part;
            EXIT WHEN rest = 0;
        END LOOP;
        IF rest > 0 THEN
            RAISE EXCEPTION 'entry % takes more than term % has left', NEW.id, NEW.term_id
                USING ERRCODE = 'check_violation', CONSTRAINT = 'credit_term_has_enough_left';
        END IF;
        RETURN NULL;
    END IF;
    IF NEW.term_id IS NOT NULL THEN
        INSERT INTO payments_credittermuse (term_id, entry_id, amount_minor) VALUES (NEW.term_id, NEW.id, -rest);
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM payments_ledgertransfer WHERE id = NEW.transfer_id AND kind IN ('called_off', 'credit_returned')
    ) THEN
        FOR term IN
            SELECT u.term_id AS id, sum(u.amount_minor) AS taken
            FROM payments_ledgerentry e JOIN payments_credittermuse u ON u.entry_id = e.id
            JOIN payments_creditterm t ON t.id = u.term_id
            WHERE e.subject_id = NEW.subject_id AND e.account = 'customer_credit'
              AND e.customer_id = NEW.customer_id AND e.currency = NEW.currency
            GROUP BY u.term_id, t.expires_at HAVING sum(u.amount_minor) > 0
            ORDER BY t.expires_at DESC, u.term_id DESC
        LOOP
            part := least(rest, term.taken);
            INSERT INTO payments_credittermuse (term_id, entry_id, amount_minor) VALUES (term.id, NEW.id, -part);
            rest := rest - part;
            EXIT WHEN rest = 0;
        END LOOP;
    END IF;
    IF rest > 0 THEN
        INSERT INTO payments_creditterm (customer_id, currency, entry_id, expires_at, amount_minor, left_minor)
        VALUES (NEW.customer_id, NEW.currency, NEW.id, NEW.expires_at, rest, rest);
    END IF;
    RETURN NULL;
END
$$;
"""  # noqa: S608 - constants
CREDIT_HAS_NO_TERMS = f"""
CREATE OR REPLACE FUNCTION payments_count_credit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_BALANCE}
    RETURN NULL;
END
$$;
"""
# A term is moved in two rows, a use of the old one and a new one, which nobody else may write: whatever the triggers
# above have not written has to be such a move. What is left of the terms is looked at as it is at commit.
TERMS_ARE_COUNTED = """
CREATE FUNCTION payments_count_term_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE payments_creditterm SET left_minor = left_minor - NEW.amount_minor WHERE id = NEW.term_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER payments_credittermuse_counts_itself AFTER INSERT ON payments_credittermuse FOR EACH ROW
EXECUTE FUNCTION payments_count_term_use();
CREATE TRIGGER payments_credittermuse_is_a_move BEFORE INSERT ON payments_credittermuse FOR EACH ROW
WHEN (pg_trigger_depth() = 0 AND (NEW.entry_id IS NOT NULL OR NEW.amount_minor < 0)) EXECUTE FUNCTION forbid_change();
CREATE TRIGGER payments_creditterm_is_a_move BEFORE INSERT ON payments_creditterm FOR EACH ROW
WHEN (pg_trigger_depth() = 0 AND (NEW.moved_from_id IS NULL OR NEW.left_minor <> NEW.amount_minor))
EXECUTE FUNCTION forbid_change();
CREATE TRIGGER payments_creditterm_is_counted BEFORE UPDATE OF left_minor ON payments_creditterm FOR EACH ROW
WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION forbid_change();

CREATE FUNCTION payments_terms_are_the_balance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    balance bigint;
    terms bigint;
BEGIN
    SELECT balance_minor INTO balance FROM payments_creditbalance
    WHERE customer_id = NEW.customer_id AND currency = NEW.currency;
    SELECT sum(left_minor) INTO terms FROM payments_creditterm
    WHERE customer_id = NEW.customer_id AND currency = NEW.currency AND left_minor > 0;
    IF coalesce(balance, 0) <> coalesce(terms, 0) THEN
        RAISE EXCEPTION 'customer % has a credit of % and % left of its terms', NEW.customer_id, balance, terms
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER payments_creditbalance_is_its_terms AFTER INSERT OR UPDATE ON payments_creditbalance
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_terms_are_the_balance();
CREATE CONSTRAINT TRIGGER payments_creditterm_is_of_a_balance AFTER INSERT OR UPDATE ON payments_creditterm
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payments_terms_are_the_balance();
"""
TERMS_ARE_NOT_COUNTED = """
DROP TRIGGER payments_creditterm_is_of_a_balance ON payments_creditterm;
DROP TRIGGER payments_creditbalance_is_its_terms ON payments_creditbalance;
DROP FUNCTION payments_terms_are_the_balance();
DROP TRIGGER payments_creditterm_is_counted ON payments_creditterm;
DROP TRIGGER payments_creditterm_is_a_move ON payments_creditterm;
DROP TRIGGER payments_credittermuse_is_a_move ON payments_credittermuse;
DROP TRIGGER payments_credittermuse_counts_itself ON payments_credittermuse;
DROP FUNCTION payments_count_term_use();
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0008_credit_terms"), ("catalog", "0001_initial")]

    operations = [
        migrations.RunSQL(OPENING, migrations.RunSQL.noop),
        append_only("payments_credittermuse"),
        rows_stay("payments_creditterm"),
        columns_stay(
            "payments_creditterm",
            "customer_id",
            "currency",
            "entry_id",
            "moved_from_id",
            "expires_at",
            "amount_minor",
            "at",
        ),
        migrations.RunSQL(CREDIT_HAS_TERMS, CREDIT_HAS_NO_TERMS),
        migrations.RunSQL(TERMS_ARE_COUNTED, TERMS_ARE_NOT_COUNTED),
    ]
