"""One request to the project in a process of its own: `python -m tests.faults.client method path body token key`."""

from __future__ import annotations

import sys

import django

if __name__ == "__main__":
    django.setup()

    from django.test import Client

    method, path, body, token, key = sys.argv[1:]
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key}
    client = Client(SERVER_NAME="localhost")
    client.generic(method, path, body.encode(), content_type="application/json", headers=headers)
