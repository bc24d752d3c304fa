from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Things on sale, how they are delivered, and how many of them there are."""

    name = "catalog"
    default_auto_field = "django.db.models.BigAutoField"
