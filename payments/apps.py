from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Money facts: what was asked of whom, what a gateway says of it, and what went back."""

    name = "payments"
    default_auto_field = "django.db.models.BigAutoField"
