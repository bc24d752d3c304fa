"""The app's place in Django."""

from django.apps import AppConfig


class IntegrationsConfig(AppConfig):
    """Integrations and their keys."""

    name = "customers.integrations"
    label = "integrations"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Integrations"
