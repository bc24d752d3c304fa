"""Events, made and changed by the acts of `catalog.events`: their places are counted stock, never typed over."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from catalog import events
from catalog.admin.money import MajorField, money_of, shown
from catalog.admin.pages import BackOfficeAdmin, coloured
from catalog.events import EventPlan
from catalog.models import Event, currency_choices
from kit import clock
from kit.money import Money

MOST_PLACES = 1_000_000
# Razorpay takes no less than a rupee.
_LEAST = {"INR": 100}


class EventForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    """An event as it is planned. What can only be known while it is saved, such as that fewer places are planned than
    are taken, is tried here and undone again."""

    price = MajorField(help_text="What one entry costs. Who is about to pay another price gets a new order.")
    currency = forms.ChoiceField(choices=currency_choices)
    places = forms.IntegerField(
        min_value=0,
        max_value=MOST_PLACES,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How many may take part in all; never fewer than have entered or are about to pay.",
    )

    class Meta:
        model = Event
        fields = ("name", "slug", "opens_at", "closes_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            variant = self.instance.variant
            self.fields["price"].initial = str(variant.price.major)
            self.fields["currency"].initial = variant.currency
            self.fields["places"].initial = variant.stock.on_hand

    def clean(self) -> dict[str, Any]:
        """The plan is one, and there are places for who has entered."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        opens_at, closes_at = cleaned.get("opens_at"), cleaned.get("closes_at")
        if opens_at and closes_at and closes_at <= opens_at:
            self.add_error("closes_at", "An event closes after it opens.")
        if cleaned.get("price") and cleaned.get("currency"):
            try:
                price = money_of(cleaned["price"], cleaned["currency"])
                self._check_price(price)
                cleaned["price_money"] = price
            except ValidationError as refusal:
                self.add_error("price", refusal)
        if "places" in cleaned and not self.instance._state.adding:
            taken = self.instance.variant.stock.reserved
            if cleaned["places"] < taken:
                self.add_error("places", f"{taken:,d} have entered or are about to pay.")
        return cleaned

    @staticmethod
    def _check_price(price: Money) -> None:
        least = _LEAST.get(price.currency, 1)
        if price.minor < least:
            raise ValidationError(f"An entry costs at least {Money(least, price.currency)}.", code="too_cheap")

    def plan(self, by: Any) -> EventPlan:
        """What the acts are told; the form is valid."""
        cleaned = self.cleaned_data
        return EventPlan(
            name=cleaned["name"],
            slug=cleaned["slug"],
            price=cleaned["price_money"],
            opens_at=cleaned["opens_at"],
            closes_at=cleaned["closes_at"],
            places=cleaned["places"],
            by=by,
        )


@admin.register(Event)
class EventAdmin(BackOfficeAdmin):
    """What people can take part in."""

    form = EventForm
    list_display = ("name", "slug", "state", "amount", "places", "opens_at", "closes_at")
    search_fields = ("slug",)
    search_help_text = "The beginning of a slug"
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("name", "slug")}),
        ("Entries", {"fields": (("price", "currency"), "places", ("opens_at", "closes_at"))}),
        ("So far", {"fields": ("taken", "entries", ("created_at", "updated_at"))}),
    )
    readonly_fields = ("taken", "entries", "created_at", "updated_at")
    older_are_found: ClassVar[str] = "by their slug"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        """With what they cost and how many places there are."""
        found: QuerySet[Event] = super().get_queryset(request)
        return found.select_related("variant__product", "variant__stock")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """By the beginning of the slug, by its index."""
        term = search_term.strip()
        return (queryset.filter(slug__startswith=term) if term else queryset), False

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Nothing has happened to an event that is not there yet."""
        return self.fieldsets if obj else self.fieldsets[:2]

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """The event, written by the act."""
        form.save(commit=False)  # what Django's admin goes on with
        plan = form.plan(request.user.pk)
        if not change:
            return events.create_event(plan)
        try:
            with transaction.atomic():
                events.change_event(form.instance, plan)
        except IntegrityError:
            # Somebody entered between the check and the act: what they were promised stays.
            self.message_user(request, "Not changed: more have entered meanwhile. Look again.", "error")
        return form.instance

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        """Nothing: the act has written it."""

    @display(description="State")
    def state(self, event: Event) -> str:
        now = clock.now()
        if now < event.opens_at:
            return coloured("Opens later", "info")
        return coloured("Open", "success") if event.is_open(now) else coloured("Closed", "warning")

    @display(description="Price")
    def amount(self, event: Event) -> str:
        return shown(event.variant.price)

    @display(description="Places left")
    def places(self, event: Event) -> str:
        stock = event.variant.stock
        return f"{stock.available:,d} of {stock.on_hand:,d}"

    @display(description="Places taken")
    def taken(self, event: Event) -> str:
        return f"{event.variant.stock.reserved:,d} of {event.variant.stock.on_hand:,d}"

    @display(description="Entries")
    def entries(self, event: Event) -> str:
        where = f"{reverse('admin:customers_eventprofile_changelist')}?event__id__exact={event.pk}"
        return format_html('<a class="text-primary-600 hover:underline" href="{}">See the entries</a>', where)
