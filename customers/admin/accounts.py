"""Accounts. Nobody gets more rights through these pages than they have: who may what is for superusers to say.

Whoever may change users, without being a superuser, may do so to customers alone: the password of a colleague would be
the colleague's rights.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from catalog.admin.pages import SHORTEST_PREFIX, BackOfficeAdmin, ChoiceFilter
from customers.models import User, normalised_email


class StaffFilter(ChoiceFilter):
    title = "staff"
    parameter_name = "staff"
    column = "is_staff"
    options = (("True", "Staff"), ("False", "Customers"))


class ActiveFilter(ChoiceFilter):
    title = "active"
    parameter_name = "active"
    column = "is_active"
    options = (("True", "Active"), ("False", "Switched off"))


class _OneSpelling(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    """An e-mail address has one spelling, and uniqueness is decided on it."""

    def clean_email(self) -> str:
        """Raises ValidationError when there is another account with it."""
        email = normalised_email(self.cleaned_data["email"])
        if User.objects.filter(email=email).exclude(pk=self.instance.pk).exists():
            raise ValidationError("There is an account with this e-mail already.", code="unique")
        return email


class AccountCreationForm(_OneSpelling, UserCreationForm):
    class Meta:
        model = User
        fields = ("email",)


class AccountForm(_OneSpelling, UserChangeForm):
    class Meta:
        model = User
        fields = ("email", "password", "is_active", "is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(User)
class UserAdmin(BackOfficeAdmin, DjangoUserAdmin):  # type: ignore[type-arg, misc]  # generic for the type checker alone
    """Accounts, by e-mail."""

    form = AccountForm
    add_form = AccountCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "is_active", "is_staff", "is_superuser", "last_login", "created_at")
    list_filter = (StaffFilter, ActiveFilter)
    search_fields = ("email",)
    search_help_text = "The beginning of an e-mail"
    ordering = ("-pk",)

    scanning_filters: ClassVar[frozenset[str]] = frozenset({"staff", "active"})
    filter_horizontal = ("groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("email", "password", "is_active")}),
        ("Rights", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
        ("When", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "password1", "password2")}),)
    _for_superusers = ("email", "is_staff", "is_superuser", "groups", "user_permissions")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """The page's own filters alone."""
        return BackOfficeAdmin.lookup_allowed(self, lookup, value, request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Superusers change everybody, others with the right to it customers alone, and never themselves."""
        if not super().has_change_permission(request, obj):
            return False
        return bool(request.user.is_superuser) or not (isinstance(obj, User) and (obj.is_staff or obj.is_superuser))

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Rights, and the name under which somebody signs in, are for superusers to change."""
        always = ("created_at", "last_login")
        return always if request.user.is_superuser else (*always, *self._for_superusers) if obj else always

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[User], search_term: str
    ) -> tuple[QuerySet[User], bool]:
        """By the beginning of the e-mail, which the index knows."""
        return (queryset.filter(**email_filter("email", search_term)) if search_term.strip() else queryset), False


def email_filter(column: str, text: str) -> dict[str, str]:
    """What filters a column by an e-mail or its beginning; a short text is matched whole."""
    email = normalised_email(text)
    return {column if len(email) < SHORTEST_PREFIX else f"{column}__startswith": email}
