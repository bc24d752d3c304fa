"""Merchants: made, switched off, given keys and webhooks. A secret is shown by the answer that makes it, and never
again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from catalog.admin.pages import BackOfficeAdmin, coloured
from kit.ids import parse_id
from payments.merchants import keys
from payments.merchants.admin.showing import key_state, secret_page
from payments.merchants.callbacks import CallbackRefused, check_callback
from payments.merchants.models import Merchant, MerchantKey
from payments.outgoing import subscriptions
from payments.outgoing.addresses import TargetRefused
from payments.outgoing.admin.showing import REFUSALS
from payments.outgoing.models import OF_AUDIENCES, Subscription, Wire

_SHORTEST_SECRET = 8


class MerchantForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    callback_urls = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        label="Callback URLs",
        help_text="Where the checkout page may send payers with the outcome, one a line; the first one is usual.",
    )

    class Meta:
        model = Merchant
        fields = ("name", "callback_urls", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.callback_urls and "callback_urls" in self.initial:
            self.initial["callback_urls"] = "\n".join(self.instance.callback_urls)

    def clean_callback_urls(self) -> list[str]:
        """Raises ValidationError for an address that payers may not be sent to."""
        urls = list(dict.fromkeys(self.cleaned_data["callback_urls"].split()))
        for url in urls:
            try:
                check_callback(url, https_only=settings.PRODUCTION)
            except CallbackRefused as refusal:
                raise forms.ValidationError(f"{url[:100]}: {refusal}") from None
        return urls


class WebhookForm(forms.Form):
    """Where a merchant's system listens. A merchant who moves here brings the secret that it has."""

    url = forms.CharField(max_length=500, label="URL", widget=UnfoldAdminTextInputWidget)
    events = forms.MultipleChoiceField(
        choices=[(type_.value, type_.label) for type_ in OF_AUDIENCES],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    secret = forms.CharField(
        required=False,
        min_length=_SHORTEST_SECRET,
        max_length=200,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="The secret that the merchant has already; left empty, a new one is made and shown once.",
    )

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


class KeyInline(TabularInline):
    """The merchant's keys, the newest first."""

    model = MerchantKey
    extra = 0
    can_delete = False
    show_change_link = True
    fields = ("key_id", "state", "created_at", "last_used_at", "valid_until", "revoked_at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[MerchantKey]:
        """Without the secrets, sealed as they are."""
        rows: QuerySet[MerchantKey] = super().get_queryset(request).defer("sealed_secret", "secret_digest")
        return rows

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Not in a table of rows: by the act."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    @display(description="State")
    def state(self, key: MerchantKey) -> str:
        return key_state(key)


@admin.register(Merchant)
class MerchantAdmin(BackOfficeAdmin):
    """Who collects through us with Razorpay's interface."""

    form = MerchantForm
    list_display = ("name", "account_id", "state", "created_at")
    search_fields = ("name", "account_id")
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "callback_urls", "active")}),
        ("As webhooks name it", {"fields": (("account_id", "created_at"),)}),
    )
    readonly_fields = ("account_id", "created_at")
    inlines = (KeyInline,)
    actions_detail = ("issue_key", "add_webhook")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new one has no account yet."""
        return super().get_fieldsets(request, obj) if obj else self.fieldsets[:1]

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nor keys."""
        return self.inlines if obj else ()

    @display(description="State")
    def state(self, row: Merchant) -> str:
        return coloured("Active", "success") if row.active else coloured("Switched off", "danger")

    # unfold asks by the name of a method.

    def has_issue_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May keys be issued?"""
        return bool(request.user.has_perm("merchants.manage_merchantkey"))

    def has_listen_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May subscriptions be made?"""
        return bool(request.user.has_perm("outgoing.add_subscription"))

    @action(description="Issue a key", icon="key", permissions=["issue"])
    def issue_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._find(request, object_id)
        if not isinstance(row, Merchant):
            return row
        form = forms.Form(request.POST if request.method == "POST" else None)
        if request.method != "POST":
            text = "Its secret is shown once, on the page that follows. Keys that the merchant has already stay."
            return self._ask(request, row, form, title="Issue a key", explanation=text)
        issued = keys.issue(row)
        self.log_change(request, row, f"Issued the key {issued.key.key_id}")
        shown = {"Key id": issued.key.key_id, "Key secret": issued.secret}
        return secret_page(self, request, row, title=f"A key of {row.name}", secrets=shown, back=_page_of(row))

    @action(description="Add a webhook", icon="webhook", permissions=["listen"])
    def add_webhook(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self._find(request, object_id)
        if not isinstance(row, Merchant):
            return row
        form = WebhookForm(request.POST if request.method == "POST" else None)
        if request.method != "POST" or not form.is_valid():
            text = "Razorpay's events about this merchant's own orders, in Razorpay's shape and signature."
            return self._ask(request, row, form, title="Add a webhook", explanation=text)
        told = form.cleaned_data
        number = Subscription.objects.filter(audience_id=row.pk).count() + 1
        added = Subscription(
            name=f"{row.name[:70]} {number}",
            url=told["url"],
            events=told["events"],
            audience_id=row.pk,
            wire=Wire.RAZORPAY,
        )
        # What the form has just looked up is not looked up again: another answer now would be nobody's error.
        secret = subscriptions.admit(added, secret=told["secret"], resolve=lambda host, port: form.addresses)
        self.log_change(request, row, f"Added a webhook to {added.url}")
        back = reverse("admin:outgoing_subscription_change", args=[added.pk])
        title = f"Webhook secret of {row.name}"
        return secret_page(self, request, row, title=title, secrets={"Secret": secret}, back=back)

    def _find(self, request: HttpRequest, object_id: str) -> Merchant | HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        key = parse_id(object_id)
        row = Merchant.objects.filter(pk=key).first() if key else None
        if row is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return row

    def _ask(
        self, request: HttpRequest, row: Merchant, form: forms.Form, *, title: str, explanation: str
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": f"{title}: {row.name}",
            "form": form,
            "button": title,
            "button_variant": "primary",
            "explanation": explanation,
            "back": _page_of(row),
        }
        return TemplateResponse(request, "admin/act.html", context)


def _page_of(row: Merchant) -> str:
    return reverse("admin:merchants_merchant_change", args=[row.pk])
