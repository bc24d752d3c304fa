"""Routes of the checkout page; a trailing slash is optional."""

from django.urls import re_path

from orders_project.checkout import views

_REFERENCE = r"(?P<reference>order_[0-9A-Za-z]{14})"

urlpatterns = [
    re_path(rf"^checkout/{_REFERENCE}/?\Z", views.checkout, name="checkout"),
    re_path(rf"^checkout/{_REFERENCE}/return/?\Z", views.hand_over, name="checkout-return"),
]
