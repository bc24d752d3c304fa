"""What may happen to the payments of an order, and who may make it happen."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0004_refunds"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="order",
            options={
                "ordering": ("-number",),
                "permissions": (
                    ("fulfil_order", "Can mark orders as sent and delivered"),
                    ("collect_cash", "Can record cash received for orders"),
                    ("cancel_order", "Can cancel orders"),
                    ("ask_gateway", "Can ask gateways how payments stand, and take over what they say"),
                    ("request_payment", "Can ask customers for a further payment of orders"),
                    ("capture_payment", "Can capture money that is held for orders"),
                    ("void_payment", "Can call off payments of orders, and let go of money that is held for them"),
                    ("refund_order", "Can give money back for orders, or ask a second person to"),
                ),
            },
        ),
        migrations.AlterField(
            model_name="orderhistory",
            name="event",
            field=models.CharField(
                choices=[
                    ("placed", "Placed"),
                    ("payment", "Payment changed"),
                    ("cancelled", "Cancelled"),
                    ("expired", "Expired"),
                    ("revived", "Revived"),
                    ("late_money", "Late money"),
                    ("refund_requested", "Refund requested"),
                    ("refund_approved", "Refund approved"),
                    ("refund_refused", "Refund refused"),
                    ("refund_failed", "Refund failed"),
                    ("credited", "Given as credit"),
                    ("sent", "Sent"),
                    ("delivered", "Delivered"),
                    ("payment_requested", "Payment requested"),
                    ("capture_requested", "Capture requested"),
                    ("payment_voided", "Payment voided"),
                    ("dispute_opened", "Dispute opened"),
                    ("dispute_closed", "Dispute closed"),
                ],
                max_length=20,
            ),
        ),
    ]
