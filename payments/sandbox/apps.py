"""The app's place in Django."""

from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """The gateways' stand-in, with models in the database alias of the same name."""

    name = "payments.sandbox"
    label = "sandbox"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Sandbox gateway"
