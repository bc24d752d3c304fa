"""Disputes: those that wait for us first, by their deadline, with the evidence that people have noted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.admin.money import shown
from catalog.admin.pages import ReadOnlyAdmin, coloured
from catalog.admin.parts import EVERYTHING, Part, PartFilter
from customers.models import User
from kit.ids import parse_id
from kit.money import Money
from payments.admin import searching
from payments.admin.requests import request_link
from payments.admin.showing import DISPUTE_TONES, subject_link
from payments.disputing import add_note
from payments.models import OPEN_DISPUTE_STATES, Dispute, DisputeNote, GatewayName

_OPEN, _CLOSED = "open", "closed"


class WhichFilter(PartFilter):
    """Those that wait for somebody, unless others are asked for. Each by an index, or by the key."""

    title = "disputes"
    parameter_name = "which"
    parts = (
        Part(_OPEN, "Open", "The next deadline to answer first", {"state__in": OPEN_DISPUTE_STATES}),
        Part(_CLOSED, "Closed", "Won or lost; the newest first", {"state__in": OPEN_DISPUTE_STATES}, is_rest=True),
        Part(EVERYTHING, "All", "The newest first", {}),
    )


class NoteForm(forms.Form):
    text = forms.CharField(max_length=5_000, widget=UnfoldAdminTextareaWidget, label="Note")


class NoteInline(TabularInline):
    """The notes, the oldest first."""

    model = DisputeNote
    extra = 0
    can_delete = False
    tab = False
    show_title = False
    fields = ("text", "author", "at")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[DisputeNote]:
        """With their authors."""
        notes: QuerySet[DisputeNote] = super().get_queryset(request).select_related("author")
        return notes

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Whoever may see disputes."""
        return bool(request.user.has_perm("payments.view_dispute"))

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Not in a table of rows: by the act."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    """Disputes; the open ones first, by their deadline."""

    list_display = ("gateway_dispute_id", "state_label", "respond_by", "sum", "reason", "subject", "opened_at")
    list_filter = (WhichFilter,)
    list_filter_options: ClassVar[dict[str, Any]] = {"which": {"horizontal": True}}
    first_are = "first"
    list_select_related = ("attempt__request",)
    search_fields = ("gateway_dispute_id",)
    search_help_text = "A gateway's id of the dispute (du_..., disp_...) or of its payment"
    scanning_filters: ClassVar[frozenset[str]] = frozenset()
    fieldsets = (
        (None, {"fields": (("gateway_dispute_id", "state_label"), ("sum", "withdrawn"), ("reason", "payment"))}),
        ("When, and what for", {"fields": (("opened_at", "respond_by"), ("closed_at", "subject"))}),
    )
    readonly_fields = ("state_label", "sum", "withdrawn", "subject", "payment")
    inlines = (NoteInline,)
    actions_detail = ("note",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Dispute]:
        """Without the secret of the payment."""
        disputes: QuerySet[Dispute] = super().get_queryset(request).defer("attempt__request__client_secret")
        return disputes

    def get_ordering(self, request: HttpRequest) -> Sequence[Any]:
        """By deadline where there is one to keep; what is over, the newest first."""
        if WhichFilter.chosen(request).value == _OPEN:
            return (F("respond_by").asc(nulls_last=True), "pk")
        return ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Dispute], search_term: str
    ) -> tuple[QuerySet[Dispute], bool]:
        """By its own id, or by what it is about."""
        term = search_term.strip()
        if not term:
            return queryset, False
        own = Dispute.objects.filter(gateway_dispute_id=term).order_by().values_list("pk", flat=True)
        requests = searching.requests_of_gateway_id(term)
        of_payment = Dispute.objects.filter(attempt__request__in=requests).order_by().values_list("pk", flat=True)
        return queryset.filter(pk__in={*own, *of_payment}), False

    @display(description="State")
    def state_label(self, dispute: Dispute) -> str:
        return coloured(dispute.get_state_display(), DISPUTE_TONES[dispute.state])

    @display(description="Amount")
    def sum(self, dispute: Dispute) -> str:
        return shown(Money(dispute.amount_minor, dispute.currency))

    @display(description="Kept back")
    def withdrawn(self, dispute: Dispute) -> str:
        return shown(Money(dispute.withdrawn_minor, dispute.currency))

    @display(description="For")
    def subject(self, dispute: Dispute) -> str:
        request = dispute.attempt.request
        return subject_link(request.subject_id, request.description, owed_to=request.owed_to)

    @display(description="Payment")
    def payment(self, dispute: Dispute) -> str:
        attempt = dispute.attempt
        return request_link(attempt.request_id, f"{attempt.gateway_payment_id} ({GatewayName(attempt.gateway).label})")

    def has_note_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May evidence be noted?"""
        return bool(request.user.has_perm("payments.add_disputenote"))

    @action(description="Add a note", icon="edit_note", permissions=["note"])
    def note(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A form on GET; on POST the note is there for good, under the reader's name."""
        user, identifier = request.user, parse_id(object_id)
        if not isinstance(user, User) or not self.has_view_permission(request) or not self.has_note_permission(request):
            raise PermissionDenied
        dispute = Dispute.objects.filter(pk=identifier).first() if identifier else None
        if dispute is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        back = reverse("admin:payments_dispute_change", args=[dispute.pk])
        form = NoteForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            add_note(dispute.pk, text=form.cleaned_data["text"], author_id=user.pk)
            messages.success(request, "The note is written down.")
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": dispute,
            "title": f"Add a note: {dispute.gateway_dispute_id}",
            "form": form,
            "button": "Add the note",
            "button_variant": "primary",
            "explanation": "Evidence, or what was done about the dispute. A note cannot be changed later.",
            "back": back,
        }
        return TemplateResponse(request, "admin/act.html", context)
