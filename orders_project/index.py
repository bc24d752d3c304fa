"""What there is to find under /api/v1/."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

_NAMES = ("products", "delivery-methods", "orders", "schema", "docs", "health")


@require_safe
def index(request: HttpRequest) -> JsonResponse:
    """The addresses of what the API offers, by name."""
    return JsonResponse({name: request.build_absolute_uri(reverse(name)) for name in _NAMES})
