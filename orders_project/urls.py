"""Every route of the server. A dialect is one folder and one line here."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from orders.api.images import serve_image
from orders_project.health import health
from orders_project.index import index
from orders_project.invoice_link import invoice
from orders_project.problems import problem_answer
from payments.webhooks import receive

urlpatterns: list[Any] = [
    path("", RedirectView.as_view(url="/api/docs/"), name="home"),
    re_path(r"^api/v1/?$", index, name="index"),
    re_path(r"^api/v1/health/?$", health, name="health"),
    re_path(r"^api/v1/webhooks/(?P<gateway>stripe|razorpay)/?$", receive, name="webhook"),
    path("api/v1/", include("customers.api.urls")),
    path("api/v1/", include("catalog.api.urls")),
    path("api/v1/", include("orders.api.urls")),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(permission_classes=[AllowAny]), name="schema"),
    re_path(
        r"^api/docs/?$",
        # Its page has no template for an answer to OPTIONS.
        SpectacularSwaggerSplitView.as_view(
            url_name="schema", permission_classes=[AllowAny], http_method_names=["get", "head"]
        ),
        name="docs",
    ),
    re_path(r"^order/(?P<number>[0-9]+)/invoice/?\Z", invoice, name="invoice"),
    path("", include("orders_project.dialects.storefront.urls")),
    path("", include("orders_project.dialects.event.urls")),
    path("", include("orders_project.dialects.retrieval.urls")),
    re_path(r"^uploads/(?P<name>[0-9a-f]{32}\.(?:jpg|png))\Z", serve_image, name="upload"),
    path("", include("orders_project.dialects.razorpay.urls")),
    path("", include("orders_project.checkout.urls")),
    path("admin", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
]
if not settings.PRODUCTION:
    urlpatterns.append(path("sandbox/", include("payments.sandbox.urls")))


def _not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    del exception
    return problem_answer(request, 404, "not_found", "There is nothing here.")


def _server_error(request: HttpRequest) -> HttpResponse:
    return problem_answer(request, 500, "error", "Something went wrong on our side. It has been logged.")


handler404 = _not_found
handler500 = _server_error
