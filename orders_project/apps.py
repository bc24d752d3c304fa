from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate

from kit import crashpoints


class EdgeConfig(AppConfig):
    """The HTTP edge: routes, dialects, and the checks that a deployment must pass."""

    name = "orders_project"

    def ready(self) -> None:
        from orders_project import checks  # noqa: F401 - registers the system checks
        from orders_project.roles import ensure_roles

        if settings.CRASH_AT and not settings.PRODUCTION:
            crashpoints.arm(settings.CRASH_AT)

        def after_migrate(using: str, **_: object) -> None:
            if using == "default":
                ensure_roles()

        # Orders come last among the apps that roles speak of, so all their permissions exist by then.
        post_migrate.connect(after_migrate, sender=apps.get_app_config("orders"), weak=False)
