"""The sandbox's routes, wherever it is mounted. A trailing slash is optional."""

from __future__ import annotations

from django.urls import include, path, re_path

from payments.sandbox.controls import views

urlpatterns = [
    path("stripe/v1/", include("payments.sandbox.stripe_wire.urls")),
    path("razorpay/v1/", include("payments.sandbox.razorpay_wire.urls")),
    re_path(r"^pay/?$", views.pay),
    re_path(r"^faults/?$", views.arm_fault),
    re_path(r"^books/?$", views.books),
    re_path(r"^settle/?$", views.settle),
    re_path(r"^fail_refund/?$", views.fail_refund),
    re_path(r"^dispute/?$", views.dispute),
]
