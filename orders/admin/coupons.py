"""Coupons in the back office: made and changed as far as nobody has used them, switched off, and every use of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from catalog.admin.money import shown
from catalog.admin.pages import BackOfficeAdmin, ChoiceFilter, coloured
from customers.models import User
from kit.ids import parse_id
from kit.money import Money
from orders.admin.acting import SubjectForm, Words, act_page
from orders.admin.coupon_forms import BatchForm, CodesForm, CouponForm
from orders.coupons import making, printing
from orders.coupons.codes import normalised
from orders.models import Coupon, CouponUse

USES_SHOWN = 50
"""On one page of a coupon's uses."""
CODES_SHOWN = 20
"""On a coupon's own page."""
# What somebody who was faster has made impossible.
_LOST = {
    "coupon_that_was_used_stays": "Somebody has used the coupon in the meantime: what it takes off stays.",
    "coupon_used_within_its_limit": "It was used more often than that in the meantime.",
    "coupon_spent_within_its_budget": "It took off more than that in the meantime.",
    "coupon_code_code_key": "One of the codes was taken in the meantime.",
}


class ActiveFilter(ChoiceFilter):
    title = "active"
    parameter_name = column = "active"
    options = (("True", "Active"), ("False", "Switched off"))


@admin.register(Coupon)
class CouponAdmin(BackOfficeAdmin):
    """The newest coupons first."""

    form = CouponForm
    list_display = ("name", "state", "takes_off", "used_shown", "spent", "starts_at", "ends_at")
    list_filter = (ActiveFilter,)
    search_fields = ("codes__code",)
    search_help_text = "A code, however it is typed, or the beginning of a coupon's name"
    ordering = ("-pk",)
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"active"})
    autocomplete_fields = ("products",)
    actions_detail = ("uses", "add_codes", "make_batch", "switch_off", "switch_on")
    readonly_fields = ("used_shown", "spent", "first_codes", "batches")
    fieldsets = (
        (None, {"fields": ("name", "active", "codes", "first_codes", "batches")}),
        ("What it takes off", {"fields": ("kind", ("percent", "amount"), ("currency", "frees_delivery"))}),
        ("What it is for", {"fields": ("minimum", "kinds", "products")}),
        (
            "How often",
            {"fields": (("starts_at", "ends_at"), ("max_uses", "max_uses_per_customer", "budget"))},
        ),
        ("So far", {"fields": (("used_shown", "spent"),)}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Codes are typed with a new coupon only, which has no history."""
        hidden = {"codes"} if obj else {"first_codes", "batches"}
        sets = super().get_fieldsets(request, obj)
        shown_sets = [
            (name, {**options, "fields": tuple(field for field in options["fields"] if field not in hidden)})
            for name, options in sets
        ]
        return shown_sets if obj else shown_sets[:-1]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Coupon], search_term: str
    ) -> tuple[QuerySet[Coupon], bool]:
        """By a whole code, else by the beginning of the name."""
        term = search_term.strip()
        if not term:
            return queryset, False
        found = queryset.filter(codes__code=normalised(term)) if normalised(term) else queryset.none()
        return (found, False) if found.exists() else (queryset.filter(name__istartswith=term), False)

    @display(description="State")
    def state(self, coupon: Coupon) -> str:
        return coloured("Active", "success") if coupon.active else coloured("Switched off", "default")

    @display(description="Takes off")
    def takes_off(self, coupon: Coupon) -> str:
        return printing.worth(coupon)

    @display(description="Used")
    def used_shown(self, coupon: Coupon) -> str:
        return f"{coupon.used:,}" + (f" of {coupon.max_uses:,}" if coupon.max_uses is not None else "")

    @display(description="Taken off in all")
    def spent(self, coupon: Coupon) -> str:
        if not coupon.currency:
            return "in any currency: see the uses" if coupon.spent_minor else "-"
        return shown(Money(coupon.spent_minor, coupon.currency))

    @display(description="Codes")
    def first_codes(self, coupon: Coupon) -> str:
        found = list(coupon.codes.filter(batch=None).order_by("pk")[: CODES_SHOWN + 1])
        listed = ", ".join(f"{one.code} ({one.used:,} uses)" for one in found[:CODES_SHOWN])
        return (listed + (", and more" if len(found) > CODES_SHOWN else "")) or "None but those of batches."

    @display(description="Batches")
    def batches(self, coupon: Coupon) -> str:
        found = list(coupon.batches.order_by("-pk")[: CODES_SHOWN + 1])
        listed = ", ".join(f"{one.codes_made:,} codes {one.note}".strip() for one in found[:CODES_SHOWN])
        return (listed + (", and more" if len(found) > CODES_SHOWN else "")) or "-"

    def save_model(self, request: HttpRequest, obj: Coupon, form: Any, change: bool) -> None:
        """All but the counters, which are the database's and may have moved since the form was opened."""
        counted = {"id", "used", "spent_minor", "created_at"}
        columns = [field.name for field in obj._meta.concrete_fields if field.name not in counted]
        obj.save(update_fields=columns if change else None)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A new coupon comes with its codes."""
        super().save_related(request, form, formsets, change)
        if not change:
            making.add_codes(form.instance, form.cleaned_data["codes"])

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """What somebody was faster with is said; then nothing was written."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError as error:
            diagnostics = getattr(error.__cause__, "diag", None)
            text = _LOST.get(getattr(diagnostics, "constraint_name", "") or "")
            if text is None:
                raise
            messages.error(request, text)
            return HttpResponseRedirect(request.path)

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The switch that makes sense."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        coupon = self.get_object(request, str(object_id))
        if not isinstance(coupon, Coupon):
            return []
        pointless = "switch_on" if coupon.active else "switch_off"
        return [one for one in allowed if not one.action_name.endswith(pointless)]

    @action(description="Uses", icon="receipt_long", permissions=["see_uses"])
    def uses(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Every use with its order, the newest first, a page at a time by where the last one ended."""
        coupon = self._coupon(request, object_id, "orders.view_couponuse")
        if isinstance(coupon, HttpResponse):
            return coupon
        before = request.GET.get("before", "")
        uses = CouponUse.objects.filter(coupon=coupon).select_related("order", "code").order_by("-pk")
        if before.isascii() and before.isdigit() and len(before) < 19:
            uses = uses.filter(pk__lt=int(before))
        found = list(uses[: USES_SHOWN + 1])
        rows = [
            {
                "use": use,
                "link": reverse("admin:orders_order_change", args=[use.order_id]),
                "discount": shown(Money(use.discount_minor, use.currency)),
            }
            for use in found[:USES_SHOWN]
        ]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": coupon,
            "title": f"Uses of {coupon.name}",
            "rows": rows,
            "sees_orders": request.user.has_perm("orders.view_order"),
            "older": f"?before={found[USES_SHOWN - 1].pk}" if len(found) > USES_SHOWN else "",
            "back": reverse("admin:orders_coupon_change", args=[coupon.pk]),
        }
        return TemplateResponse(request, "admin/orders/coupon/uses.html", context)

    @action(description="Add codes", icon="add", permissions=["operate"])
    def add_codes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = Words("Add codes", "The coupon may be used under these codes as well.", "Add them")
        return self._act(request, object_id, CodesForm, words, _add_codes)

    @action(description="Make single-use codes", icon="confirmation_number", permissions=["make_batch"])
    def make_batch(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = Words(
            "Make single-use codes",
            "New codes that nobody can guess, each good once. They can be printed and exported.",
            "Make them",
        )
        return self._act(request, object_id, BatchForm, words, _make_batch)

    @action(description="Switch off", icon="block", permissions=["operate"], variant=ActionVariant.DANGER)
    def switch_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        explanation = "Nobody can use it from now on. Orders that have used it keep their discount."
        words = Words("Switch off", explanation, "Switch it off", is_drastic=True)
        return self._act(request, object_id, SubjectForm, words, lambda coupon, told, user: _switch(coupon, on=False))

    @action(description="Switch on", icon="play_arrow", permissions=["operate"])
    def switch_on(self, request: HttpRequest, object_id: str) -> HttpResponse:
        words = Words("Switch on", "It can be used again, within its limits.", "Switch it on")
        return self._act(request, object_id, SubjectForm, words, lambda coupon, told, user: _switch(coupon, on=True))

    def _coupon(self, request: HttpRequest, object_id: str, right: str) -> Coupon | HttpResponse:
        """The coupon, or the answer that there is none. Raises PermissionDenied without the right."""
        if not self.has_view_permission(request) or not request.user.has_perm(right):
            raise PermissionDenied
        identifier = parse_id(object_id)
        coupon = Coupon.objects.filter(pk=identifier).first() if identifier else None
        if coupon is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return coupon

    def _act(
        self,
        request: HttpRequest,
        object_id: str,
        form: type[SubjectForm],
        words: Words,
        perform: Callable[[Coupon, Mapping[str, Any], User], str],
    ) -> HttpResponse:
        right = "orders.add_couponbatch" if form is BatchForm else "orders.change_coupon"
        coupon = self._coupon(request, object_id, right)
        user = request.user
        if isinstance(coupon, HttpResponse) or not isinstance(user, User):
            return coupon if isinstance(coupon, HttpResponse) else HttpResponse(status=403)

        def act(told: Mapping[str, Any]) -> str:
            said = perform(coupon, told, user)
            self.log_change(request, coupon, words.title)
            return said

        return act_page(
            self,
            request,
            coupon,
            form(request.POST if request.method == "POST" else None),
            act,
            words=words,
            back=reverse("admin:orders_coupon_change", args=[coupon.pk]),
        )

    def has_see_uses_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May uses be seen?"""
        return bool(request.user.has_perm("orders.view_couponuse"))

    def has_operate_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May coupons be changed?"""
        return bool(request.user.has_perm("orders.change_coupon"))

    def has_make_batch_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May single-use codes be made?"""
        return bool(request.user.has_perm("orders.add_couponbatch"))


def _add_codes(coupon: Coupon, told: Mapping[str, Any], user: User) -> str:
    made = making.add_codes(coupon, making.read_codes(told["codes"]), max_uses=told["max_uses"])
    return f"{len(made):,} codes are added."


def _make_batch(coupon: Coupon, told: Mapping[str, Any], user: User) -> str:
    batch = making.make_batch(coupon.pk, told["count"], made_by=user.pk, note=told["note"], key=told["receipt"])
    return f"{batch.codes_made:,} codes are made. You find them under Coupon batches."


def _switch(coupon: Coupon, *, on: bool) -> str:
    Coupon.objects.filter(pk=coupon.pk).update(active=on)
    return "The coupon can be used." if on else "Nobody can use the coupon any more."
