"""The database's own word on campaigns: contents change in drafts alone, figures never fall, what happened stays, and
no status without its history. What a mailing system's key is stays too.
"""

from django.db import migrations

from catalog.append_only import append_only, columns_stay, rows_stay

STATUS_IS_WRITTEN_DOWN = """
CREATE FUNCTION orders_campaign_status_is_written_down() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Looks at the row as it is at commit: a transaction may move a campaign twice.
    IF EXISTS (
        SELECT FROM orders_campaign c WHERE c.id = NEW.id AND c.status IS DISTINCT FROM (
            SELECT h.to_status FROM orders_campaignhistory h WHERE h.campaign_id = NEW.id ORDER BY h.id DESC LIMIT 1
        )
    ) THEN
        RAISE EXCEPTION 'the status of campaign % is not in its history', NEW.id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$
"""
TRIGGER = """
CREATE CONSTRAINT TRIGGER orders_campaign_status_is_written_down AFTER INSERT OR UPDATE OF status ON orders_campaign
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION orders_campaign_status_is_written_down()
"""
_CONTENTS = (
    "prop_address",
    "prop_desc",
    "prop_price_minor",
    "prop_currency",
    "main_image_id",
    "headline",
    "sub_headline",
    "rush",
    "scheduled_at",
    "subject",
    "list_name",
)
_FIGURES = ("delivered", "opened", "clicked", "percentage_completed")
CONTENTS_STAY = f"""
CREATE TRIGGER orders_campaign_contents_stay BEFORE UPDATE OF {", ".join(_CONTENTS)} ON orders_campaign
FOR EACH ROW WHEN (
    OLD.status <> 'draft' AND ({" OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in _CONTENTS)})
) EXECUTE FUNCTION forbid_change()
"""
FIGURES_NEVER_FALL = f"""
CREATE TRIGGER orders_campaign_figures_never_fall BEFORE UPDATE OF {", ".join(_FIGURES)} ON orders_campaign
FOR EACH ROW WHEN ({" OR ".join(f"NEW.{name} < OLD.{name}" for name in _FIGURES)}) EXECUTE FUNCTION forbid_change()
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0012_campaigns"), ("catalog", "0001_initial")]

    operations = [
        rows_stay("orders_campaign"),
        columns_stay("orders_campaign", "order_id", "line_id", "position"),
        append_only("orders_campaignhistory"),
        rows_stay("orders_mailingkey"),
        columns_stay("orders_mailingkey", "digest", "issued_by_id", "created_at"),
        migrations.RunSQL(
            sql=[STATUS_IS_WRITTEN_DOWN, TRIGGER, CONTENTS_STAY, FIGURES_NEVER_FALL],
            reverse_sql=[
                "DROP TRIGGER orders_campaign_figures_never_fall ON orders_campaign",
                "DROP TRIGGER orders_campaign_contents_stay ON orders_campaign",
                "DROP TRIGGER orders_campaign_status_is_written_down ON orders_campaign",
                "DROP FUNCTION orders_campaign_status_is_written_down()",
            ],
        ),
    ]
