"""The page of a refund at its gateway, with the act that ends one that its gateway will not send."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog.admin.money import shown
from customers.models import User
from kit.ids import parse_id
from orders import actors, returns
from orders.admin.acting import SubjectForm, Words, act_page
from orders.second_person import APPROVE_REFUND
from payments.admin.refunds import RefundAdmin
from payments.models import Refund, RefundState

_WORDS = Words(
    "Give up",
    "The gateway is asked once more what it knows of it, and is not asked to send it again. The money counts as kept "
    "until somebody sends it back anew or gives it as credit.",
    "Give it up",
    is_drastic=True,
)


class GiveUpForm(SubjectForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)


@admin.register(Refund)
class SentRefundAdmin(RefundAdmin):
    """What waits for its gateway can be given up by whoever may approve refunds."""

    actions_detail = ("give_up",)

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[UnfoldAction]:
        """The button, while the refund waits for its gateway."""
        allowed: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        refund = self.get_object(request, str(object_id))
        waits = isinstance(refund, Refund) and refund.state in (RefundState.APPROVED, RefundState.UNKNOWN)
        return allowed if waits else []

    @action(description="Give up", icon="block", permissions=["give_up"], variant=ActionVariant.DANGER)
    def give_up(self, request: HttpRequest, object_id: str) -> HttpResponse:
        user = request.user
        if not isinstance(user, User) or not self.has_view_permission(request):
            raise PermissionDenied
        identifier = parse_id(object_id)
        refund = self.get_queryset(request).filter(pk=identifier).first() if identifier else None
        if refund is None:
            missing: HttpResponse = self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
            return missing
        return act_page(
            self,
            request,
            refund,
            GiveUpForm(request.POST if request.method == "POST" else None),
            lambda told: _give_up(refund, told["reason"], user),
            words=_WORDS,
            back=reverse("admin:payments_refund_change", args=[refund.pk]),
        )

    def has_give_up_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Whoever may approve refunds."""
        return request.user.has_perm(APPROVE_REFUND)


def _give_up(refund: Refund, reason: str, user: User) -> str:
    returns.give_up_refund(refund.pk, actor=actors.staff(user.pk), reason=reason)
    return f"{shown(refund.amount)} are given up."
