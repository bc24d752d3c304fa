"""The pages of the back office about settlements: all of them to look at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from unfold.decorators import display

from catalog.admin.money import shown
from catalog.admin.pages import ChoiceFilter, ReadOnlyAdmin, coloured
from kit.money import Money
from payments.admin.requests import request_link
from payments.models import GatewayName
from payments.settlements.models import (
    ClaimedRow,
    Finding,
    Settlement,
    SettlementClaim,
    SettlementImport,
    SettlementLine,
    SettlementState,
)

_ONLINE = tuple((name.value, name.label) for name in GatewayName if name != GatewayName.OFFLINE)
STATE_TONES = {"unconfirmed": "warning", "complete": "success", "differs": "danger", "taken_back": "default"}
_MOST_FILES, _MOST_SETTLEMENTS = 10, 50
FINDING_TONES = {"matched": "success", "unknown": "danger", "differs": "danger"}


def link(address: str, text: object) -> str:
    """A link between the pages."""
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', address, text)


def _listed(named: Iterable[tuple[SettlementImport, str]]) -> str:
    """Files with links, and where in them."""
    shown_files = [
        (reverse("admin:settlements_settlementimport_change", args=[imported.pk]), imported.file_name, where)
        for imported, where in named
    ]
    if not shown_files:
        return "none"
    return format_html_join(
        mark_safe("<br>"),
        '<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>, {}',
        shown_files,
    )


class SettlementStateFilter(ChoiceFilter):
    title = "state"
    parameter_name = column = "state"
    options = SettlementState.choices


class FindingFilter(ChoiceFilter):
    title = "finding"
    parameter_name = column = "finding"
    options = Finding.choices


class GatewayFilter(ChoiceFilter):
    title = "gateway"
    parameter_name = column = "gateway"
    options = _ONLINE


@admin.register(Settlement)
class SettlementAdmin(ReadOnlyAdmin):
    """What was paid out, with what its lines add up to. The lines have a page of their own: there may be very many."""

    list_display = ("gateway_settlement_id", "gateway", "state_label", "paid_out", "lines_net", "paid_out_at")
    list_filter = (SettlementStateFilter, GatewayFilter)
    search_fields = ("gateway_settlement_id",)
    search_help_text = "The gateway's id of the settlement (po_..., setl_...)"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"state", "gateway"})
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("gateway_settlement_id", "gateway"),
                    ("state_label", "source"),
                    ("paid_out", "bank_reference"),
                    "lines",
                )
            },
        ),
        ("Its lines add up to", {"fields": (("lines_net", "lines_count"), ("fees", "fee_tax"))}),
        ("When", {"fields": (("paid_out_at", "imported_at"), "read_at")}),
        ("In files", {"fields": ("files",)}),
    )
    readonly_fields = ("state_label", "paid_out", "lines", "lines_net", "fees", "fee_tax", "files")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Settlement], search_term: str
    ) -> tuple[QuerySet[Settlement], bool]:
        """By the gateway's id."""
        term = search_term.strip()
        found = queryset.filter(gateway__in=GatewayName.values, gateway_settlement_id=term) if term else queryset
        return found, False

    @display(description="State")
    def state_label(self, settlement: Settlement) -> str:
        return coloured(settlement.get_state_display(), STATE_TONES[settlement.state])

    @display(description="Paid out")
    def paid_out(self, settlement: Settlement) -> str:
        return "not confirmed" if settlement.amount is None else shown(settlement.amount)

    @display(description="Net of the lines")
    def lines_net(self, settlement: Settlement) -> str:
        return shown(Money(settlement.net_minor, settlement.currency))

    @display(description="Fees")
    def fees(self, settlement: Settlement) -> str:
        return shown(Money(settlement.fee_minor, settlement.currency))

    @display(description="Tax on the fees")
    def fee_tax(self, settlement: Settlement) -> str:
        return shown(Money(settlement.tax_minor, settlement.currency))

    @display(description="Lines")
    def lines(self, settlement: Settlement) -> str:
        address = reverse("admin:settlements_settlementline_changelist")
        return link(f"{address}?settlement__id__exact={settlement.pk}", f"{settlement.lines_count} lines")

    @display(description="Named by")
    def files(self, settlement: Settlement) -> str:
        claims = SettlementClaim.objects.filter(
            gateway=settlement.gateway, gateway_settlement_id=settlement.gateway_settlement_id
        )
        newest = claims.select_related("imported").order_by("-imported")[:_MOST_FILES]
        return _listed((claim.imported, f"{claim.rows_count} rows") for claim in newest)


@admin.register(SettlementLine)
class SettlementLineAdmin(ReadOnlyAdmin):
    """Every line, and what it is to us."""

    list_display = ("line_id", "settlement_link", "kind", "finding_label", "gross", "fee", "net_label", "settled_at")
    list_filter = (FindingFilter, GatewayFilter)
    list_select_related = ("settlement",)
    search_fields = ("line_id",)
    search_help_text = "The gateway's id of the line (txn_..., payment:pay_...) or of the payment (ch_..., pay_...)"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"finding", "gateway"})
    pointers: ClassVar[frozenset[str]] = frozenset({"settlement__id__exact"})
    fieldsets = (
        (None, {"fields": (("line_id", "settlement_link"), ("kind", "wire_kind"), ("finding_label", "payment"))}),
        ("At the gateway", {"fields": (("entity_id", "payment_id"), "settled_at")}),
        ("Amounts", {"fields": (("gross", "explained"), ("fee", "fee_tax"), "net_label")}),
        ("Told by", {"fields": (("told_by", "superseded_at"), "files")}),
    )
    readonly_fields = (
        "settlement_link",
        "finding_label",
        "payment",
        "gross",
        "explained",
        "fee",
        "fee_tax",
        "net_label",
        "files",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[SettlementLine], search_term: str
    ) -> tuple[QuerySet[SettlementLine], bool]:
        """By its own id, or by the payment's, each by an index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        column = "attempt__gateway_payment_id" if term.startswith(("ch_", "py_", "pay_")) else "line_id"
        gateway = "attempt__gateway__in" if column.startswith("attempt") else "gateway__in"
        return queryset.filter(**{gateway: GatewayName.values, column: term}), False

    @display(description="Settlement")
    def settlement_link(self, line: SettlementLine) -> str:
        address = reverse("admin:settlements_settlement_change", args=[line.settlement_id])
        return link(address, line.settlement)

    @display(description="Finding")
    def finding_label(self, line: SettlementLine) -> str:
        return coloured(line.get_finding_display(), FINDING_TONES[line.finding])

    @display(description="Payment")
    def payment(self, line: SettlementLine) -> str:
        if line.attempt is None:
            return "not known"
        return request_link(line.attempt.request_id, line.attempt.gateway_payment_id)

    @display(description="Gross")
    def gross(self, line: SettlementLine) -> str:
        return shown(Money(line.gross_minor, line.currency))

    @display(description="Explained by what we have")
    def explained(self, line: SettlementLine) -> str:
        return shown(Money(line.explained_minor, line.currency))

    @display(description="Fee")
    def fee(self, line: SettlementLine) -> str:
        return shown(Money(line.fee_minor, line.currency))

    @display(description="Tax on the fee")
    def fee_tax(self, line: SettlementLine) -> str:
        return shown(Money(line.tax_minor, line.currency))

    @display(description="Net")
    def net_label(self, line: SettlementLine) -> str:
        return shown(line.net)

    @display(description="In files")
    def files(self, line: SettlementLine) -> str:
        named = SettlementClaim.objects.filter(
            gateway=line.gateway, gateway_settlement_id=line.settlement.gateway_settlement_id
        )
        rows = ClaimedRow.objects.filter(claim__in=named, line_id=line.line_id).select_related("claim__imported")
        newest = rows.order_by("-claim__imported", "file_line")[:_MOST_FILES]
        return _listed((row.claim.imported, f"line {row.file_line}") for row in newest)


@admin.register(SettlementImport)
class SettlementImportAdmin(ReadOnlyAdmin):
    """The files that were read, and the settlements that they name."""

    list_display = ("file_name", "gateway", "rows", "imported_by", "started_at", "finished_at")
    ordering = ("-pk",)
    fields = (("file_name", "gateway"), ("rows", "sha256"), "imported_by", ("started_at", "finished_at"), "named")
    readonly_fields = ("named",)

    @display(description="Settlements in it")
    def named(self, imported: SettlementImport) -> str:
        claims = list(imported.claims.order_by("pk")[: _MOST_SETTLEMENTS + 1])
        pages = {
            settlement.gateway_settlement_id: reverse("admin:settlements_settlement_change", args=[settlement.pk])
            for settlement in Settlement.objects.filter(
                gateway=imported.gateway, gateway_settlement_id__in=[each.gateway_settlement_id for each in claims]
            )
        }
        shown_claims = [
            (
                link(pages[each.gateway_settlement_id], each.gateway_settlement_id)
                if each.gateway_settlement_id in pages
                else f"{each.gateway_settlement_id} (not ours)",
                f"{each.rows_count} rows" if each.rows_count else "left out, though it was paid out between others",
            )
            for each in claims[:_MOST_SETTLEMENTS]
        ]
        if len(claims) > _MOST_SETTLEMENTS:
            shown_claims.append(("...", "and more"))
        return format_html_join(mark_safe("<br>"), "{}, {}", shown_claims) or "none"
