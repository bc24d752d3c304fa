"""The doors for the gateways' webhooks: verify the raw bytes, store, answer. Everything else happens in a job."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from kit.crashpoints import Seam, crashpoint
from payments import gateways, inbox
from payments.gateways.base import BadSignature


@csrf_exempt
@require_POST
def receive(request: HttpRequest, gateway: str) -> HttpResponse:
    """200 once the event is stored, however often it comes; 400 for what the gateway did not sign; 503 unconfigured."""
    try:
        port = gateways.online(gateway)
    except KeyError:
        return JsonResponse({"error": "this gateway is not configured"}, status=503)
    if not getattr(settings, f"{gateway.upper()}_WEBHOOK_SECRET"):
        # HMAC with an empty secret verifies for everybody.
        return JsonResponse({"error": "no webhook secret is configured"}, status=503)
    body = request.body
    try:
        event = port.verify_webhook(body, request.headers)
    except BadSignature:
        return JsonResponse({"error": "the signature does not verify"}, status=400)
    inbox.store(gateway, event, body)
    crashpoint(Seam.WEBHOOK_STORED)
    return JsonResponse({"received": True})
