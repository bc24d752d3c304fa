"""Money that is collected for merchants, and what a gateway tells them of it."""

from django.db import migrations, models

from catalog.append_only import columns_stay

_STAY = ("subject_id", "gateway", "amount_minor", "currency", "description", "created_at")


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0001_initial"),
        ("payments", "0006_write_offs"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="ledgerentry",
            name="ledger_entry_account_known",
        ),
        migrations.AddField(
            model_name="paymentattempt",
            name="details",
            field=models.JSONField(blank=True, db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="paymentrequest",
            name="owed_to",
            field=models.CharField(
                choices=[("receivable", "Customer receivable"), ("merchant_funds", "Collected for merchants")],
                db_default="receivable",
                default="receivable",
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="account",
            field=models.CharField(
                choices=[
                    ("receivable", "Customer receivable"),
                    ("clearing_stripe", "Stripe clearing"),
                    ("clearing_razorpay", "Razorpay clearing"),
                    ("clearing_offline", "Cash box"),
                    ("bank", "Bank"),
                    ("disputed", "Disputed, kept back by gateways"),
                    ("fee_tax", "Tax on gateway fees"),
                    ("deferred_revenue", "Deferred revenue"),
                    ("tax_payable", "Tax payable"),
                    ("customer_credit", "Customer credit"),
                    ("merchant_funds", "Collected for merchants"),
                    ("refunds_payable", "Refunds payable"),
                    ("suspense", "Suspense"),
                    ("revenue", "Revenue"),
                    ("delivery_revenue", "Delivery revenue"),
                    ("discounts", "Discounts"),
                    ("refunds", "Refunds"),
                    ("gateway_fees", "Gateway fees"),
                    ("write_off", "Write-off"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "account__in",
                        [
                            "receivable",
                            "clearing_stripe",
                            "clearing_razorpay",
                            "clearing_offline",
                            "bank",
                            "disputed",
                            "fee_tax",
                            "deferred_revenue",
                            "tax_payable",
                            "customer_credit",
                            "merchant_funds",
                            "refunds_payable",
                            "suspense",
                            "revenue",
                            "delivery_revenue",
                            "discounts",
                            "refunds",
                            "gateway_fees",
                            "write_off",
                        ],
                    )
                ),
                name="ledger_entry_account_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="paymentrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(("owed_to__in", ["receivable", "merchant_funds"])),
                name="payment_request_owed_to_known",
            ),
        ),
        migrations.RunSQL(
            "DROP TRIGGER payments_paymentrequest_facts_stay ON payments_paymentrequest",
            columns_stay("payments_paymentrequest", *_STAY).sql,
        ),
        columns_stay("payments_paymentrequest", *_STAY, "owed_to"),
    ]
