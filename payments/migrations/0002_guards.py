"""The database's own word on money: no row of it goes away, and what a gateway has said once is never unsaid."""

from django.db import migrations

from catalog.append_only import columns_stay, rows_stay

MONEY_ONLY_GROWS = """
CREATE TRIGGER payments_paymentattempt_money_only_grows BEFORE UPDATE ON payments_paymentattempt FOR EACH ROW
WHEN (NEW.captured_minor < OLD.captured_minor OR NEW.refunded_minor < OLD.refunded_minor)
EXECUTE FUNCTION forbid_change()
"""


class Migration(migrations.Migration):
    dependencies = [("payments", "0001_initial"), ("catalog", "0001_initial")]

    operations = [
        rows_stay("payments_paymentrequest"),
        columns_stay(
            "payments_paymentrequest", "subject_id", "gateway", "amount_minor", "currency", "description", "created_at"
        ),
        rows_stay("payments_paymentattempt"),
        columns_stay(
            "payments_paymentattempt", "request_id", "gateway", "gateway_payment_id", "amount_minor", "currency"
        ),
        migrations.RunSQL(
            sql=MONEY_ONLY_GROWS,
            reverse_sql="DROP TRIGGER payments_paymentattempt_money_only_grows ON payments_paymentattempt",
        ),
        rows_stay("payments_refund"),
        columns_stay("payments_refund", "attempt_id", "amount_minor", "currency", "reason", "created_at"),
        rows_stay("payments_webhookevent"),
        columns_stay("payments_webhookevent", "gateway", "event_key", "event_type", "body", "received_at"),
    ]
