"""What files claim is kept, as it stands there; what a file alone has booked can be taken back."""

import django.db.models.deletion
from django.db import migrations, models

from catalog.append_only import append_only, columns_stay, rows_stay


class Migration(migrations.Migration):
    dependencies = [
        ("settlements", "0002_guards"),
        ("catalog", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ClaimedRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("file_line", models.PositiveIntegerField(verbose_name="line of the file")),
                ("line_id", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("payment", "Payment"),
                            ("refund", "Refund"),
                            ("refund_failure", "Refund failure"),
                            ("dispute", "Dispute"),
                            ("dispute_reversal", "Dispute reversal"),
                            ("fee", "Fee"),
                            ("other", "Other"),
                        ],
                        max_length=20,
                    ),
                ),
                ("wire_kind", models.CharField(max_length=60, verbose_name="the gateway's word for it")),
                ("entity_id", models.CharField(blank=True, max_length=64)),
                ("payment_id", models.CharField(blank=True, max_length=64)),
                ("request_reference", models.CharField(blank=True, max_length=64)),
                ("currency", models.CharField(max_length=3)),
                ("gross_minor", models.BigIntegerField(verbose_name="gross, minor units")),
                ("fee_minor", models.BigIntegerField(verbose_name="fee, minor units")),
                ("tax_minor", models.BigIntegerField(verbose_name="tax on the fee, minor units")),
                ("net_minor", models.BigIntegerField(verbose_name="net, minor units")),
                ("settled_at", models.DateTimeField()),
                ("settled_since", models.DateTimeField()),
                ("settled_until", models.DateTimeField()),
                ("bank_reference", models.CharField(blank=True, max_length=64)),
                ("tax_is_known", models.BooleanField()),
                ("is_payout", models.BooleanField()),
                ("is_repeated", models.BooleanField()),
                ("problem", models.CharField(blank=True, max_length=80)),
            ],
        ),
        migrations.CreateModel(
            name="SettlementClaim",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "gateway",
                    models.CharField(
                        choices=[("stripe", "Stripe"), ("razorpay", "Razorpay"), ("offline", "On delivery")],
                        max_length=16,
                    ),
                ),
                ("gateway_settlement_id", models.CharField(max_length=64)),
                ("rows_count", models.PositiveIntegerField(verbose_name="rows")),
                ("judged_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ("pk",),
            },
        ),
        migrations.RemoveConstraint(
            model_name="settlement",
            name="settlement_state_follows_from_its_sums",
        ),
        migrations.RemoveField(
            model_name="settlementline",
            name="seen_in",
        ),
        migrations.AlterField(
            model_name="settlement",
            name="state",
            field=models.CharField(
                choices=[
                    ("unconfirmed", "Unconfirmed"),
                    ("complete", "Complete"),
                    ("differs", "Differs"),
                    ("taken_back", "Taken back"),
                ],
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="settlement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("amount_minor__isnull", True), ("state", "unconfirmed")),
                    models.Q(("amount_minor__isnull", True), ("lines_count", 0), ("state", "taken_back")),
                    models.Q(("amount_minor", models.F("net_minor")), ("state", "complete")),
                    models.Q(
                        ("amount_minor__isnull", False),
                        ("state", "differs"),
                        models.Q(("amount_minor", models.F("net_minor")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="settlement_state_follows_from_its_sums",
            ),
        ),
        migrations.AddField(
            model_name="settlementclaim",
            name="imported",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="claims", to="settlements.settlementimport"
            ),
        ),
        migrations.AddField(
            model_name="claimedrow",
            name="claim",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rows",
                to="settlements.settlementclaim",
            ),
        ),
        migrations.AddIndex(
            model_name="settlementclaim",
            index=models.Index(
                fields=["gateway", "gateway_settlement_id", "-imported"], name="settlement_claim_latest"
            ),
        ),
        migrations.AddIndex(
            model_name="settlementclaim",
            index=models.Index(
                condition=models.Q(("judged_at__isnull", True)),
                fields=["gateway", "imported"],
                name="settlement_claim_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="settlementclaim",
            constraint=models.UniqueConstraint(
                fields=("imported", "gateway_settlement_id"), name="settlement_claim_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="claimedrow",
            constraint=models.UniqueConstraint(
                fields=("claim", "line_id", "file_line"), name="settlement_claimed_row_once"
            ),
        ),
        rows_stay("settlements_settlementclaim"),
        columns_stay("settlements_settlementclaim", "imported_id", "gateway", "gateway_settlement_id", "rows_count"),
        append_only("settlements_claimedrow"),
    ]
