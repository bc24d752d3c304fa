"""Stock as it is, every movement of it, and the one thing a person may do to it: say what a count found."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import DataError, IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from catalog import queries, stock
from catalog.admin.pages import SHORTEST_PREFIX, ChoiceFilter, ReadOnlyAdmin, coloured
from catalog.models import MovementKind, Product, Stock, StockMovement, Variant
from kit.ids import new_id, parse_id

MOST_COUNTED = 1_000_000
MOVEMENT_TONES = {
    "received": "success",
    "written_off": "danger",
    "reserved": "info",
    "released": "warning",
    "sent": "primary",
}


class CountForm(forms.Form):
    """What a count found: how many more or fewer there are, and why. `receipt` names this one act."""

    change = forms.IntegerField(
        min_value=-MOST_COUNTED,
        max_value=MOST_COUNTED,
        help_text="How many more there are, or with a minus how many fewer.",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    reason = forms.CharField(
        max_length=200,
        help_text="Such as a delivery note's number, or what was damaged.",
        widget=UnfoldAdminTextInputWidget,
    )
    receipt = forms.UUIDField(widget=forms.HiddenInput)

    def clean_change(self) -> int:
        """Nothing changed is nothing to write down."""
        change: int = self.cleaned_data["change"]
        if change == 0:
            raise forms.ValidationError("Enter how many more or fewer there are.", code="no_change")
        return change


class LeftFilter(ChoiceFilter):
    """Whether there is anything to sell."""

    title = "available"
    parameter_name = "left"
    column = ""
    options = (("none", "Sold out"), ("some", "Available"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By what can still be sold."""
        match self.value():
            case "none":
                return queryset.filter(on_hand=F("reserved"))
            case "some":
                return queryset.filter(on_hand__gt=F("reserved"))
        return queryset


def _variants(term: str) -> QuerySet[Variant, Any]:
    """Ids of variants by SKU, whole or its beginning, or by words of their product's title. Each by its index."""
    variants = Variant.objects.order_by().values("pk")
    by_sku = Q(sku=term) if len(term) < SHORTEST_PREFIX else Q(sku__startswith=term)
    products = queries.search(Product.objects.all(), term).order_by().values("pk")
    return variants.filter(by_sku).union(variants.filter(product_id__in=products))


@admin.register(Stock)
class StockAdmin(ReadOnlyAdmin):
    """How many there are of each variant. Changed by orders and by counts, never by typing a number over another."""

    list_display = ("sku", "product", "on_hand", "reserved", "left", "is_on_sale")
    list_display_links = ("sku", "product")
    list_filter = (LeftFilter,)
    list_select_related = ("variant__product",)
    search_fields = ("variant__sku",)
    search_help_text = "The beginning of an SKU, or words of the product's title"
    ordering = ("-pk",)
    counts = "variants"
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"left"})
    fields = ("sku", "product", "on_hand", "reserved", "left", "latest")
    readonly_fields = fields
    actions_detail = ("count",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Stock], search_term: str
    ) -> tuple[QuerySet[Stock], bool]:
        """The stock of the variants that are meant."""
        term = search_term.strip()
        return (queryset.filter(variant__in=_variants(term)) if term else queryset), False

    @display(description="SKU")
    def sku(self, row: Stock) -> str:
        return row.variant.sku

    @display(description="Product")
    def product(self, row: Stock) -> str:
        return f"{row.variant.product.title} {row.variant.title}".strip()

    @display(description="Available")
    def left(self, row: Stock) -> int:
        return row.available

    @display(description="On sale", boolean=True)
    def is_on_sale(self, row: Stock) -> bool:
        return row.variant.active and row.variant.product.active

    @display(description="Latest movements")
    def latest(self, row: Stock) -> str:
        movements = row.variant.movements.order_by("-pk")[:20]
        tones = [(movement, MOVEMENT_TONES[movement.kind]) for movement in movements]
        return render_to_string("admin/catalog/stock/latest.html", {"movements": tones})

    def has_count_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The right to change stock, which is done in no other way."""
        return request.user.has_perm("catalog.change_stock")

    @action(description="Record a count", icon="inventory", permissions=["count"])
    def count(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A form on GET; on POST the count is written down, once for each receipt."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        identifier = parse_id(object_id)
        row = Stock.objects.select_related("variant__product").filter(pk=identifier).first() if identifier else None
        if row is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        form = CountForm(request.POST if request.method == "POST" else None, initial={"receipt": new_id()})
        if request.method == "POST" and form.is_valid():
            try:
                self._count(request, row, **form.cleaned_data)
            except (IntegrityError, DataError):
                form.add_error("change", "More would be gone than is free. What orders have reserved stays.")
            else:
                return HttpResponseRedirect(reverse("admin:catalog_stock_change", args=[row.pk]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": row,
            "title": "Record a count",
            "form": form,
            "button": "Record the count",
            "button_variant": "primary",
            "explanation": f"{row.variant.product.title} ({row.variant.sku}): {row.on_hand} on hand, "
            f"{row.reserved} of them reserved by orders.",
            "back": reverse("admin:catalog_stock_change", args=[row.pk]),
        }
        return TemplateResponse(request, "admin/act.html", context)

    def _count(self, request: HttpRequest, row: Stock, *, change: int, reason: str, receipt: Any) -> None:
        with transaction.atomic():
            # The lock makes a second click wait, and then see what the first one wrote.
            Stock.objects.select_for_update().get(pk=row.pk)
            if StockMovement.objects.filter(source_id=receipt, variant_id=row.pk).exists():
                messages.info(request, "This count was recorded already.")
                return
            stock.count(variant_id=row.pk, change=change, reason=reason, source_id=receipt)
            self.log_change(request, row, f"Counted {change:+,d}: {reason}")
        messages.success(request, f"The count is recorded: {change:+,d} of {row.variant.sku}.")


class MovementFilter(ChoiceFilter):
    title = "kind"
    parameter_name = column = "kind"
    options = MovementKind.choices


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin):
    """Every movement of stock, the newest first."""

    list_display = ("moved_at", "sku", "kind_label", "on_hand_change", "reserved_change", "reason", "source_id")
    list_filter = (MovementFilter,)
    list_select_related = ("variant",)
    search_fields = ("variant__sku",)
    search_help_text = "An SKU or its beginning, or the id of what moved it, such as an order's"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"kind"})
    fields = ("variant", "kind", "on_hand_change", "reserved_change", "reason", "source_id", "moved_at")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StockMovement], search_term: str
    ) -> tuple[QuerySet[StockMovement], bool]:
        """The movements of one source, or of the variants that are meant."""
        term = search_term.strip()
        source = parse_id(term)
        if source is not None:
            return queryset.filter(source_id=source), False
        return (queryset.filter(variant__in=_variants(term)) if term else queryset), False

    @display(description="SKU")
    def sku(self, movement: StockMovement) -> str:
        return movement.variant.sku

    @display(description="Kind")
    def kind_label(self, movement: StockMovement) -> str:
        return coloured(movement.get_kind_display(), MOVEMENT_TONES[movement.kind])
