"""Routes of the catalogue under /api/v1/. A trailing slash is optional."""

from django.urls import re_path

from catalog.api.views import DeliveryMethodsView, ProductsView, ProductView

urlpatterns = [
    re_path(r"^products/?\Z", ProductsView.as_view(), name="products"),
    re_path(r"^products/(?P<key>[^/]+)/?\Z", ProductView.as_view(), name="product"),
    re_path(r"^delivery-methods/?\Z", DeliveryMethodsView.as_view(), name="delivery-methods"),
]
