"""The settings of the sandbox's own process: the project's, with the sandbox's routes and nothing before them."""

from __future__ import annotations

from orders_project.settings import *  # noqa: F403

ROOT_URLCONF = "payments.sandbox.root_urls"
WSGI_APPLICATION = "orders_project.sandbox_wsgi.application"
MIDDLEWARE = [
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
