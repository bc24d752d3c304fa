"""Keys of mailing systems: issued here, shown by the answer that makes them and never again, and revoked."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from catalog.admin.pages import BackOfficeAdmin, coloured
from customers.models import User
from orders.admin.acting import SubjectForm, Words, act_page
from orders.campaigns import keys
from orders.models import MailingKey

_WORDS = Words("Revoke", "Whoever reports figures with it is refused from now on.", "Revoke it", is_drastic=True)


@admin.register(MailingKey)
class MailingKeyAdmin(BackOfficeAdmin):
    """The newest first. A key is never changed: another one takes its place."""

    list_display = ("name", "hint_shown", "state_label", "created_at", "last_used_at")
    ordering = ("-pk",)
    fields = ("name", "hint_shown", "state_label", "issued_by", "created_at", "last_used_at", "revoked_at")
    readonly_fields = ("hint_shown", "state_label", "issued_by", "created_at", "last_used_at", "revoked_at")
    actions_detail = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new one has no history."""
        return self.fields if obj else self.fields[:1]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def save_model(self, request: HttpRequest, obj: MailingKey, form: Any, change: bool) -> None:
        """The key is made, for `response_add` to show."""
        by = request.user.pk if isinstance(request.user, User) else None
        obj.issued_secret = keys.issue_key(obj, by=by)  # type: ignore[attr-defined]  # for this one answer

    def response_add(self, request: HttpRequest, obj: MailingKey, post_url_continue: str | None = None) -> HttpResponse:
        """The one page that shows the key."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": f"Key of {obj.name}",
            "secret": obj.issued_secret,  # type: ignore[attr-defined]
            "back": reverse("admin:orders_mailingkey_change", args=[obj.pk]),
        }
        answer = TemplateResponse(request, "admin/outgoing/subscription/secret.html", context)
        add_never_cache_headers(answer)
        return answer

    @display(description="Key")
    def hint_shown(self, key: MailingKey) -> str:
        return f"mailkey_…{key.hint}"

    @display(description="State")
    def state_label(self, key: MailingKey) -> str:
        return coloured("Revoked", "danger") if key.revoked_at else coloured("Counts", "success")

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The button, as long as the key counts."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        key = self.get_object(request, str(object_id))
        return allowed if isinstance(key, MailingKey) and key.revoked_at is None else []

    @action(description="Revoke", icon="key_off", permissions=["revoke"], variant=ActionVariant.DANGER)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_view_permission(request) or not self.has_revoke_permission(request):
            raise PermissionDenied
        key = self.get_object(request, object_id)
        if not isinstance(key, MailingKey):
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        form = SubjectForm(request.POST if request.method == "POST" else None)
        back = reverse("admin:orders_mailingkey_change", args=[key.pk])
        return act_page(self, request, key, form, lambda _: self._revoke(request, key), words=_WORDS, back=back)

    def _revoke(self, request: HttpRequest, key: MailingKey) -> str:
        if not keys.revoke_key(key.pk):
            return "It was revoked before."
        self.log_change(request, key, "Revoked")
        return "The key counts no more."

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May keys be revoked?"""
        return bool(request.user.has_perm("orders.revoke_mailingkey"))
