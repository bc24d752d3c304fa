"""Events remember the dispute that they are about, and holds how much of them is to be captured."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_ledger_guards"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="webhookevent",
            options={
                "ordering": ("-id",),
                "permissions": (("work_again_webhookevent", "Can have received events worked again"),),
            },
        ),
        migrations.AddField(
            model_name="paymentattempt",
            name="capture_wanted_minor",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="capture wanted, minor units"),
        ),
        migrations.AddField(
            model_name="webhookevent",
            name="dispute_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(
                condition=models.Q(("state", "orphaned")), fields=["received_at"], name="webhook_event_orphaned"
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("capture_wanted_minor__isnull", True),
                    models.Q(
                        ("capture_wanted_at__isnull", False),
                        ("capture_wanted_minor__gt", 0),
                        ("capture_wanted_minor__lte", models.F("amount_minor")),
                    ),
                    _connector="OR",
                ),
                name="payment_attempt_capture_wanted_within_amount",
            ),
        ),
    ]
