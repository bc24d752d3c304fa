"""Which systems may call us. A key is shown by the answer that makes it, and never again."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from catalog.admin.pages import BackOfficeAdmin, coloured
from customers.integrations import keys
from customers.integrations.models import Integration, Scope
from customers.models import User
from kit.ids import parse_id


class IntegrationForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    scopes = forms.MultipleChoiceField(choices=Scope.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget)

    class Meta:
        model = Integration
        fields = ("name", "scopes", "max_discount_percent")

    def clean(self) -> dict[str, Any]:
        """A discount without the scope, or the other way round, is a slip of the pen."""
        cleaned: dict[str, Any] = super().clean() or {}
        percent: Decimal | None = cleaned.get("max_discount_percent")
        gives = Scope.DISCOUNT.value in cleaned.get("scopes", ())
        if percent is not None and gives != (percent > 0):
            text = "Say up to how much it may give." if gives else "It may give none: tick that, or leave this at 0."
            self.add_error("max_discount_percent", text)
        return cleaned


class RevokeForm(forms.Form):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Shown beside it.")


@admin.register(Integration)
class IntegrationAdmin(BackOfficeAdmin):
    """Systems that act for customers. What is kept of their keys is not even read from the database."""

    form = IntegrationForm
    list_display = ("name", "key_prefix", "state", "may", "max_discount_percent", "last_used_at")
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset()
    fieldsets = (
        (None, {"fields": ("name", "scopes", "max_discount_percent")}),
        ("Key", {"fields": (("key_prefix", "state"), ("created_at", "created_by"), "last_used_at")}),
        ("Revoked", {"fields": (("revoked_at", "revoked_by"), "revoked_because")}),
    )
    readonly_fields = (
        "key_prefix",
        "state",
        "created_at",
        "created_by",
        "last_used_at",
        "revoked_at",
        "revoked_by",
        "revoked_because",
    )
    actions_detail = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Integration]:
        """Without what is kept of the keys."""
        rows: QuerySet[Integration] = super().get_queryset(request)
        return rows.defer("key_digest")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new one has no history, and few are ever revoked."""
        if obj is None:
            return self.fieldsets[:1]
        return self.fieldsets if obj.revoked_at else self.fieldsets[:2]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may, until it is revoked."""
        return super().has_change_permission(request, obj) and (obj is None or obj.revoked_at is None)

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The button that makes sense for one that counts."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        row = self.get_object(request, str(object_id))
        return allowed if isinstance(row, Integration) and row.revoked_at is None else []

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        """A new integration gets its key, which `response_add` shows."""
        if change:
            names = ("name", "scopes", "max_discount_percent")
            keys.change(obj, **{name: form.cleaned_data[name] for name in names})
        else:
            assert isinstance(request.user, User)
            obj.issued_key = keys.admit(obj, by=request.user)  # type: ignore[attr-defined]  # for this one answer

    def response_add(
        self, request: HttpRequest, obj: Integration, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The one page that shows the key."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": f"Key of {obj.name}",
            "key": obj.issued_key,  # type: ignore[attr-defined]
            "back": _page_of(obj),
        }
        answer = TemplateResponse(request, "admin/integrations/integration/key.html", context)
        add_never_cache_headers(answer)
        return answer

    @display(description="State")
    def state(self, row: Integration) -> str:
        return coloured("Revoked", "danger") if row.revoked_at else coloured("Active", "success")

    @display(description="May", label=True)
    def may(self, row: Integration) -> list[str]:
        return sorted(row.scopes)

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May integrations be revoked? unfold asks by the name of a method."""
        return bool(request.user.has_perm("integrations.revoke_integration"))

    @action(description="Revoke", icon="block", permissions=["revoke"], variant=ActionVariant.DANGER)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self._find(object_id)
        if row is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        form = RevokeForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            assert isinstance(request.user, User)
            reason = form.cleaned_data["reason"]
            if keys.revoke(row.pk, by=request.user, reason=reason):
                self.log_change(request, row, f"Revoked: {reason}")
                messages.success(request, "Its key counts no more.")
            else:
                messages.warning(request, "It was revoked already.")
            return HttpResponseRedirect(_page_of(row))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": f"Revoke: {row.name}",
            "form": form,
            "button": "Revoke",
            "button_variant": "danger",
            "explanation": "No call with its key is accepted from now on. This cannot be undone.",
            "back": _page_of(row),
        }
        return TemplateResponse(request, "admin/act.html", context)

    @staticmethod
    def _find(object_id: str) -> Integration | None:
        key: uuid.UUID | None = parse_id(object_id)
        return Integration.objects.defer("key_digest").filter(pk=key).first() if key else None


def _page_of(row: Integration) -> str:
    return reverse("admin:integrations_integration_change", args=[row.pk])
