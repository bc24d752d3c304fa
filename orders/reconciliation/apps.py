"""The app's place in Django."""

from django.apps import AppConfig


class OrdersReconciliationConfig(AppConfig):
    """Reconciliation of payments: jobs and pages, no tables."""

    name = "orders.reconciliation"
    label = "orders_reconciliation"
    verbose_name = "Reconciliation of payments"
