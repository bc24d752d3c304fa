from django.apps import AppConfig


class IdempotencyConfig(AppConfig):
    """First answers, kept so that a repeated request gets the same one."""

    name = "orders_project.idempotency"
    label = "idempotency"
    default_auto_field = "django.db.models.BigAutoField"
