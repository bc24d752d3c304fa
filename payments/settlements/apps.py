"""The app's place in Django."""

from django.apps import AppConfig


class SettlementsConfig(AppConfig):
    """What the gateways paid out to the bank, line by line."""

    name = "payments.settlements"
    label = "settlements"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Settlements"
