"""Orders in the back office: found in a moment, shown whole, changed only by acts.

No field of an order can be edited here by anybody. The buttons call the same acts as everybody else, each with a right
of its own that is checked again when its form is sent.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from catalog.admin.money import shown
from catalog.admin.pages import ReadOnlyAdmin, coloured
from customers.models import User
from kit.ids import parse_id
from kit.money import Money
from orders import actors
from orders.admin import acts, filters, payment_acts, refund_acts, searching, write_offs
from orders.admin.acting import Words, act_page
from orders.admin.acts import Act
from orders.admin.detail import order_page
from orders.admin.wording import FULFILMENT_TONES, STATUS_TONES
from orders.models import Order


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """The newest orders first."""

    list_display = (
        "number_shown",
        "email",
        "status_label",
        "fulfilment_label",
        "total",
        "collected",
        "refunded",
        "placed_at",
    )
    list_filter = (
        filters.StatusFilter,
        filters.FulfilmentFilter,
        filters.TermsFilter,
        filters.GatewayFilter,
        filters.CurrencyFilter,
        filters.DialectFilter,
        ("placed_at", filters.PlacedFilter),
    )
    search_fields = ("number",)
    search_help_text = "Order number, beginning of an e-mail, order id, or a gateway's id (pi_..., order_...)"
    ordering = ("-number",)
    newest_by = "number"
    older_are_found = "by searching, by status, or by the days on which they were placed"
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"fulfilment", "terms", "gateway", "currency", "dialect"})
    pointers: ClassVar[frozenset[str]] = frozenset({"customer__id__exact"})
    fields = ("number",)
    actions_detail = (
        "send",
        "deliver",
        "collect_cash",
        "ask_gateway",
        "request_payment",
        "capture_payment",
        "void_payment",
        "refund",
        "write_off",
        "cancel",
    )

    def within_reach(self, request: HttpRequest, queryset: QuerySet[Any]) -> tuple[QuerySet[Any], bool]:
        """Dates narrow the numbers first, so that the reach is counted back from the last day asked for."""
        narrowed = filters.numbered_within(queryset, *filters.placed_range(request.GET))
        return super().within_reach(request, narrowed)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """By one look-up in one index."""
        return searching.search_orders(queryset, search_term), False

    @display(description="Number")
    def number_shown(self, order: Order) -> str:
        return str(order.number)

    @display(description="Status")
    def status_label(self, order: Order) -> str:
        return coloured(order.get_status_display(), STATUS_TONES[order.status])

    @display(description="Fulfilment")
    def fulfilment_label(self, order: Order) -> str:
        return coloured(order.get_fulfilment_display(), FULFILMENT_TONES[order.fulfilment])

    @display(description="Total")
    def total(self, order: Order) -> str:
        return shown(order.total)

    @display(description="Collected")
    def collected(self, order: Order) -> str:
        return shown(Money(order.collected_minor, order.currency)) if order.collected_minor else "-"

    @display(description="Refunded")
    def refunded(self, order: Order) -> str:
        return shown(Money(order.refunded_minor, order.currency)) if order.refunded_minor else "-"

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The whole story of the order, as far as the reader may see it."""
        order = context.get("original")
        page = order_page(order, request.user) if isinstance(order, Order) else None
        return super().render_change_form(request, {**context, "page": page}, *args, **kwargs)

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The buttons that the reader may press and that make sense for the order as it is."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        order = self.get_object(request, str(object_id))
        if not isinstance(order, Order):
            return []
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [one for one in allowed if _ACTS[one.action_name.removeprefix(prefix)].makes_sense(order)]

    @action(description=acts.SEND.title, icon="local_shipping", permissions=["fulfil"])
    def send(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, acts.SEND)

    @action(description=acts.DELIVER.title, icon="inventory", permissions=["fulfil"])
    def deliver(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, acts.DELIVER)

    @action(description=acts.COLLECT.title, icon="payments", permissions=["collect_cash"])
    def collect_cash(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, acts.COLLECT)

    @action(description=acts.ASK.title, icon="sync", permissions=["ask_gateway"])
    def ask_gateway(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, acts.ASK)

    @action(description=payment_acts.REQUEST.title, icon="request_quote", permissions=["request_payment"])
    def request_payment(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, payment_acts.REQUEST)

    @action(description=payment_acts.CAPTURE.title, icon="lock_open", permissions=["capture_payment"])
    def capture_payment(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, payment_acts.CAPTURE)

    @action(description=payment_acts.VOID.title, icon="money_off", permissions=["void_payment"])
    def void_payment(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, payment_acts.VOID)

    @action(description=refund_acts.REFUND.title, icon="undo", permissions=["refund"])
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, refund_acts.REFUND)

    @action(
        description=write_offs.WRITE_OFF.title,
        icon="money_off",
        permissions=["write_off"],
        variant=ActionVariant.DANGER,
    )
    def write_off(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, write_offs.WRITE_OFF)

    @action(description=acts.CANCEL.title, icon="block", permissions=["cancel"], variant=ActionVariant.DANGER)
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._act(request, object_id, acts.CANCEL)

    def _act(self, request: HttpRequest, object_id: str, act: Act) -> HttpResponse:
        """The act's form; on POST the act. What refuses it is said, and then nothing was written."""
        user = request.user
        if not isinstance(user, User) or not self.has_view_permission(request) or not user.has_perm(act.right):
            raise PermissionDenied
        identifier = parse_id(object_id)
        order = Order.objects.filter(pk=identifier).first() if identifier else None
        if order is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        form = act.form(request.POST if request.method == "POST" else None, order=order)
        words = Words(act.title, act.explanation, act.button, act.is_drastic, act.warning(order))
        return act_page(
            self,
            request,
            order,
            form,
            lambda told: act.perform(order, told, actors.staff(user.pk)),
            words=words,
            back=reverse("admin:orders_order_change", args=[order.pk]),
        )

    # unfold asks for an act's right by the name of a method; it would look a right's own name up in the database at
    # every system check, before there are tables.

    def has_fulfil_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May goods be marked as sent and delivered?"""
        return request.user.has_perm(acts.SEND.right)

    def has_collect_cash_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May cash be recorded?"""
        return request.user.has_perm(acts.COLLECT.right)

    def has_ask_gateway_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May the gateway be asked?"""
        return request.user.has_perm(acts.ASK.right)

    def has_request_payment_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May customers be asked for a further payment?"""
        return request.user.has_perm(payment_acts.REQUEST.right)

    def has_capture_payment_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May held money be captured?"""
        return request.user.has_perm(payment_acts.CAPTURE.right)

    def has_void_payment_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May payments be called off?"""
        return request.user.has_perm(payment_acts.VOID.right)

    def has_refund_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May money be given back?"""
        return request.user.has_perm(refund_acts.REFUND.right)

    def has_write_off_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May what customers owe be given up?"""
        return request.user.has_perm(write_offs.WRITE_OFF.right)

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """May orders be called off?"""
        return request.user.has_perm(acts.CANCEL.right)


_ACTS = {
    "send": acts.SEND,
    "deliver": acts.DELIVER,
    "collect_cash": acts.COLLECT,
    "ask_gateway": acts.ASK,
    "request_payment": payment_acts.REQUEST,
    "capture_payment": payment_acts.CAPTURE,
    "void_payment": payment_acts.VOID,
    "refund": refund_acts.REFUND,
    "write_off": write_offs.WRITE_OFF,
    "cancel": acts.CANCEL,
}
