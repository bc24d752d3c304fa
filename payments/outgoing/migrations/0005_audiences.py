"""Subscribers who hear of what is theirs alone, in another shape."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("outgoing", "0004_turns"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="outgoingevent",
            name="outgoing_event_type_known",
        ),
        migrations.RemoveConstraint(
            model_name="subscription",
            name="subscription_events_known",
        ),
        migrations.AddField(
            model_name="outgoingevent",
            name="audience_id",
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name="subscription",
            name="audience_id",
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="subscription",
            name="wire",
            field=models.CharField(
                choices=[("quittance", "Quittance"), ("razorpay", "Razorpay")],
                db_default="quittance",
                default="quittance",
                editable=False,
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="outgoingevent",
            name="type",
            field=models.CharField(
                choices=[
                    ("order.placed", "Order placed"),
                    ("order.paid", "Order paid"),
                    ("order.cancelled", "Order cancelled"),
                    ("order.completed", "Order completed"),
                    ("order.refunded", "Order refunded"),
                    ("order.revived", "Order revived by late money"),
                    ("payment.captured", "Payment captured"),
                    ("payment.failed", "Payment failed"),
                    ("refund.requested", "Refund requested"),
                    ("refund.succeeded", "Refund succeeded"),
                    ("refund.failed", "Refund failed"),
                    ("payment.authorized", "Payment authorized"),
                    ("refund.created", "Refund created"),
                    ("refund.processed", "Refund processed"),
                    ("dispute.opened", "Dispute opened"),
                    ("dispute.closed", "Dispute closed"),
                    ("invoice.issued", "Invoice issued"),
                    ("credit_note.issued", "Credit note issued"),
                    ("debit_note.issued", "Debit note issued"),
                ],
                max_length=32,
            ),
        ),
        migrations.AlterField(
            model_name="subscription",
            name="events",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("order.placed", "Order placed"),
                        ("order.paid", "Order paid"),
                        ("order.cancelled", "Order cancelled"),
                        ("order.completed", "Order completed"),
                        ("order.refunded", "Order refunded"),
                        ("order.revived", "Order revived by late money"),
                        ("payment.captured", "Payment captured"),
                        ("payment.failed", "Payment failed"),
                        ("refund.requested", "Refund requested"),
                        ("refund.succeeded", "Refund succeeded"),
                        ("refund.failed", "Refund failed"),
                        ("payment.authorized", "Payment authorized"),
                        ("refund.created", "Refund created"),
                        ("refund.processed", "Refund processed"),
                        ("dispute.opened", "Dispute opened"),
                        ("dispute.closed", "Dispute closed"),
                        ("invoice.issued", "Invoice issued"),
                        ("credit_note.issued", "Credit note issued"),
                        ("debit_note.issued", "Debit note issued"),
                    ],
                    max_length=32,
                )
            ),
        ),
        migrations.AddConstraint(
            model_name="outgoingevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "type__in",
                        [
                            "order.placed",
                            "order.paid",
                            "order.cancelled",
                            "order.completed",
                            "order.refunded",
                            "order.revived",
                            "payment.captured",
                            "payment.failed",
                            "refund.requested",
                            "refund.succeeded",
                            "refund.failed",
                            "payment.authorized",
                            "refund.created",
                            "refund.processed",
                            "dispute.opened",
                            "dispute.closed",
                            "invoice.issued",
                            "credit_note.issued",
                            "debit_note.issued",
                        ],
                    )
                ),
                name="outgoing_event_type_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "events__contained_by",
                        [
                            "order.placed",
                            "order.paid",
                            "order.cancelled",
                            "order.completed",
                            "order.refunded",
                            "order.revived",
                            "payment.captured",
                            "payment.failed",
                            "refund.requested",
                            "refund.succeeded",
                            "refund.failed",
                            "payment.authorized",
                            "refund.created",
                            "refund.processed",
                            "dispute.opened",
                            "dispute.closed",
                            "invoice.issued",
                            "credit_note.issued",
                            "debit_note.issued",
                        ],
                    )
                ),
                name="subscription_events_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("audience_id__isnull", True), ("wire", "quittance")),
                    models.Q(("audience_id__isnull", False), ("wire", "razorpay")),
                    _connector="OR",
                ),
                name="subscription_wire_is_its_audiences",
            ),
        ),
    ]
