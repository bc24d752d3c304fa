"""Routes of the storefront dialect; a trailing slash is optional."""

from django.urls import re_path

from orders_project.dialects.storefront import views

_ID = r"(?P<order_id>[^/]+)"

urlpatterns = [
    re_path(r"^api/orders/with-payment/?$", views.place_with_payment, name="storefront-with-payment"),
    re_path(r"^api/orders/?$", views.place, name="storefront-orders"),
    re_path(rf"^api/orders/{_ID}/paid/?$", views.mark_paid, name="storefront-paid"),
    re_path(r"^api/orders/", views.nothing_here, name="storefront-nothing"),
]
