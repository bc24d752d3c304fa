"""Indexes of the back office: an e-mail's beginning, and the days on which orders were placed."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_guards")]

    operations = [
        migrations.RemoveIndex(model_name="order", name="order_by_email"),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                fields=["email", "-number"], name="order_by_email", opclasses=("varchar_pattern_ops", "int8_ops")
            ),
        ),
        migrations.AddIndex(model_name="order", index=models.Index(fields=["placed_at"], name="order_by_placed_at")),
    ]
