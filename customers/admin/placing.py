"""The pages on which staff place and move customers: a form, and on POST the act of `customers.genealogy.placing`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from customers.genealogy.placing import PlacementRefused, move, place
from customers.genealogy.tree import path_to_root
from customers.models import Customer, User, normalised_email
from kit.errors import Fault
from kit.ids import parse_id

_TEXTS: Mapping[str, str] = {
    "already_placed": "They are placed already, below somebody else.",
    "not_placed": "They are not placed yet: place them first.",
    "sponsor_not_placed": "This sponsor is not placed yet.",
    "below_itself": "Nobody can stand below themselves, or below somebody who stands below them.",
    "not_moved": "They stand there already.",
    "reason_missing": "Say why.",
}


class SponsorForm(forms.Form):
    """Below whom somebody shall stand. The top has to be asked for: an empty field may be an oversight."""

    sponsor = forms.CharField(
        max_length=254,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text="The sponsor's e-mail or id.",
    )
    at_top = forms.BooleanField(
        required=False, label="At the top of the tree, below nobody", widget=UnfoldBooleanWidget
    )

    def clean_sponsor(self) -> Customer | None:
        """The customer that is meant. Raises ValidationError if there is none."""
        text = self.cleaned_data["sponsor"].strip()
        if not text:
            return None
        identifier = parse_id(text)
        meant: dict[str, Any] = {"pk": identifier} if identifier else {"user__email": normalised_email(text)}
        sponsor = Customer.objects.select_related("user").filter(**meant).first()
        if sponsor is None:
            raise forms.ValidationError("There is no customer with this e-mail or id.", code="unknown")
        return sponsor

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError unless one of the two is chosen."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if "sponsor" in cleaned and bool(cleaned["sponsor"]) == cleaned["at_top"]:
            self.add_error("sponsor", "Name a sponsor, or choose the top: one of the two.")
        return cleaned


class MoveForm(SponsorForm):
    """To where, and why."""

    reason = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Stays beside the move, with your name."
    )


@dataclass(frozen=True, slots=True)
class Act:
    """One of the two. `perform` raises PlacementRefused."""

    title: str
    button: str
    explanation: str
    perform: Callable[[Customer, Mapping[str, Any], User], str]
    form: type[SponsorForm]
    is_drastic: bool = False


def _place(customer: Customer, told: Mapping[str, Any], by: User) -> str:
    sponsor = told["sponsor"]
    place(customer.pk, sponsor_id=sponsor.pk if sponsor else None, by_id=by.pk)
    return f"{customer} stands {_below(sponsor)} now."


def _move(customer: Customer, told: Mapping[str, Any], by: User) -> str:
    sponsor = told["sponsor"]
    move(customer.pk, sponsor_id=sponsor.pk if sponsor else None, reason=told["reason"], by_id=by.pk)
    return f"{customer} stands {_below(sponsor)} now, with all who stand below."


PLACE = Act(
    title="Place",
    button="Place",
    explanation="{customer} ({email}) leaves the waiting room and stands right below a sponsor.",
    perform=_place,
    form=SponsorForm,
)
MOVE = Act(
    title="Move",
    button="Move",
    explanation="{customer} ({email}), {now}, comes right below another sponsor, and everybody below comes along.",
    perform=_move,
    form=MoveForm,
    is_drastic=True,
)


def act_page(page: ModelAdmin[Any], request: HttpRequest, customer: Customer, act: Act, *, back: str) -> HttpResponse:
    """The form; on POST the act, and `back` with what it says. A refusal is shown at its field."""
    assert isinstance(request.user, User)
    form = act.form(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            messages.success(request, act.perform(customer, form.cleaned_data, request.user))
        except PlacementRefused as refusal:
            _show(form, refusal.first)
        else:
            return HttpResponseRedirect(back)
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": f"{act.title} {customer}",
        "form": form,
        "button": act.button,
        "button_variant": "danger" if act.is_drastic else "primary",
        "explanation": act.explanation.format(customer=customer, email=customer.user.email, now=_now(customer)),
        "back": back,
    }
    return TemplateResponse(request, "admin/act.html", context)


def _show(form: SponsorForm, fault: Fault) -> None:
    field = str(fault.at[0])
    form.add_error(field if field in form.fields else None, _TEXTS[fault.code])


def _now(customer: Customer) -> str:
    above = path_to_root(customer.pk, most=1)
    return f"now below {above[0].name or above[0].email}" if above else "now at the top"


def _below(sponsor: Customer | None) -> str:
    return f"below {sponsor}" if sponsor else "at the top"
