"""The database's own word on credits in orders, on what staff grant of credit, and on coupons that were used."""

from django.db import migrations

from catalog.append_only import append_only, columns_stay, rows_stay

_IS_LIVE = """
CREATE OR REPLACE FUNCTION orders_refund_is_live(refund uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM payments_refund WHERE cause_id = refund AND state <> 'failed'){or_in_credits}
$$;
"""
# Credits that come back do not fail.
_OR_IN_CREDITS = """
        OR EXISTS (
            SELECT FROM orders_orderrefund r WHERE r.id = refund AND r.credits_minor > 0
              AND (r.decided_at IS NULL OR r.approved_by_id IS NOT NULL)
        )"""
_WITHIN_ORDER = """
CREATE OR REPLACE FUNCTION orders_refund_is_within_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    promised bigint;
    delivery bigint;
    given bigint;{declare}
BEGIN
    SELECT sum(amount_minor) INTO promised FROM payments_refund WHERE cause_id = NEW.id;
    IF {promised} IS DISTINCT FROM {money} THEN
        RAISE EXCEPTION 'refund % is of %, its payments promise %', NEW.id, NEW.amount_minor, promised
            USING ERRCODE = 'check_violation';
    END IF;
    UPDATE orders_order SET confirmed_by = confirmed_by WHERE id = NEW.order_id
    RETURNING delivery_minor + CASE WHEN prices_include_tax THEN 0 ELSE delivery_tax_minor END{also}
    INTO delivery{into};
    SELECT sum(delivery_minor) INTO given FROM orders_orderrefund
    WHERE order_id = NEW.order_id AND delivery_minor > 0 AND orders_refund_is_live(id);
    IF given > delivery THEN
        RAISE EXCEPTION 'the delivery of order % is given back twice', NEW.order_id USING ERRCODE = 'check_violation';
    END IF;{check}
    RETURN NULL;
END
$$;
"""
WITHIN_ORDER_WITH_CREDITS = _WITHIN_ORDER.format(
    declare="""
    credits bigint;""",
    promised="coalesce(promised, 0)",
    money="NEW.amount_minor - NEW.credits_minor",
    also=", credits_minor",
    into=", credits",
    check="""
    SELECT sum(credits_minor) INTO given FROM orders_orderrefund
    WHERE order_id = NEW.order_id AND credits_minor > 0 AND (decided_at IS NULL OR approved_by_id IS NOT NULL);
    IF given > credits THEN
        RAISE EXCEPTION 'the credits of order % are given back twice', NEW.order_id USING ERRCODE = 'check_violation';
    END IF;""",
)
WITHIN_ORDER = _WITHIN_ORDER.format(
    declare="", promised="promised", money="NEW.amount_minor", also="", into="", check=""
)
_ORDERS_ARE_POSTED = """
CREATE OR REPLACE FUNCTION orders_order_is_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    o orders_order;
    booked bigint;
    deferred bigint;
    due bigint;
    unearned bigint;
    is_called_off boolean;{declare}
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
    END IF;{check}
    RETURN NULL;
END
$$;
"""
# What pays for it of credit: all of its credits while it lives, less what refunds have given back.
ORDERS_ARE_POSTED_WITH_CREDITS = _ORDERS_ARE_POSTED.format(
    declare="""
    spent bigint;""",
    check="""
    IF o.credits_minor > 0 THEN
        SELECT coalesce(sum(e.amount_minor), 0) INTO spent
        FROM payments_ledgerentry e JOIN payments_ledgertransfer t ON t.id = e.transfer_id
        WHERE e.subject_id = o.id AND e.account = 'customer_credit'
          AND t.kind IN ('ordered', 'called_off', 'credit_returned');
        IF spent <> (CASE WHEN is_called_off THEN 0 ELSE o.credits_minor - o.credits_returned_minor END) THEN
            RAISE EXCEPTION 'order % is paid with % of credit in the ledger', o.number, spent
                USING ERRCODE = 'check_violation';
        END IF;
    END IF;""",
)
ORDERS_ARE_POSTED = _ORDERS_ARE_POSTED.format(declare="", check="")
_POSTED_TRIGGER = """
DROP TRIGGER orders_order_is_posted ON orders_order;
CREATE CONSTRAINT TRIGGER orders_order_is_posted
AFTER INSERT OR UPDATE OF status, given_up, fulfilment, collected_minor, refunded_minor, written_off_minor{columns}
ON orders_order
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_order_is_posted();
"""
# Credits come back with their posting, and not before somebody has agreed where that is needed.
CREDITS_COME_BACK = """
CREATE FUNCTION orders_credits_are_back() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    posted bigint;
    refund orders_orderrefund;
BEGIN
    SELECT * INTO refund FROM orders_orderrefund WHERE id = NEW.id;
    SELECT coalesce(-sum(e.amount_minor), 0) INTO posted
    FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
    WHERE t.source = 'credits-returned:' || refund.id AND e.account = 'customer_credit';
    IF posted <> (CASE WHEN refund.needs_approval AND refund.approved_by_id IS NULL THEN 0
                      ELSE refund.credits_minor END) THEN
        RAISE EXCEPTION 'refund % gives back % in credits, % in the ledger', refund.id, refund.credits_minor, posted
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER orders_orderrefund_credits_are_back
AFTER INSERT OR UPDATE OF approved_by_id, decided_at ON orders_orderrefund
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_credits_are_back();
"""
# Both look at the rows as they are at commit; revocations of one grant wait for each other at its row, which is written
# and not only locked, as in `orders_refund_is_within_order`.
GRANTS_ARE_POSTED = """
CREATE TRIGGER orders_creditgrant_is_decided_once
BEFORE UPDATE OF decided_at, approved_by_id, refused_by_id, refused_because ON orders_creditgrant FOR EACH ROW
WHEN (OLD.decided_at IS NOT NULL) EXECUTE FUNCTION forbid_change();

CREATE FUNCTION orders_grant_is_posted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    posted bigint;
    granted orders_creditgrant;
BEGIN
    SELECT * INTO granted FROM orders_creditgrant WHERE id = NEW.id;
    SELECT coalesce(-sum(e.amount_minor), 0) INTO posted
    FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
    WHERE t.source = 'credit-granted:' || granted.id AND e.account = 'customer_credit'
      AND e.customer_id = granted.customer_id AND e.currency = granted.currency
      AND e.expires_at IS NOT DISTINCT FROM granted.expires_at;
    IF posted <> (CASE WHEN granted.needs_approval AND granted.approved_by_id IS NULL THEN 0
                      ELSE granted.amount_minor END) THEN
        RAISE EXCEPTION 'grant % is of %, and % in the ledger', granted.id, granted.amount_minor, posted
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER orders_creditgrant_is_posted
AFTER INSERT OR UPDATE OF approved_by_id, decided_at ON orders_creditgrant
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_grant_is_posted();

CREATE FUNCTION orders_revocation_is_within_grant() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    posted bigint;
    granted bigint;
    revoked bigint;
BEGIN
    UPDATE orders_creditgrant SET request_key = request_key WHERE id = NEW.grant_id
    RETURNING CASE WHEN needs_approval AND approved_by_id IS NULL THEN 0 ELSE amount_minor END INTO granted;
    SELECT sum(amount_minor) INTO revoked FROM orders_creditrevocation WHERE grant_id = NEW.grant_id;
    SELECT coalesce(sum(e.amount_minor), 0) INTO posted
    FROM payments_ledgertransfer t JOIN payments_ledgerentry e ON e.transfer_id = t.id
    WHERE t.source = 'credit-revoked:' || NEW.id AND e.account = 'customer_credit';
    IF revoked > granted OR posted <> NEW.amount_minor THEN
        RAISE EXCEPTION 'grant % is of %, % of it is revoked and % in the ledger', NEW.grant_id, granted, revoked,
            posted USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER orders_creditrevocation_is_within_grant AFTER INSERT ON orders_creditrevocation
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_revocation_is_within_grant();
"""
GRANTS_ARE_NOT_POSTED = """
DROP TRIGGER orders_creditrevocation_is_within_grant ON orders_creditrevocation;
DROP FUNCTION orders_revocation_is_within_grant();
DROP TRIGGER orders_creditgrant_is_posted ON orders_creditgrant;
DROP FUNCTION orders_grant_is_posted();
DROP TRIGGER orders_creditgrant_is_decided_once ON orders_creditgrant;
"""
# What somebody has used is not another coupon afterwards; when and how often it may be used, staff may still change.
USED_COUPONS_STAY = """
CREATE FUNCTION orders_used_coupon_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM orders_couponuse WHERE coupon_id = NEW.id) THEN
        RAISE EXCEPTION 'coupon % was used', NEW.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'coupon_that_was_used_stays';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER orders_coupon_stays_once_used BEFORE UPDATE ON orders_coupon FOR EACH ROW WHEN (
    OLD.kind IS DISTINCT FROM NEW.kind OR OLD.percent_ppm IS DISTINCT FROM NEW.percent_ppm
    OR OLD.amount_minor IS DISTINCT FROM NEW.amount_minor OR OLD.currency IS DISTINCT FROM NEW.currency
    OR OLD.frees_delivery IS DISTINCT FROM NEW.frees_delivery
) EXECUTE FUNCTION orders_used_coupon_stays();
"""
_REFUND_FACTS = (
    "order_id",
    "kind",
    "destination",
    "currency",
    "amount_minor",
    "tax_minor",
    "delivery_minor",
    "reason",
    "request_key",
    "requested_by_id",
    "requested_at",
    "needs_approval",
)


class Migration(migrations.Migration):
    dependencies = [("orders", "0014_credits"), ("payments", "0009_credit_guards"), ("catalog", "0001_initial")]

    operations = [
        migrations.RunSQL(_IS_LIVE.format(or_in_credits=_OR_IN_CREDITS), _IS_LIVE.format(or_in_credits="")),
        migrations.RunSQL(WITHIN_ORDER_WITH_CREDITS, WITHIN_ORDER),
        migrations.RunSQL(ORDERS_ARE_POSTED_WITH_CREDITS, ORDERS_ARE_POSTED),
        migrations.RunSQL(
            _POSTED_TRIGGER.format(columns=", credits_returned_minor"), _POSTED_TRIGGER.format(columns="")
        ),
        migrations.RunSQL(
            CREDITS_COME_BACK,
            "DROP TRIGGER orders_orderrefund_credits_are_back ON orders_orderrefund;"
            "DROP FUNCTION orders_credits_are_back()",
        ),
        migrations.RunSQL(
            "DROP TRIGGER orders_orderrefund_facts_stay ON orders_orderrefund",
            columns_stay("orders_orderrefund", *_REFUND_FACTS).sql,
        ),
        columns_stay("orders_orderrefund", "credits_minor", *_REFUND_FACTS),
        rows_stay("orders_creditgrant"),
        columns_stay(
            "orders_creditgrant",
            "customer_id",
            "currency",
            "amount_minor",
            "reason",
            "expires_at",
            "request_key",
            "requested_by_id",
            "requested_at",
            "needs_approval",
        ),
        append_only("orders_creditrevocation"),
        migrations.RunSQL(GRANTS_ARE_POSTED, GRANTS_ARE_NOT_POSTED),
        append_only("orders_couponbatch"),
        migrations.RunSQL(
            "DROP TRIGGER orders_couponcode_facts_stay ON orders_couponcode",
            columns_stay("orders_couponcode", "code", "coupon_id").sql,
        ),
        columns_stay("orders_couponcode", "code", "coupon_id", "batch_id"),
        migrations.RunSQL(
            USED_COUPONS_STAY,
            "DROP TRIGGER orders_coupon_stays_once_used ON orders_coupon; DROP FUNCTION orders_used_coupon_stays()",
        ),
    ]
