"""The back office's own Content-Security-Policy: its JavaScript evaluates expressions and sets styles.

What it needs is allowed on its pages and nowhere else; scripts still come from this server alone.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.csp import csp_override

type GetResponse = Callable[[HttpRequest], HttpResponseBase]


class AdminPolicyMiddleware:
    """Answers of the back office's views carry `settings.ADMIN_CSP`. Stands inside Django's own middleware."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        is_admin = request.resolver_match is not None and "admin" in request.resolver_match.app_names
        return _with_admin_policy(request, response) if is_admin else response


@csp_override(settings.ADMIN_CSP)
def _with_admin_policy(_request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    return response
