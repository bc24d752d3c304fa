"""A merchant's key: replaced with an overlap, or revoked at once. Issued on the merchant's own page."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from catalog.admin.pages import ReadOnlyAdmin
from payments.merchants import keys
from payments.merchants.admin.showing import key_state, secret_page
from payments.merchants.models import MerchantKey


@admin.register(MerchantKey)
class MerchantKeyAdmin(ReadOnlyAdmin):
    """Keys, the newest first. Their secrets are not even read from the database."""

    list_display = ("key_id", "merchant", "state", "created_at", "last_used_at")
    list_select_related = ("merchant",)
    search_fields = ("key_id",)
    search_help_text = "A key's id"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset()
    fieldsets = (
        (None, {"fields": (("key_id", "state"), "merchant")}),
        ("When", {"fields": (("created_at", "last_used_at"), ("valid_until", "revoked_at"))}),
    )
    readonly_fields = ("state",)
    actions_detail = ("replace", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MerchantKey]:
        """Without the secrets, sealed as they are."""
        rows: QuerySet[MerchantKey] = super().get_queryset(request).defer("sealed_secret", "secret_digest")
        return rows

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[MerchantKey], search_term: str
    ) -> tuple[QuerySet[MerchantKey], bool]:
        """By its whole id."""
        term = search_term.strip()
        return (queryset.filter(key_id=term) if term else queryset), False

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The buttons that make sense for the key as it is."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        row = self.get_object(request, str(object_id))
        if not isinstance(row, MerchantKey) or row.revoked_at is not None:
            return []
        return [one for one in allowed if keys.is_current(row) or one.action_name.endswith("revoke")]

    @display(description="State")
    def state(self, key: MerchantKey) -> str:
        return key_state(key)

    def has_manage_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May keys be replaced and revoked?"""
        return bool(request.user.has_perm("merchants.manage_merchantkey"))

    @action(description="Replace", icon="key", permissions=["manage"])
    def replace(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._find(request, object_id)
        if not isinstance(row, MerchantKey):
            return row
        if request.method != "POST":
            text = "A new key counts from now on, and its secret is shown once. For 24 hours this one counts as well."
            return self._ask(request, row, title="Replace", explanation=text)
        issued = keys.replace(row.pk)
        if issued is None:
            messages.warning(request, "The key had been replaced or revoked; nothing was changed.")
            return HttpResponseRedirect(_page_of(row))
        self.log_change(request, row, f"Replaced by {issued.key.key_id}")
        shown = {"Key id": issued.key.key_id, "Key secret": issued.secret}
        title = f"The key in the place of {row.key_id}"
        return secret_page(self, request, issued.key, title=title, secrets=shown, back=_page_of(issued.key))

    @action(description="Revoke", icon="block", permissions=["manage"], variant=ActionVariant.DANGER)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._find(request, object_id)
        if not isinstance(row, MerchantKey):
            return row
        if request.method != "POST":
            text = "No call with it is accepted from now on. This cannot be undone."
            return self._ask(request, row, title="Revoke", explanation=text, is_drastic=True)
        if keys.revoke(row.pk):
            self.log_change(request, row, "Revoked")
            messages.success(request, "The key counts no more.")
        else:
            messages.warning(request, "The key was revoked already.")
        return HttpResponseRedirect(_page_of(row))

    def _find(self, request: HttpRequest, object_id: str) -> MerchantKey | HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = int(object_id) if object_id.isascii() and object_id.isdecimal() and len(object_id) < 19 else None
        row = self.get_queryset(request).filter(pk=key).first() if key else None
        if row is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return row

    def _ask(
        self, request: HttpRequest, row: MerchantKey, *, title: str, explanation: str, is_drastic: bool = False
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": f"{title}: {row.key_id}",
            "form": forms.Form(),
            "button": title,
            "button_variant": "danger" if is_drastic else "primary",
            "explanation": explanation,
            "back": _page_of(row),
        }
        return TemplateResponse(request, "admin/act.html", context)


def _page_of(row: MerchantKey) -> str:
    return reverse("admin:merchants_merchantkey_change", args=[row.pk])
