"""The route of the order retrieval dialect; a trailing slash is optional."""

from django.urls import re_path

from orders_project.dialects.retrieval import views

urlpatterns = [
    re_path(r"^api/order/(?P<key>[^/]+)/?\Z", views.retrieve, name="retrieval-order"),
    re_path(r"^api/order(?:/|\Z)", views.nothing_here, name="retrieval-nothing"),
]
