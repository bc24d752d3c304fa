"""The sandbox gateway's entry point, a process and a listener of its own: `gunicorn orders_project.sandbox_wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

# Not a default: the environment of the main server may name its settings.
os.environ["DJANGO_SETTINGS_MODULE"] = "orders_project.sandbox_settings"

application = get_wsgi_application()
