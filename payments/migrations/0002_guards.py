"""The database's own word on money: no row of it goes away, and what a gateway has said once is never unsaid."""

from django.db import migrations

from catalog.append_only import columns_stay, rows_stay

CAPTURED_ONLY_GROWS = """
CREATE TRIGGER payments_paymentattempt_captured_only_grows BEFORE UPDATE ON payments_paymentattempt FOR EACH ROW
WHEN (NEW.captured_minor < OLD.captured_minor)
EXECUTE FUNCTION forbid_change()
"""
# What was refunded may fall: a refund can fail after it succeeded. The refund itself only moves forward.
REFUNDS_MOVE_FORWARD = """
CREATE TRIGGER payments_refund_moves_forward BEFORE UPDATE ON payments_refund FOR EACH ROW
WHEN (
    (OLD.state = 'failed' AND NEW.state <> 'failed')
    OR (OLD.state = 'succeeded' AND NEW.state NOT IN ('succeeded', 'failed'))
    OR (OLD.gateway_refund_id IS NOT NULL AND NEW.gateway_refund_id IS DISTINCT FROM OLD.gateway_refund_id)
)
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
            sql=[CAPTURED_ONLY_GROWS, REFUNDS_MOVE_FORWARD],
            reverse_sql=[
                "DROP TRIGGER payments_refund_moves_forward ON payments_refund",
                "DROP TRIGGER payments_paymentattempt_captured_only_grows ON payments_paymentattempt",
            ],
        ),
        rows_stay("payments_refund"),
        columns_stay("payments_refund", "attempt_id", "amount_minor", "currency", "reason", "created_at"),
        rows_stay("payments_webhookevent"),
        columns_stay("payments_webhookevent", "gateway", "event_key", "event_type", "body", "received_at"),
    ]
