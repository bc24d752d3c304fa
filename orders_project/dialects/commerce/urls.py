"""The routes of the commerce dialect; a trailing slash is optional."""

from django.urls import re_path

from orders_project.dialects.commerce import views

_BASE = r"^api/v1/commerce/"

urlpatterns = [
    re_path(rf"{_BASE}create-order/?\Z", views.create_order, name="commerce-create-order"),
    re_path(rf"{_BASE}upgrade-renewal-package/?\Z", views.upgrade_or_renew, name="commerce-package"),
    re_path(rf"{_BASE}all-orders/?\Z", views.all_orders, name="commerce-all-orders"),
    re_path(rf"{_BASE}order-details/?\Z", views.order_details, name="commerce-order-details"),
    re_path(_BASE, views.nothing_here, name="commerce-nothing"),
]
