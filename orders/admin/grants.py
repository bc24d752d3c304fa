"""Credit that staff grant: given here, approved by another person than who asked, and revoked where it was wrong."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from catalog.admin.money import MajorField, money_of, shown
from catalog.admin.pages import ReadOnlyAdmin, coloured
from catalog.models import currency_choices
from customers.admin.accounts import email_filter
from customers.models import Customer, User, normalised_email
from kit.ids import new_id, parse_id
from kit.money import Money
from orders import actors
from orders.actors import Actor
from orders.admin.acting import SubjectForm, Words, act_page
from orders.admin.deciding import DecisionFilter
from orders.approval_limits import limit_minor
from orders.credits import granting
from orders.credits.granting import GrantWish
from orders.models import CreditGrant

GRANT = "orders.grant_credit"
MOST_USERS = 1_000
"""Accounts that a search by the beginning of an e-mail looks at."""


class DayInput(forms.DateInput):
    input_type = "date"


class GrantForm(SubjectForm):
    """Whose credit, how much, why, and until when. `receipt` names this one act: sent twice, it is one grant."""

    customer = forms.CharField(max_length=254, widget=UnfoldAdminEmailInputWidget, help_text="The customer's e-mail.")
    amount = MajorField()
    currency = forms.ChoiceField(choices=currency_choices, widget=UnfoldAdminSelectWidget)
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    last_day = forms.DateField(
        required=False,
        widget=DayInput(attrs={"class": UnfoldAdminTextInputWidget().attrs.get("class", "")}),
        help_text="The last day on which it can be spent, as the shop counts days; empty: for ever.",
    )
    receipt = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["receipt"].initial = new_id()
        self.fields["currency"].initial = "USD"

    def clean_customer(self) -> Customer:
        """Who has this e-mail."""
        email = normalised_email(self.cleaned_data["customer"].strip())
        customer = Customer.objects.filter(user__email=email).first()
        if customer is None:
            raise forms.ValidationError("No customer has this e-mail.", code="customer_unknown")
        return customer

    def clean(self) -> dict[str, Any]:
        """The amount in its currency."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("amount") and cleaned.get("currency"):
            try:
                cleaned["amount"] = money_of(cleaned["amount"], cleaned["currency"])
            except forms.ValidationError as refusal:
                self.add_error("amount", refusal)
        return cleaned


class RefuseForm(SubjectForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)


class RevokeForm(SubjectForm):
    """How much of a grant. `receipt` names this one act."""

    amount = MajorField()
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)
    receipt = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, grant: CreditGrant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.grant = grant
        self.fields["amount"].label = f"Amount in {grant.currency}"
        self.fields["amount"].initial = str(granting.left_of(grant).major)
        self.fields["receipt"].initial = new_id()

    def clean_amount(self) -> Money:
        """The amount in the grant's own currency."""
        return money_of(self.cleaned_data["amount"], self.grant.currency)


@admin.register(CreditGrant)
class CreditGrantAdmin(ReadOnlyAdmin):
    """The newest grants first."""

    list_display = ("sum", "state", "owner", "reason", "expires_at", "requested_by", "requested_at")
    list_filter = (DecisionFilter,)
    list_select_related = ("customer__user", "requested_by", "approved_by", "refused_by")
    search_fields = ("customer__user__email",)
    search_help_text = "The beginning of a customer's e-mail, or a grant's id"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"decision"})
    fieldsets = (
        (None, {"fields": (("owner", "state"), ("sum", "left"), "reason", "expires_at")}),
        ("Who", {"fields": (("requested_by", "requested_at"), ("decision", "decided_at"), "refused_because")}),
        ("Revoked", {"fields": ("revocations",)}),
    )
    readonly_fields = ("owner", "state", "sum", "left", "decision", "revocations")
    actions_list = ("grant",)
    actions_detail = ("approve", "refuse", "revoke")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CreditGrant]:
        """With who is who."""
        grants: QuerySet[CreditGrant] = super().get_queryset(request).select_related(*self.list_select_related)
        return grants

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CreditGrant], search_term: str
    ) -> tuple[QuerySet[CreditGrant], bool]:
        """By the beginning of an e-mail, or the grant's own id."""
        term = search_term.strip()
        if not term:
            return queryset, False
        identifier = parse_id(term)
        if identifier is not None:
            return queryset.filter(pk=identifier), False
        users = User.objects.filter(**email_filter("email", term)).values_list("pk", flat=True)[:MOST_USERS]
        return queryset.filter(customer__user__in=list(users)), False

    @display(description="Customer")
    def owner(self, grant: CreditGrant) -> str:
        return grant.customer.user.email

    @display(description="Amount")
    def sum(self, grant: CreditGrant) -> str:
        return shown(grant.amount)

    @display(description="Not spent, over or revoked")
    def left(self, grant: CreditGrant) -> str:
        return shown(granting.left_of(grant))

    @display(description="State")
    def state(self, grant: CreditGrant) -> str:
        if grant.is_pending:
            return coloured("Waits for approval", "warning")
        return coloured("Granted", "success") if grant.is_in_force else coloured("Refused", "danger")

    @display(description="Decision")
    def decision(self, grant: CreditGrant) -> str:
        if not grant.needs_approval:
            return "needed no second person"
        if grant.approved_by:
            return f"approved by {grant.approved_by.email}"
        return f"refused by {grant.refused_by.email}" if grant.refused_by else "waits for a second person"

    @display(description="Revoked")
    def revocations(self, grant: CreditGrant) -> str:
        rows = grant.revocations.select_related("revoked_by").order_by("at", "pk")
        lines = [
            (
                shown(Money(one.amount_minor, grant.currency)),
                f"{one.at:%-d %b %Y, %H:%M} UTC",
                one.revoked_by.email if one.revoked_by else "",
                one.reason,
            )
            for one in rows
        ]
        return format_html_join("", "<p>{} &middot; {} &middot; {} &middot; {}</p>", lines) or "-"

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The buttons that make sense; nobody is offered to agree with themselves."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        grant = self.get_object(request, str(object_id))
        if not isinstance(grant, CreditGrant):
            return []
        wanted = {"approve", "refuse"} if grant.is_pending else {"revoke"} if grant.is_in_force else set()
        if grant.requested_by_id == request.user.pk:
            wanted.discard("approve")
        return [one for one in allowed if one.action_name.rpartition("_")[2] in wanted]

    @action(description="Grant credit", icon="redeem", url_path="grant", permissions=["grant"])
    def grant(self, request: HttpRequest) -> HttpResponse:
        """A form on GET; on POST the customer has the credit, or it waits for a second person."""
        user = request.user
        if (
            not isinstance(user, User)
            or not self.has_view_permission(request)
            or not self.has_grant_permission(request)
        ):
            raise PermissionDenied
        limit = limit_minor(settings.CREDIT_APPROVAL_ABOVE, "USD")
        above = "" if limit is None else f" Above {shown(Money(limit, 'USD'))}, or its like in another currency, "
        above += "" if limit is None else "all of 30 days taken together, a second person has to approve."
        words = Words("Grant credit", f"The customer can spend it at once.{above}", "Grant it")
        return act_page(
            self,
            request,
            CreditGrant(),
            GrantForm(request.POST if request.method == "POST" else None),
            lambda told: _grant(told, actors.staff(user.pk)),
            words=words,
            back=reverse("admin:orders_creditgrant_changelist"),
            title=words.title,
        )

    @action(description="Approve", icon="check", permissions=["approve"])
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = Words("Approve", "The customer can spend it at once.", "Approve")
        return self._decide(request, object_id, lambda post, _: SubjectForm(post), words, _approve)

    @action(description="Refuse", icon="block", permissions=["refuse"], variant=ActionVariant.DANGER)
    def refuse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = Words("Refuse", "The customer gets nothing. It can be asked for anew.", "Refuse", is_drastic=True)
        return self._decide(request, object_id, lambda post, _: RefuseForm(post), words, _refuse)

    @action(description="Revoke", icon="undo", permissions=["grant"], variant=ActionVariant.DANGER)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        explanation = "Takes back what should not have been granted, as far as it is not spent."
        words = Words("Revoke", explanation, "Revoke it", is_drastic=True)
        return self._decide(request, object_id, lambda post, grant: RevokeForm(post, grant=grant), words, _revoke)

    def _decide(
        self,
        request: HttpRequest,
        object_id: str,
        form: Callable[[Any, CreditGrant], SubjectForm],
        words: Words,
        perform: Callable[[uuid.UUID, Mapping[str, Any], Actor], str],
    ) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or not self.has_view_permission(request):
            raise PermissionDenied
        identifier = parse_id(object_id)
        grant = self.get_queryset(request).filter(pk=identifier).first() if identifier else None
        if grant is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return act_page(
            self,
            request,
            grant,
            form(request.POST if request.method == "POST" else None, grant),
            lambda told: perform(grant.pk, told, actors.staff(user.pk)),
            words=words,
            back=reverse("admin:orders_creditgrant_change", args=[grant.pk]),
        )

    def has_grant_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May credit be granted, and revoked?"""
        return bool(request.user.has_perm(GRANT))

    def has_approve_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May grants of others be approved?"""
        return bool(request.user.has_perm(granting.APPROVE))

    def has_refuse_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May grants be refused, or one's own be taken back?"""
        return bool(request.user.has_perm(granting.APPROVE) or request.user.has_perm(GRANT))


def _end_of(day: date | None) -> datetime | None:
    """The instant after a day of the shop's."""
    return datetime.combine(day + timedelta(days=1), time.min, settings.SHOP_TIME_ZONE) if day else None


def _grant(told: Mapping[str, Any], actor: Actor) -> str:
    wish = GrantWish(
        told["customer"].pk, told["amount"], told["reason"], _end_of(told["last_day"]), key=told["receipt"]
    )
    grant = granting.grant_credit(wish, actor=actor)
    if grant.is_pending:
        return f"{shown(grant.amount)} wait for a second person to approve."
    return f"{shown(grant.amount)} are the customer's credit."


def _approve(grant_id: uuid.UUID, told: Mapping[str, Any], actor: Actor) -> str:
    grant = granting.approve_grant(grant_id, actor=actor)
    return f"{shown(grant.amount)} are the customer's credit."


def _refuse(grant_id: uuid.UUID, told: Mapping[str, Any], actor: Actor) -> str:
    grant = granting.refuse_grant(grant_id, actor=actor, reason=told["reason"])
    return f"{shown(grant.amount)} are refused."


def _revoke(grant_id: uuid.UUID, told: Mapping[str, Any], actor: Actor) -> str:
    amount = told["amount"]
    granting.revoke_grant(grant_id, amount=amount, reason=told["reason"], actor=actor, key=told["receipt"])
    return f"{shown(amount)} are revoked."
