"""What somebody owes can be given up, and come after all; refunds that wait for approval are found first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_inbox"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="ledgertransfer",
            name="ledger_transfer_kind_known",
        ),
        migrations.AlterField(
            model_name="ledgertransfer",
            name="kind",
            field=models.CharField(
                choices=[
                    ("ordered", "Ordered"),
                    ("earned", "Earned"),
                    ("called_off", "Called off"),
                    ("capture", "Capture"),
                    ("refund_promised", "Refund promised"),
                    ("refund", "Refund"),
                    ("refund_failed", "Refund failed"),
                    ("refund_recast", "Refund recast"),
                    ("dispute", "Dispute"),
                    ("settlement", "Settlement"),
                    ("credit", "Customer credit"),
                    ("resolution", "Resolution"),
                    ("written_off", "Written off"),
                    ("written_off_paid", "Written off and paid"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgertransfer",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "ordered",
                            "earned",
                            "called_off",
                            "capture",
                            "refund_promised",
                            "refund",
                            "refund_failed",
                            "refund_recast",
                            "dispute",
                            "settlement",
                            "credit",
                            "resolution",
                            "written_off",
                            "written_off_paid",
                        ],
                    )
                ),
                name="ledger_transfer_kind_known",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                models.OrderBy(
                    models.ExpressionWrapper(models.Q(("state", "requested")), output_field=models.BooleanField()),
                    descending=True,
                ),
                models.OrderBy(models.F("id"), descending=True),
                name="refund_requested_first",
            ),
        ),
    ]
