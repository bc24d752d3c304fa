#!/usr/bin/env python
"""Django's command line."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orders_project.settings")
    try:
        from django.core.management import execute_from_command_line

        from orders_project.environment import is_chosen
    except ImportError as error:
        raise SystemExit(f"{error}. Use the project's own Python: .venv/bin/python manage.py ...") from error
    if not is_chosen():
        # Without this line a bare shell would be a production without settings, and be told all that it lacks.
        raise SystemExit("No `make run` is serving here: start it, or set DATABASE_URL and ENVIRONMENT.")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
