"""Is this server able to serve?"""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, JsonResponse

from catalog.models import Product
from orders_project.problems import OUTAGES


def health(request: HttpRequest) -> JsonResponse:
    """200 once the database answers and there is something on sale; 503 otherwise, saying which is missing."""
    del request
    try:
        stocked = Product.objects.filter(active=True).exists()
    except OUTAGES:
        connection.close()
        return JsonResponse({"status": "unavailable", "database": "gone"}, status=503)
    if not stocked:
        return JsonResponse({"status": "unavailable", "database": "ok", "catalogue": "empty"}, status=503)
    return JsonResponse({"status": "ok", "database": "ok", "catalogue": "ok"})
