"""Routes of accounts and customers under /api/v1/. A trailing slash is optional."""

from django.urls import re_path

from customers.api import members, views

urlpatterns = [
    re_path(r"^auth/register/?\Z", views.RegisterView.as_view(), name="register"),
    re_path(r"^auth/token/?\Z", views.TokenView.as_view(), name="token"),
    re_path(r"^auth/refresh/?\Z", views.RefreshView.as_view(), name="refresh"),
    re_path(r"^auth/logout/?\Z", views.LogoutView.as_view(), name="logout"),
    re_path(r"^auth/password/?\Z", views.PasswordView.as_view(), name="password"),
    re_path(r"^customers/me/?\Z", views.MeView.as_view(), name="me"),
    re_path(r"^addresses/?\Z", views.AddressesView.as_view(), name="addresses"),
    re_path(r"^addresses/(?P<id>[^/]+)/?\Z", views.AddressView.as_view(), name="address"),
    re_path(r"^membership/?\Z", members.MembershipView.as_view(), name="membership"),
    re_path(r"^genealogy/?\Z", members.GenealogyView.as_view(), name="genealogy"),
    re_path(r"^genealogy/below/(?P<customer_id>[^/]+)/?\Z", members.BelowView.as_view(), name="genealogy-below"),
]
