from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0009_credit_guards"),
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
                    ("credit_granted", "Credit granted"),
                    ("credit_revoked", "Credit revoked"),
                    ("credit_returned", "Credit returned"),
                    ("credit_taken", "Credit taken back"),
                    ("credit_expired", "Credit expired"),
                    ("package_credit", "Credit for a package"),
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
                            "credit_granted",
                            "credit_revoked",
                            "credit_returned",
                            "credit_taken",
                            "credit_expired",
                            "package_credit",
                            "resolution",
                            "written_off",
                            "written_off_paid",
                        ],
                    )
                ),
                name="ledger_transfer_kind_known",
            ),
        ),
    ]
