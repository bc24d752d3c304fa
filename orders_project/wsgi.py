"""The server's entry point: `gunicorn orders_project.wsgi:application`."""

import os

from django.core.checks import Tags, run_checks
from django.core.management.base import SystemCheckError
from django.core.wsgi import get_wsgi_application
from django.db import connections

from orders_project.body_limits import body_limit
from orders_project.chunked import ChunkedBodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orders_project.settings")

application = ChunkedBodies(get_wsgi_application(), limit=body_limit)

# A command runs the checks by itself; a server has to be told.
errors = [message for message in run_checks(tags=[Tags.security]) if message.is_serious()]
if errors:
    raise SystemCheckError("\n".join(map(str, errors)))

# Processes that are forked from this one must not share a connection.
connections.close_all()
