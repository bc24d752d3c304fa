"""The database's own word on coupons: every use counts itself, and none beyond a limit. And what was placed stays as it
was placed: taxes, coupon and buyer too.
"""

from django.db import migrations

from catalog.append_only import columns_stay, rows_stay

# Counting locks what is counted on, in one order: coupon, code, customer. A use that is given back is uncounted.
USES_ARE_COUNTED = """
CREATE FUNCTION orders_count_coupon_use() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    one integer := CASE WHEN TG_OP = 'INSERT' THEN 1 ELSE -1 END;
    most integer;
    times integer;
BEGIN
    UPDATE orders_coupon SET used = used + one, spent_minor = spent_minor + one * NEW.discount_minor
    WHERE id = NEW.coupon_id RETURNING max_uses_per_customer INTO most;
    UPDATE orders_couponcode SET used = used + one WHERE id = NEW.code_id AND coupon_id = NEW.coupon_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'code % is not of coupon %', NEW.code_id, NEW.coupon_id USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO orders_couponcustomer AS c (coupon_id, customer_id, used) VALUES (NEW.coupon_id, NEW.customer_id, 1)
    ON CONFLICT (coupon_id, customer_id) DO UPDATE SET used = c.used + one RETURNING used INTO times;
    IF one > 0 AND times > most THEN
        RAISE EXCEPTION 'customer % uses coupon % too often', NEW.customer_id, NEW.coupon_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'coupon_used_within_its_limit_per_customer';
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER orders_couponuse_counts_itself AFTER INSERT ON orders_couponuse FOR EACH ROW
EXECUTE FUNCTION orders_count_coupon_use();
CREATE TRIGGER orders_couponuse_uncounts_itself AFTER UPDATE OF given_back_at ON orders_couponuse FOR EACH ROW
WHEN (OLD.given_back_at IS NULL AND NEW.given_back_at IS NOT NULL) EXECUTE FUNCTION orders_count_coupon_use();
CREATE TRIGGER orders_couponuse_ends_once BEFORE UPDATE OF given_back_at ON orders_couponuse FOR EACH ROW
WHEN (OLD.given_back_at IS NOT NULL) EXECUTE FUNCTION forbid_change();
CREATE TRIGGER orders_couponuse_begins_used BEFORE INSERT ON orders_couponuse FOR EACH ROW
WHEN (NEW.given_back_at IS NOT NULL) EXECUTE FUNCTION forbid_change();
CREATE TRIGGER orders_coupon_is_counted BEFORE INSERT OR UPDATE OF used, spent_minor ON orders_coupon FOR EACH ROW
WHEN (pg_trigger_depth() = 0 AND (NEW.used <> 0 OR NEW.spent_minor <> 0)) EXECUTE FUNCTION forbid_change();
CREATE TRIGGER orders_couponcode_is_counted BEFORE INSERT OR UPDATE OF used ON orders_couponcode FOR EACH ROW
WHEN (pg_trigger_depth() = 0 AND NEW.used <> 0) EXECUTE FUNCTION forbid_change();
CREATE TRIGGER orders_couponcustomer_is_counted BEFORE INSERT OR UPDATE ON orders_couponcustomer FOR EACH ROW
WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION forbid_change();
"""
USES_ARE_NOT_COUNTED = """
DROP TRIGGER orders_couponcustomer_is_counted ON orders_couponcustomer;
DROP TRIGGER orders_couponcode_is_counted ON orders_couponcode;
DROP TRIGGER orders_coupon_is_counted ON orders_coupon;
DROP TRIGGER orders_couponuse_begins_used ON orders_couponuse;
DROP TRIGGER orders_couponuse_ends_once ON orders_couponuse;
DROP TRIGGER orders_couponuse_uncounts_itself ON orders_couponuse;
DROP TRIGGER orders_couponuse_counts_itself ON orders_couponuse;
DROP FUNCTION orders_count_coupon_use();
"""
_WITHIN_ORDER = """
CREATE OR REPLACE FUNCTION orders_refund_is_within_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    promised bigint;
    delivery bigint;
    given bigint;
BEGIN
    SELECT sum(amount_minor) INTO promised FROM payments_refund WHERE cause_id = NEW.id;
    IF promised IS DISTINCT FROM NEW.amount_minor THEN
        RAISE EXCEPTION 'refund % is of %, its payments promise %', NEW.id, NEW.amount_minor, promised
            USING ERRCODE = 'check_violation';
    END IF;
    UPDATE orders_order SET confirmed_by = confirmed_by WHERE id = NEW.order_id
    RETURNING {delivery} INTO delivery;
    SELECT sum(delivery_minor) INTO given FROM orders_orderrefund
    WHERE order_id = NEW.order_id AND delivery_minor > 0 AND orders_refund_is_live(id);
    IF given > delivery THEN
        RAISE EXCEPTION 'the delivery of order % is given back twice', NEW.order_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
"""
_BY_THE_LINES = """delivery_minor + tax_minor
        - (SELECT coalesce(sum(tax_minor), 0) FROM orders_orderline WHERE order_id = NEW.order_id)"""
_BY_THE_ORDER = "delivery_minor + CASE WHEN prices_include_tax THEN 0 ELSE delivery_tax_minor END"

# What an order's lines bear of its tax was all that told of the delivery's.
KNOW_THE_TAX_OF_DELIVERIES = """
UPDATE orders_order o SET delivery_tax_minor = o.tax_minor - l.tax FROM (
    SELECT order_id, sum(tax_minor) AS tax FROM orders_orderline GROUP BY 1
) l WHERE l.order_id = o.id AND l.tax <> o.tax_minor
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0006_taxes_and_coupons"), ("catalog", "0002_taxes"), ("customers", "0002_tax_number")]

    operations = [
        migrations.RunSQL(KNOW_THE_TAX_OF_DELIVERIES, migrations.RunSQL.noop),
        migrations.RunSQL(
            "DROP TRIGGER orders_order_facts_stay ON orders_order",
            columns_stay(
                "orders_order",
                "number",
                "customer_id",
                "currency",
                "products_minor",
                "discount_minor",
                "tax_minor",
                "delivery_minor",
                "credits_minor",
                "total_minor",
                "placed_at",
            ).sql,
        ),
        columns_stay(
            "orders_order",
            "number",
            "customer_id",
            "currency",
            "products_minor",
            "discount_minor",
            "tax_minor",
            "delivery_minor",
            "credits_minor",
            "total_minor",
            "delivery_discount_minor",
            "coupon_code",
            "prices_include_tax",
            "tax_rounding",
            "delivery_tax_minor",
            "delivery_taxes",
            "tax_number",
            "order_type",
            "placed_at",
        ),
        rows_stay("orders_couponuse"),
        columns_stay(
            "orders_couponuse",
            "order_id",
            "coupon_id",
            "code_id",
            "customer_id",
            "currency",
            "discount_minor",
            "terms",
            "used_at",
        ),
        rows_stay("orders_coupon"),
        rows_stay("orders_couponcode"),
        columns_stay("orders_couponcode", "code", "coupon_id"),
        migrations.RunSQL(USES_ARE_COUNTED, USES_ARE_NOT_COUNTED),
        migrations.RunSQL(
            _WITHIN_ORDER.format(delivery=_BY_THE_ORDER),
            _WITHIN_ORDER.format(delivery=_BY_THE_LINES),
        ),
    ]
