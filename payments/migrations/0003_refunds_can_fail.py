"""A refund may fail after it succeeded, so what was refunded may fall; what a refund has said is never unsaid."""

from django.db import migrations, models

NOTHING_SHRINKS = """
CREATE TRIGGER payments_paymentattempt_money_only_grows BEFORE UPDATE ON payments_paymentattempt FOR EACH ROW
WHEN (NEW.captured_minor < OLD.captured_minor OR NEW.refunded_minor < OLD.refunded_minor)
EXECUTE FUNCTION forbid_change()
"""
CAPTURED_ONLY_GROWS = """
CREATE TRIGGER payments_paymentattempt_captured_only_grows BEFORE UPDATE ON payments_paymentattempt FOR EACH ROW
WHEN (NEW.captured_minor < OLD.captured_minor)
EXECUTE FUNCTION forbid_change()
"""
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
    dependencies = [("payments", "0002_guards")]

    operations = [
        migrations.AddField("webhookevent", "tried_at", models.DateTimeField(blank=True, null=True)),
        migrations.RunSQL(
            sql=[
                "DROP TRIGGER payments_paymentattempt_money_only_grows ON payments_paymentattempt",
                CAPTURED_ONLY_GROWS,
                REFUNDS_MOVE_FORWARD,
            ],
            reverse_sql=[
                "DROP TRIGGER payments_refund_moves_forward ON payments_refund",
                "DROP TRIGGER payments_paymentattempt_captured_only_grows ON payments_paymentattempt",
                NOTHING_SHRINKS,
            ],
        ),
    ]
