"""The app's place in Django."""

from django.apps import AppConfig


class MerchantsConfig(AppConfig):
    """Merchants, their keys and their payment orders."""

    name = "payments.merchants"
    label = "merchants"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Merchants"
