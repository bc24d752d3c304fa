"""The database's own word: an event never changes, and who was to be told of it is never forgotten."""

from django.db import migrations

from catalog.append_only import append_only, columns_stay, rows_stay


class Migration(migrations.Migration):
    dependencies = [("outgoing", "0001_initial"), ("catalog", "0001_initial")]

    operations = [
        append_only("outgoing_outgoingevent"),
        rows_stay("outgoing_subscription"),
        rows_stay("outgoing_delivery"),
        columns_stay("outgoing_delivery", "event_id", "subscription_id"),
    ]
