from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """What people buy, from placing to completion."""

    name = "orders"
    default_auto_field = "django.db.models.BigAutoField"
