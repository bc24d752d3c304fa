"""The database's own word: what was paid out, and by which line, is never rewritten. What we make of it may change."""

from django.db import migrations

from catalog.append_only import columns_stay, rows_stay

# An amount becomes known once, with its currency, and stays: before, a file alone has named both.
AMOUNT_STAYS = """
CREATE TRIGGER settlements_settlement_amount_stays BEFORE UPDATE OF amount_minor, currency ON settlements_settlement
FOR EACH ROW WHEN (OLD.amount_minor IS NOT NULL
    AND (OLD.amount_minor, OLD.currency) IS DISTINCT FROM (NEW.amount_minor, NEW.currency))
EXECUTE FUNCTION forbid_change()
"""
# What counts no more never counts again.
SUPERSEDED_STAYS = """
CREATE TRIGGER settlements_settlementline_superseded_stays BEFORE UPDATE ON settlements_settlementline
FOR EACH ROW WHEN (OLD.superseded_at IS NOT NULL) EXECUTE FUNCTION forbid_change()
"""


class Migration(migrations.Migration):
    dependencies = [("settlements", "0001_initial"), ("catalog", "0001_initial")]

    operations = [
        rows_stay("settlements_settlement"),
        columns_stay("settlements_settlement", "gateway", "gateway_settlement_id"),
        migrations.RunSQL(AMOUNT_STAYS, "DROP TRIGGER settlements_settlement_amount_stays ON settlements_settlement"),
        rows_stay("settlements_settlementline"),
        migrations.RunSQL(
            SUPERSEDED_STAYS, "DROP TRIGGER settlements_settlementline_superseded_stays ON settlements_settlementline"
        ),
        columns_stay(
            "settlements_settlementline",
            "settlement_id",
            "gateway",
            "line_id",
            "kind",
            "wire_kind",
            "entity_id",
            "payment_id",
            "currency",
            "gross_minor",
            "fee_minor",
            "tax_minor",
            "net_minor",
            "settled_at",
            "told_by",
        ),
        rows_stay("settlements_settlementimport"),
        columns_stay("settlements_settlementimport", "gateway", "file_name", "sha256", "rows", "imported_by"),
    ]
