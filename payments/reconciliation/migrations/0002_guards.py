"""The database's own word: what differed, and what was done about it, is never forgotten."""

from django.db import migrations

from catalog.append_only import append_only, columns_stay, rows_stay


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_initial"), ("catalog", "0001_initial")]

    operations = [
        rows_stay("reconciliation_discrepancy"),
        columns_stay("reconciliation_discrepancy", "kind", "gateway", "gateway_id", "first_seen_at"),
        append_only("reconciliation_discrepancyact"),
        rows_stay("reconciliation_reconciliationrun"),
    ]
