"""Batches of single-use codes: to look at, to print, and as a file for spreadsheets."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.html import format_html
from unfold.decorators import action, display

from catalog.admin.pages import ReadOnlyAdmin
from kit.ids import parse_id
from orders.coupons import printing
from orders.coupons.codes import printed
from orders.models import CouponBatch

PRINTED = 500
"""Codes on one page to print, and in the file that it is."""
EXPORT = "orders.add_couponbatch"
"""Whoever may make codes may take them away; to look at a batch does not show them."""


@admin.register(CouponBatch)
class CouponBatchAdmin(ReadOnlyAdmin):
    """The newest batches first."""

    list_display = ("made_at", "coupon_link", "codes_shown", "note", "made_by")
    list_select_related = ("coupon", "made_by")
    search_fields = ("note",)
    search_help_text = "The beginning of a note"
    ordering = ("-pk",)
    fields = ("coupon_link", "codes_shown", "used", "note", "made_by", "made_at")
    readonly_fields = fields
    actions_detail = ("print_codes", "export_codes")

    def get_queryset(self, request: HttpRequest) -> QuerySet[CouponBatch]:
        """With their coupons."""
        batches: QuerySet[CouponBatch] = super().get_queryset(request).select_related(*self.list_select_related)
        return batches

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[CouponBatch], search_term: str
    ) -> tuple[QuerySet[CouponBatch], bool]:
        """By the beginning of the note."""
        term = search_term.strip()
        return (queryset.filter(note__istartswith=term) if term else queryset), False

    @display(description="Coupon")
    def coupon_link(self, batch: CouponBatch) -> str:
        address = reverse("admin:orders_coupon_change", args=[batch.coupon_id])
        return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', address, batch.coupon)

    @display(description="Codes")
    def codes_shown(self, batch: CouponBatch) -> str:
        return f"{batch.codes_made:,}"

    @display(description="Used")
    def used(self, batch: CouponBatch) -> str:
        return f"{batch.codes.filter(used__gt=0).count():,}"

    def has_export_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May the codes be taken away?"""
        return bool(request.user.has_perm(EXPORT))

    @action(description="Print", icon="print", permissions=["export"])
    def print_codes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page of slips to cut out, and the next ones by where it ended."""
        batch = self._batch(request, object_id)
        if isinstance(batch, HttpResponse):
            return batch
        after = request.GET.get("after", "")
        start = int(after) if after.isascii() and after.isdigit() and len(after) < 19 else 0
        found = printing.codes_of(batch.pk, after=start, limit=PRINTED + 1)
        context = {
            "coupon": batch.coupon,
            "batch": batch,
            "worth": printing.worth(batch.coupon),
            "codes": [printed(one.code) for one in found[:PRINTED]],
            "next": f"?after={found[PRINTED - 1].pk}" if len(found) > PRINTED else "",
            "back": reverse("admin:orders_couponbatch_change", args=[batch.pk]),
        }
        answer = TemplateResponse(request, "admin/orders/couponbatch/print.html", context)
        add_never_cache_headers(answer)
        return answer

    @action(description="Export as CSV", icon="download", permissions=["export"])
    def export_codes(self, request: HttpRequest, object_id: str) -> HttpResponse | StreamingHttpResponse:
        """Every code of the batch, streamed."""
        batch = self._batch(request, object_id)
        if isinstance(batch, HttpResponse):
            return batch
        answer = StreamingHttpResponse(printing.as_csv(batch), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="coupon-codes-{batch.pk}.csv"'
        add_never_cache_headers(answer)
        return answer

    def _batch(self, request: HttpRequest, object_id: str) -> CouponBatch | HttpResponse:
        if not self.has_view_permission(request) or not self.has_export_permission(request):
            raise PermissionDenied
        identifier = parse_id(object_id)
        batch = self.get_queryset(request).filter(pk=identifier).first() if identifier else None
        if batch is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return batch
