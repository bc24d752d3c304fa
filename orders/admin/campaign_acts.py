"""What staff may do to a flyer campaign: each act with its right, its form, when it makes sense, and how it is done.

The acts themselves are `orders.campaigns`; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django import forms
from django.conf import settings
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from catalog.admin.money import MajorField, money_of
from catalog.models import currency_choices
from customers.models import User
from orders import actors
from orders.admin.acting import SubjectForm
from orders.campaigns import scheduling
from orders.campaigns.content import content_of
from orders.campaigns.editing import edit_campaign
from orders.campaigns.images import store_image
from orders.models import OPEN_CAMPAIGN_STATUSES, Campaign, CampaignStatus

_LINE = UnfoldAdminTextInputWidget
_AT = "%Y-%m-%dT%H:%M:%S"
_MAX_DESCRIPTION = 20_000


class CampaignForm(SubjectForm):
    """What an act has to be told; knows the campaign it is for."""

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        self.campaign = campaign
        super().__init__(*args, **kwargs)


class EditForm(CampaignForm):
    """All that a flyer says. An image is only replaced by another one that is chosen, or taken away."""

    prop_address = forms.CharField(max_length=300, required=False, widget=_LINE, label="Property's address")
    prop_desc = forms.CharField(
        max_length=_MAX_DESCRIPTION,
        required=False,
        widget=UnfoldAdminTextareaWidget,
        label="Property's description",
        help_text="HTML; what is more than text and its emphasis is left out.",
    )
    prop_price = MajorField(required=False, label="Property's price")
    prop_currency = forms.ChoiceField(choices=currency_choices, widget=UnfoldAdminSelectWidget, label="Its currency")
    image = forms.FileField(
        required=False, widget=UnfoldAdminFileFieldWidget, label="Main image", help_text="JPEG, PNG, WebP or GIF."
    )
    without_image = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, label="No image")
    headline = forms.CharField(max_length=200, required=False, widget=_LINE)
    sub_headline = forms.CharField(max_length=200, required=False, widget=_LINE)
    rush = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)
    scheduled_at = forms.DateTimeField(
        required=False, widget=_LINE(attrs={"type": "datetime-local", "step": "1"}), label="Scheduled for, in UTC"
    )
    subject = forms.CharField(max_length=200, required=False, widget=_LINE, label="Subject of the mail")
    list_name = forms.CharField(max_length=200, required=False, widget=_LINE, label="List of recipients")

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, campaign=campaign, **kwargs)
        content = content_of(campaign)
        for name in ("prop_address", "prop_desc", "headline", "sub_headline", "rush", "subject", "list_name"):
            self.fields[name].initial = getattr(content, name)
        if content.prop_price is not None:
            self.fields["prop_price"].initial = str(content.prop_price.major)
        self.fields["prop_currency"].initial = campaign.prop_currency or "USD"
        if content.scheduled_at is not None:
            self.fields["scheduled_at"].initial = content.scheduled_at.astimezone(UTC).strftime(_AT)

    def clean_image(self) -> Any:
        """Raises ValidationError for a file that is too large; what it is shows when it is kept."""
        upload = self.cleaned_data["image"]
        if not upload:
            return None
        if upload.size > settings.MAX_IMAGE_BYTES:
            raise forms.ValidationError(f"The file has more than {settings.MAX_IMAGE_BYTES // 1024**2} MB.")
        return upload

    def clean(self) -> dict[str, Any]:
        """The price fits its currency."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("prop_price") and cleaned.get("prop_currency"):
            try:
                cleaned["prop_price"] = money_of(cleaned["prop_price"], cleaned["prop_currency"])
            except forms.ValidationError as refusal:
                self.add_error("prop_price", refusal)
        return cleaned

    def field_at(self, at: tuple[str | int, ...]) -> str | None:
        """An image is uploaded here."""
        return "image" if at[:1] in (("main_image",), ("image",)) else super().field_at(at)


class CancelForm(CampaignForm):
    reason = forms.CharField(
        max_length=200, required=False, widget=_LINE, help_text="Goes into the campaign's history."
    )


@dataclass(frozen=True, slots=True)
class CampaignAct:
    """One button. `perform` returns what to say when it is done; raises DomainError when it is not."""

    title: str
    button: str
    explanation: str
    right: str
    makes_sense: Callable[[Campaign], bool]
    perform: Callable[[Campaign, CampaignForm, User], str]
    form: type[CampaignForm] = CampaignForm
    is_drastic: bool = False


def _edit(campaign: Campaign, form: CampaignForm, user: User) -> str:
    told: Mapping[str, Any] = form.cleaned_data
    plain = ("prop_address", "prop_desc", "headline", "sub_headline", "rush", "scheduled_at", "subject", "list_name")
    changes = {name: told[name] for name in plain}
    changes["prop_price"] = told["prop_price"] or None
    if told["image"]:
        image = store_image(told["image"].read(), uploader=user, customer_id=campaign.order.customer_id)
        changes["main_image"] = image.path
    elif told["without_image"]:
        changes["main_image"] = ""
    edit_campaign(campaign.pk, changes, actor=actors.staff(user.pk))
    return "The campaign says so now."


def _schedule(campaign: Campaign, form: CampaignForm, user: User) -> str:
    scheduling.schedule_campaign(campaign.pk, actor=actors.staff(user.pk))
    return "The campaign is scheduled."


def _take_back(campaign: Campaign, form: CampaignForm, user: User) -> str:
    scheduling.take_back_campaign(campaign.pk, actor=actors.staff(user.pk))
    return "The campaign is a draft again."


def _cancel(campaign: Campaign, form: CampaignForm, user: User) -> str:
    scheduling.cancel_campaign(campaign.pk, actor=actors.staff(user.pk), reason=form.cleaned_data["reason"])
    return "The campaign is cancelled. Its money is given back on the page of its order."


CAMPAIGN_ACTS: Mapping[str, CampaignAct] = {
    "edit": CampaignAct(
        title="Change what it says",
        button="Save",
        explanation="What a draft says may be changed, by its customer as well, until it is scheduled.",
        right="orders.change_campaign",
        makes_sense=lambda campaign: campaign.status == CampaignStatus.DRAFT,
        perform=_edit,
        form=EditForm,
    ),
    "schedule": CampaignAct(
        title="Schedule",
        button="Schedule it",
        explanation="The campaign is handed to the mailing system for its time, and says what it says.",
        right="orders.schedule_campaign",
        makes_sense=lambda campaign: campaign.status == CampaignStatus.DRAFT,
        perform=_schedule,
    ),
    "take_back": CampaignAct(
        title="Take back",
        button="Take it back",
        explanation="The campaign is a draft again. Tell the mailing system, if it has it already.",
        right="orders.schedule_campaign",
        makes_sense=lambda campaign: campaign.status == CampaignStatus.SCHEDULED,
        perform=_take_back,
    ),
    "cancel": CampaignAct(
        title="Cancel the campaign",
        button="Cancel the campaign",
        explanation="What is not sent of it is not sent. No money goes back by this, and an order whose other "
        "campaigns are completed is thereby delivered.",
        right="orders.cancel_campaign",
        makes_sense=lambda campaign: campaign.status in OPEN_CAMPAIGN_STATUSES,
        perform=_cancel,
        form=CancelForm,
        is_drastic=True,
    ),
}
