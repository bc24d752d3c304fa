"""Entries in events: who takes part, whether it is paid, by which order; and all of them as a table to take along."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from customers.models import EventProfile
from kit import clock
from kit.ids import parse_id
from kit.spreadsheets import csv_rows
from orders.admin.wording import STATUS_TONES
from orders.models import EntryOrder, Order

_COLUMNS = ("event", "entry", "name", "e-mail", "customer", "entered", "order", "status", "amount", "currency", "begun")
_CHUNK = 1_000


class EnteredFilter(ChoiceFilter):
    """Whether the entry is paid for."""

    title = "entered"
    parameter_name = "entered"
    column = ""
    options = (("yes", "Entered"), ("no", "Not paid yet"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By the order that paid for it."""
        chosen = self.value()
        return queryset if chosen is None else queryset.filter(entered_by__isnull=chosen == "no")


@admin.register(EventProfile)
class EventProfileAdmin(ReadOnlyAdmin):
    """The newest entries first."""

    list_display = ("name", "event", "customer", "state", "order", "created_at")
    list_filter = (EnteredFilter,)
    list_select_related = ("event", "customer__user")
    search_fields = ("name",)
    search_help_text = "The 32 digits of an entry's id, the id of its customer, or the whole e-mail"
    ordering = ("-pk",)
    counts = "entries"
    pointers: ClassVar[frozenset[str]] = frozenset({"event__id__exact", "customer__id__exact"})
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"entered"})
    fields = ("event", "customer", "name", "description", "live", "state", "entered_at", "order", "created_at")
    readonly_fields = ("state", "order")
    actions_list = ("export",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventProfile]:
        """With the orders that live, in one statement."""
        live = EntryOrder.objects.filter(ended_at__isnull=True).select_related("order")
        found: QuerySet[EventProfile] = super().get_queryset(request)
        return found.prefetch_related(Prefetch("entry_orders", live, to_attr="live_orders"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[EventProfile], search_term: str
    ) -> tuple[QuerySet[EventProfile], bool]:
        """One entry, or those of one customer. Each by its index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        bare = f"{term[:8]}-{term[8:12]}-{term[12:16]}-{term[16:20]}-{term[20:]}" if len(term) == 32 else term
        if (key := parse_id(bare)) is not None:
            return queryset.filter(pk=key) | queryset.filter(customer=key), False
        return queryset.filter(customer__user__email=term.lower()), False

    @display(description="State")
    def state(self, profile: EventProfile) -> str:
        if profile.entered_by is not None:
            return coloured("Entered", "success")
        return coloured("Waits for its payment" if self._order(profile) else "Not ordered", "warning")

    @display(description="Order")
    def order(self, profile: EventProfile) -> str:
        found = self._order(profile)
        if found is None:
            return "-"
        where = reverse("admin:orders_order_change", args=[found.pk])
        label = coloured(found.get_status_display(), STATUS_TONES[found.status])
        return format_html(
            '<a class="text-primary-600 hover:underline" href="{}">{}</a> {}', where, found.number, label
        )

    @staticmethod
    def _order(profile: Any) -> Order | None:
        return profile.live_orders[0].order if profile.live_orders else None

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Whoever may see the entries may take them along."""
        return bool(self.has_view_permission(request))

    @action(description="Export as CSV", icon="download", permissions=["export"])
    def export(self, request: HttpRequest) -> HttpResponse:
        """All entries of the event in the address, or all there are, as they are read: nothing is kept in memory."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        event = parse_id(request.GET.get("event__id__exact", ""))
        profiles = self.get_queryset(request).select_related("event", "customer__user").order_by("pk")
        if event is not None:
            profiles = profiles.filter(event=event)
        rows = csv_rows(self._rows(profiles))
        answer = StreamingHttpResponse((line.encode() for line in rows), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="entries-{clock.now():%Y-%m-%d}.csv"'
        return answer  # type: ignore[return-value]  # unfold's actions answer with any response

    def _rows(self, profiles: QuerySet[EventProfile]) -> Iterator[tuple[Any, ...]]:
        yield _COLUMNS
        for profile in profiles.iterator(_CHUNK):
            order = self._order(profile)
            yield (
                profile.event.slug,
                profile.pk.hex,
                profile.name,
                profile.customer.user.email,
                str(profile.customer),
                "yes" if profile.entered_by else "no",
                order.number if order else "",
                order.get_status_display() if order else "",
                order.total.major if order else "",
                order.currency if order else "",
                profile.created_at.isoformat(timespec="seconds"),
            )
