"""Routes of a customer's own orders under /api/v1/. A trailing slash is optional."""

from django.urls import re_path

from orders.api.views import CancelOrderView, OrdersView, OrderView

urlpatterns = [
    re_path(r"^orders/?\Z", OrdersView.as_view(), name="orders"),
    re_path(r"^orders/(?P<key>[^/]+)/?\Z", OrderView.as_view(), name="order"),
    re_path(r"^orders/(?P<key>[^/]+)/cancel/?\Z", CancelOrderView.as_view(), name="order-cancel"),
]
