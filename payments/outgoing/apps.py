"""The app's place in Django."""

from django.apps import AppConfig


class OutgoingConfig(AppConfig):
    """Subscriptions, events and their deliveries."""

    name = "payments.outgoing"
    label = "outgoing"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Outgoing events"
