"""The routes of the sandbox's own process: those it also has on the main server, under the same prefix."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [path("sandbox/", include("payments.sandbox.urls"))]
