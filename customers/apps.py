from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """People: accounts, how they sign in, and where they live."""

    name = "customers"
    default_auto_field = "django.db.models.BigAutoField"
