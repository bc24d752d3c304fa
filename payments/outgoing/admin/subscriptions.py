"""Who hears of what. A secret is shown by the answer that makes it, and never again; it is in no message or session."""

from __future__ import annotations

from typing import Any

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
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from catalog.admin.pages import BackOfficeAdmin, coloured
from payments.outgoing import subscriptions
from payments.outgoing.addresses import TargetRefused
from payments.outgoing.admin.acts import ACTS, Act
from payments.outgoing.admin.showing import REFUSALS
from payments.outgoing.models import OF_AUDIENCES, OF_THE_SHOP, EventType, Subscription


class SubscriptionForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    events = forms.MultipleChoiceField(choices=EventType.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget)

    class Meta:
        model = Subscription
        fields = ("name", "url", "events")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = OF_THE_SHOP if self.instance.audience_id is None else OF_AUDIENCES
        self.fields["events"].choices = [(type_.value, type_.label) for type_ in offered]  # type: ignore[attr-defined]

    def clean_url(self) -> str:
        """Raises ValidationError for an address that nothing may be sent to, as far as its name tells now."""
        url: str = self.cleaned_data["url"]
        try:
            self.addresses = subscriptions.check_target(url)
        except TargetRefused as refusal:
            raise forms.ValidationError(REFUSALS[refusal.code], code=refusal.code) from None
        except OSError:
            raise forms.ValidationError("The name of the host cannot be found.", code="not_resolved") from None
        return url


@admin.register(Subscription)
class SubscriptionAdmin(BackOfficeAdmin):
    """The shop's systems, and merchants', that hear of what happens here. A merchant's are added on its own page."""

    form = SubscriptionForm
    list_display = ("name", "url", "wire", "state_label", "wants", "failures_in_a_row", "disabled_because")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "url", "events")}),
        ("How it does", {"fields": (("state_label", "disabled_because"), ("failures_in_a_row", "failing_since"))}),
        ("When", {"fields": (("created_at", "disabled_at"), ("paused_until", "previous_secret_until"))}),
    )
    readonly_fields = (
        "state_label",
        "disabled_because",
        "failures_in_a_row",
        "failing_since",
        "created_at",
        "disabled_at",
        "paused_until",
        "previous_secret_until",
    )
    actions_detail = ("rotate", "disable", "enable")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        """Without the secrets, sealed as they are."""
        rows: QuerySet[Subscription] = super().get_queryset(request)
        return rows.defer("sealed_secret", "sealed_previous_secret")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new one has no history."""
        return super().get_fieldsets(request, obj) if obj else self.fieldsets[:1]

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The buttons that make sense for the subscription as it is."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        row = self.get_object(request, str(object_id))
        if not isinstance(row, Subscription):
            return []
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [one for one in allowed if ACTS[one.action_name.removeprefix(prefix)].makes_sense(row)]

    def save_model(self, request: HttpRequest, obj: Subscription, form: Any, change: bool) -> None:
        """A new subscription gets its secret, which `response_add` shows."""
        if change:
            obj.save(update_fields=["name", "url", "events"])
        else:
            # What the form has just looked up is not looked up again: another answer now would be nobody's error.
            secret = subscriptions.admit(obj, resolve=lambda host, port: form.addresses)
            obj.issued_secret = secret  # type: ignore[attr-defined]  # for this one answer

    def response_add(
        self, request: HttpRequest, obj: Subscription, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The one page that shows the secret."""
        return self._show_secret(request, obj, obj.issued_secret)  # type: ignore[attr-defined]

    @display(description="State")
    def state_label(self, row: Subscription) -> str:
        if not row.active:
            return coloured("Disabled", "danger")
        return coloured("Failing", "warning") if row.failures_in_a_row else coloured("Active", "success")

    @display(description="Events", label=True)
    def wants(self, row: Subscription) -> list[str]:
        return sorted(row.events)

    # Who may change a subscription may do all of these; unfold asks by the name of a method.

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May subscriptions be changed?"""
        return bool(request.user.has_perm("outgoing.change_subscription"))

    @action(description=ACTS["rotate"].title, icon="key", permissions=["operate"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, ACTS["rotate"])

    @action(description=ACTS["disable"].title, icon="block", permissions=["operate"], variant=ActionVariant.DANGER)
    def disable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, ACTS["disable"])

    @action(description=ACTS["enable"].title, icon="play_arrow", permissions=["operate"])
    def enable(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, ACTS["enable"])

    def _act(self, request: HttpRequest, object_id: str, act: Act) -> HttpResponse:
        """The act's form; on POST the act, logged, and its secret if it made one."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = int(object_id) if object_id.isascii() and object_id.isdecimal() and len(object_id) < 19 else None
        row = Subscription.objects.filter(pk=key).first() if key else None
        if row is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        back = reverse("admin:outgoing_subscription_change", args=[row.pk])
        form = act.form(request.POST if request.method == "POST" else None, subscription=row)
        if request.method == "POST" and form.is_valid():
            done = act.perform(row, form.cleaned_data)
            if done.changed:
                self.log_change(request, row, act.title)
            if done.secret:
                return self._show_secret(request, row, done.secret)
            messages.add_message(request, messages.SUCCESS if done.changed else messages.WARNING, done.says)
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": f"{act.title}: {row.name}",
            "form": form,
            "button": act.title,
            "button_variant": "danger" if act.is_drastic else "primary",
            "explanation": act.explanation,
            "back": back,
        }
        return TemplateResponse(request, "admin/act.html", context)

    def _show_secret(self, request: HttpRequest, row: Subscription, secret: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": f"Signing secret of {row.name}",
            "secret": secret,
            "overlap_until": row.previous_secret_until,
            "back": reverse("admin:outgoing_subscription_change", args=[row.pk]),
        }
        answer = TemplateResponse(request, "admin/outgoing/subscription/secret.html", context)
        add_never_cache_headers(answer)
        return answer
