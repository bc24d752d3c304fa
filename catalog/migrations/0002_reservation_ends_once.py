from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial")]

    operations = [
        migrations.AddConstraint(
            model_name="stockmovement",
            constraint=models.UniqueConstraint(
                fields=("source_id", "variant"),
                condition=Q(kind__in=("released", "sent")),
                name="stock_reservation_ends_once",
            ),
        )
    ]
