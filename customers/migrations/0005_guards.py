"""The database's own word on people: the genealogy is a tree whoever writes it, who is not placed waits, and nothing is
said of a place or a membership that its history does not explain.
"""

from django.db import migrations

from catalog.append_only import append_only, columns_stay, rows_stay

# Foreign keys are checked at commit, and two rows of one statement could each be the other's sponsor. Where a sponsor
# has to be there first, a new place cannot close a circle; and nobody is ever taken out of the tree.
SPONSOR_IS_PLACED = """
CREATE FUNCTION customers_sponsor_is_placed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM customers_placement WHERE customer_id = NEW.sponsor_id) THEN
        RAISE EXCEPTION 'the sponsor % is not placed', NEW.sponsor_id USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NEW;
END
$$
"""
PLACED = """
CREATE TRIGGER customers_placement_has_sponsor BEFORE INSERT ON customers_placement
FOR EACH ROW WHEN (NEW.sponsor_id IS NOT NULL) EXECUTE FUNCTION customers_sponsor_is_placed()
"""
# Two moves that are both right alone may close a circle together. So they come one after the other: the second waits
# for the counter and then sees what the first has done; where its snapshot is older than that, it fails at the counter.
STANDS_BELOW_NOBODY_BELOW = """
CREATE FUNCTION customers_keep_the_tree() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above uuid := NEW.sponsor_id;
BEGIN
    INSERT INTO customers_genealogy AS genealogy (id, moves) VALUES (1, 1)
    ON CONFLICT (id) DO UPDATE SET moves = genealogy.moves + 1;
    WHILE above IS NOT NULL LOOP
        IF above = NEW.customer_id THEN
            RAISE EXCEPTION '% would stand below itself', NEW.customer_id USING ERRCODE = 'check_violation';
        END IF;
        SELECT sponsor_id INTO above FROM customers_placement WHERE customer_id = above;
    END LOOP;
    RETURN NEW;
END
$$
"""
MOVED = """
CREATE TRIGGER customers_placement_moves BEFORE UPDATE OF sponsor_id ON customers_placement
FOR EACH ROW WHEN (OLD.sponsor_id IS DISTINCT FROM NEW.sponsor_id) EXECUTE FUNCTION customers_keep_the_tree()
"""
# Whether the row that TG_ARGV[0] of the new one names is as the last move of it says, at commit.
MOVE_IS_WRITTEN_DOWN = """
CREATE FUNCTION customers_move_is_written_down() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who uuid := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
    IF EXISTS (
        SELECT FROM customers_placement p WHERE p.customer_id = who AND p.sponsor_id IS DISTINCT FROM (
            SELECT m.to_sponsor_id FROM customers_placementmove m WHERE m.placement_id = who ORDER BY m.id DESC LIMIT 1
        )
    ) THEN
        RAISE EXCEPTION 'the sponsor of % is not in its moves', who USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$
"""
WRITTEN_DOWN = """
CREATE CONSTRAINT TRIGGER customers_{table}_is_written_down AFTER {event} ON customers_{table}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {function}('{column}')
"""
WHO_COMES_WAITS = """
CREATE FUNCTION customers_who_comes_waits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO customers_waiting (customer_id, since) SELECT id, created_at FROM came ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$
"""
COMES = """
CREATE TRIGGER customers_customer_waits AFTER INSERT ON customers_customer REFERENCING NEW TABLE AS came
FOR EACH STATEMENT EXECUTE FUNCTION customers_who_comes_waits()
"""
WHO_IS_PLACED_WAITS_NO_MORE = """
CREATE FUNCTION customers_who_is_placed_waits_no_more() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM customers_waiting w USING placed p WHERE w.customer_id = p.customer_id;
    RETURN NULL;
END
$$
"""
LEAVES = """
CREATE TRIGGER customers_placement_ends_waiting AFTER INSERT ON customers_placement REFERENCING NEW TABLE AS placed
FOR EACH STATEMENT EXECUTE FUNCTION customers_who_is_placed_waits_no_more()
"""
# Everybody below `top`, a sponsor before those below and these by id; `most` of them, from behind `after` on. Nobody if
# `after` does not stand below `top`. Each step is one or two look-ups, so a page costs the same wherever it is.
BELOW = """
CREATE FUNCTION customers_below(top uuid, after uuid, most integer) RETURNS TABLE (customer_id uuid, level integer)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    here uuid := coalesce(after, top);
    above uuid := here;
    next uuid;
BEGIN
    level := 0;
    WHILE above IS DISTINCT FROM top LOOP
        SELECT p.sponsor_id INTO above FROM customers_placement p WHERE p.customer_id = above;
        IF above IS NULL THEN
            RETURN;
        END IF;
        level := level + 1;
    END LOOP;
    WHILE most > 0 LOOP
        SELECT p.customer_id INTO next FROM customers_placement p WHERE p.sponsor_id = here
        ORDER BY p.customer_id LIMIT 1;
        IF FOUND THEN
            level := level + 1;
        ELSE
            LOOP
                IF here = top THEN
                    RETURN;
                END IF;
                SELECT p.sponsor_id INTO above FROM customers_placement p WHERE p.customer_id = here;
                SELECT p.customer_id INTO next FROM customers_placement p
                WHERE p.sponsor_id = above AND p.customer_id > here ORDER BY p.customer_id LIMIT 1;
                EXIT WHEN FOUND;
                here := above;
                level := level - 1;
            END LOOP;
        END IF;
        customer_id := next;
        RETURN NEXT;
        here := next;
        most := most - 1;
    END LOOP;
END
$$
"""
HISTORY_EXPLAINS = """
CREATE FUNCTION customers_membership_is_explained() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    which uuid := to_jsonb(NEW) ->> TG_ARGV[0];
BEGIN
    -- Looks at the row as it is at commit: a transaction may do several things to a membership.
    IF EXISTS (
        SELECT FROM customers_membership m LEFT JOIN LATERAL (
            SELECT h.state, h.ends_to, sum(h.days) OVER () AS days FROM customers_membershiphistory h
            WHERE h.membership_id = m.id ORDER BY h.id DESC LIMIT 1
        ) h ON true
        WHERE m.id = which AND (
            m.state IS DISTINCT FROM h.state OR m.ends_at IS DISTINCT FROM h.ends_to
            OR m.ends_at IS DISTINCT FROM m.starts_at + h.days * interval '24 hours'
        )
    ) THEN
        RAISE EXCEPTION 'membership % is not as its history says', which USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$
"""
FINISHED_IS_FINAL = """
CREATE TRIGGER customers_upgradeprocess_is_final BEFORE UPDATE ON customers_upgradeprocess
FOR EACH ROW WHEN (OLD.state = 'finished') EXECUTE FUNCTION forbid_change()
"""


def written_down(table: str, *, event: str, function: str, column: str) -> migrations.RunSQL:
    """At commit, the function judges what the column of the written row names."""
    return migrations.RunSQL(
        sql=WRITTEN_DOWN.format(table=table, event=event, function=function, column=column),
        reverse_sql=f"DROP TRIGGER customers_{table}_is_written_down ON customers_{table}",
    )


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_genealogy_and_memberships"), ("catalog", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=[SPONSOR_IS_PLACED, PLACED, STANDS_BELOW_NOBODY_BELOW, MOVED, MOVE_IS_WRITTEN_DOWN, BELOW],
            reverse_sql=[
                "DROP FUNCTION customers_below(uuid, uuid, integer)",
                "DROP FUNCTION customers_move_is_written_down()",
                "DROP TRIGGER customers_placement_moves ON customers_placement",
                "DROP FUNCTION customers_keep_the_tree()",
                "DROP TRIGGER customers_placement_has_sponsor ON customers_placement",
                "DROP FUNCTION customers_sponsor_is_placed()",
            ],
        ),
        rows_stay("customers_placement"),
        columns_stay("customers_placement", "customer_id", "placed_at", "placed_by_id"),
        append_only("customers_placementmove"),
        written_down(
            "placement",
            event="UPDATE OF sponsor_id",
            function="customers_move_is_written_down",
            column="customer_id",
        ),
        written_down("placementmove", event="INSERT", function="customers_move_is_written_down", column="placement_id"),
        migrations.RunSQL(sql=HISTORY_EXPLAINS, reverse_sql="DROP FUNCTION customers_membership_is_explained()"),
        rows_stay("customers_membership"),
        columns_stay("customers_membership", "customer_id", "product_id", "tier", "starts_at", "replaces_id"),
        append_only("customers_membershiphistory"),
        written_down(
            "membership",
            event="INSERT OR UPDATE OF state, ends_at",
            function="customers_membership_is_explained",
            column="id",
        ),
        written_down(
            "membershiphistory",
            event="INSERT",
            function="customers_membership_is_explained",
            column="membership_id",
        ),
        rows_stay("customers_upgradeprocess"),
        columns_stay(
            "customers_upgradeprocess",
            "customer_id",
            "product_id",
            "tier",
            "validity_days",
            "kind",
            "order_id",
            "begun_at",
        ),
        migrations.RunSQL(
            sql=FINISHED_IS_FINAL,
            reverse_sql="DROP TRIGGER customers_upgradeprocess_is_final ON customers_upgradeprocess",
        ),
        migrations.RunSQL(
            sql=[WHO_COMES_WAITS, COMES, WHO_IS_PLACED_WAITS_NO_MORE, LEAVES],
            reverse_sql=[
                "DROP TRIGGER customers_placement_ends_waiting ON customers_placement",
                "DROP FUNCTION customers_who_is_placed_waits_no_more()",
                "DROP TRIGGER customers_customer_waits ON customers_customer",
                "DROP FUNCTION customers_who_comes_waits()",
            ],
        ),
        migrations.RunSQL(
            sql="INSERT INTO customers_waiting (customer_id, since) SELECT id, created_at FROM customers_customer",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
