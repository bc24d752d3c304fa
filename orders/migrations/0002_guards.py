"""The database's own word on orders: what was placed stays as it was placed, and no status without its history."""

from django.db import migrations

from catalog.append_only import append_only, columns_stay, rows_stay

STATUS_IS_WRITTEN_DOWN = """
CREATE FUNCTION orders_status_is_written_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Looks at the row as it is at commit: a transaction may move an order twice.
    IF EXISTS (
        SELECT FROM orders_order o WHERE o.id = NEW.id AND o.status IS DISTINCT FROM (
            SELECT h.to_status FROM orders_orderhistory h WHERE h.order_id = NEW.id ORDER BY h.id DESC LIMIT 1
        )
    ) THEN
        RAISE EXCEPTION 'the status of order % is not in its history', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE CONSTRAINT TRIGGER orders_order_status_is_written_down AFTER INSERT OR UPDATE OF status ON orders_order
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_status_is_written_down()
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0001_initial"), ("catalog", "0001_initial")]

    operations = [
        rows_stay("orders_order"),
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
        ),
        append_only("orders_orderline"),
        append_only("orders_orderhistory"),
        migrations.RunSQL(
            sql=[STATUS_IS_WRITTEN_DOWN, TRIGGER],
            reverse_sql=[
                "DROP TRIGGER orders_order_status_is_written_down ON orders_order",
                "DROP FUNCTION orders_status_is_written_down()",
            ],
        ),
    ]
