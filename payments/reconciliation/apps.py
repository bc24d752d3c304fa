"""The app's place in Django."""

from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    """Discrepancies, what was done about them, and the runs that found them."""

    name = "payments.reconciliation"
    label = "reconciliation"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Reconciliation"
