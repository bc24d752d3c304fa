"""Money on its way back."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from kit.ids import parse_id
from payments.admin import searching
from payments.admin.requests import request_link
from payments.admin.showing import REFUND_TONES, subject_link
from payments.models import Refund, RefundState
from payments.models.refunds import REQUESTED_FIRST


class RefundStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = column = "state"
    options = RefundState.choices


class RefundAdmin(ReadOnlyAdmin):
    """Every refund with how far it has come and how often its gateway was asked, those that wait for a second person
    first. Registered above, with its acts.
    """

    list_display = ("name", "state_label", "sum", "reason", "subject", "times_asked", "created_at")
    list_filter = (RefundStateFilter,)
    list_select_related = ("attempt__request",)
    search_fields = ("gateway_refund_id",)
    search_help_text = "A gateway's id of the refund or of its payment, or a refund's own id"
    ordering = REQUESTED_FIRST
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"state"})
    fieldsets = (
        (None, {"fields": (("name", "state_label"), ("sum", "reason"), ("subject", "payment"))}),
        ("When", {"fields": (("created_at", "asked_at"), "times_asked")}),
        ("If it failed", {"fields": (("failed_because", "given_up_by"),)}),
    )
    readonly_fields = ("name", "state_label", "sum", "subject", "payment")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        """Without the secret of the payment."""
        refunds: QuerySet[Refund] = super().get_queryset(request).defer("attempt__request__client_secret")
        return refunds

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Refund], search_term: str
    ) -> tuple[QuerySet[Refund], bool]:
        """By its own id, or by what a gateway calls it or what was paid."""
        term = search_term.strip()
        if not term:
            return queryset, False
        identifier = parse_id(term)
        if identifier is not None:
            return queryset.filter(pk=identifier), False
        return queryset.filter(attempt__request__in=searching.requests_of_gateway_id(term)), False

    @display(description="Refund")
    def name(self, refund: Refund) -> str:
        return refund.gateway_refund_id or str(refund.pk)

    @display(description="State")
    def state_label(self, refund: Refund) -> str:
        return coloured(refund.get_state_display(), REFUND_TONES[refund.state])

    @display(description="Amount")
    def sum(self, refund: Refund) -> str:
        return shown(refund.amount)

    @display(description="For")
    def subject(self, refund: Refund) -> str:
        request = refund.attempt.request
        return subject_link(request.subject_id, request.description, owed_to=request.owed_to)

    @display(description="Payment")
    def payment(self, refund: Refund) -> str:
        return request_link(refund.attempt.request_id, refund.attempt.gateway_payment_id)
