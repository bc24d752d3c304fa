"""Tax rates as staff keep them: in percent, by day. A rate that has begun can be ended and nothing else."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from catalog import countries
from catalog.admin.pages import BackOfficeAdmin, ChoiceFilter, coloured
from catalog.models import TaxRate
from catalog.regions import region_code
from catalog.tax_rates.keeping import FROZEN, has_begun, has_ended, percent_of, ppm_of, today, why_not


class PercentField(forms.CharField):
    """A rate as a percentage; in Python millionths."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(**{"widget": widget, "max_length": 12, "help_text": "19 or 8.875", **options})

    def prepare_value(self, value: Any) -> Any:
        """Millionths as they are typed."""
        return percent_of(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        """Raises ValidationError for what is no percentage."""
        ppm = ppm_of(super().clean(value))
        if ppm is None:
            raise forms.ValidationError(
                "Enter a percentage from 0 to 100 with at most four digits after the point.", code="rate_invalid"
            )
        return ppm


class TaxRateForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    rate_ppm = PercentField(label="Rate, percent")
    country = forms.CharField(max_length=80, widget=UnfoldAdminTextInputWidget, help_text="A code or a name.")
    state = forms.CharField(
        max_length=120, required=False, widget=UnfoldAdminTextInputWidget, help_text="A code or a name; empty: all."
    )

    class Meta:
        model = TaxRate
        fields = (*FROZEN, "valid_until")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk and has_begun(self.instance):
            for name in FROZEN:
                self.fields.pop(name, None)

    def clean_country(self) -> str:
        """Its code, however it was written."""
        code = countries.alpha2(self.cleaned_data["country"])
        if code is None:
            raise forms.ValidationError("Not a country.", code="not_a_country")
        return code

    def clean_postcodes(self) -> str:
        """As they are compared."""
        return str(self.cleaned_data["postcodes"]).upper()

    def clean(self) -> dict[str, Any]:
        """The state is one of its country, and what has begun stays as it is."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        state, country = cleaned.get("state"), cleaned.get("country")
        if state and country:
            cleaned["state"] = region_code(country, state)
            if not cleaned["state"]:
                self.add_error("state", f"No part of {country} has this code.")
        if self.instance.pk:
            before = TaxRate.objects.get(pk=self.instance.pk)
            after = TaxRate(**{name: cleaned.get(name, getattr(before, name)) for name in (*FROZEN, "valid_until")})
            refusal = why_not(before, after)
            if refusal:
                self.add_error(refusal[0] if refusal[0] in self.fields else None, refusal[1])
        return cleaned


class StandingFilter(ChoiceFilter):
    """Whether a rate is in force today."""

    title = "standing"
    parameter_name = "standing"
    column = ""
    options = (("now", "In force"), ("later", "Not begun"), ("over", "Ended"))

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """The rates of which that is true."""
        day = today()
        match self.value():
            case "now":
                return queryset.filter(valid_from__lte=day).exclude(valid_until__lte=day)
            case "later":
                return queryset.filter(valid_from__gt=day)
            case "over":
                return queryset.filter(valid_until__lte=day)
        return queryset


@admin.register(TaxRate)
class TaxRateAdmin(BackOfficeAdmin):
    """By place, then by category; of each place the newest first."""

    form = TaxRateForm
    list_display = ("name", "country", "state", "postcodes", "category", "percent", "standing", "begins", "ends")
    list_filter = (StandingFilter,)
    search_fields = ("name",)
    search_help_text = "A country's code, or the name of a tax"
    ordering = ("country", "state", "postcodes", "category", "name", "-valid_from")
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"standing"})
    fieldsets = (
        (None, {"fields": (("name", "rate_ppm"), "zero_reason", "category")}),
        ("Where", {"fields": (("country", "state"), "postcodes")}),
        ("When", {"fields": (("valid_from", "valid_until"),)}),
    )

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """The rates of a country, or those whose name begins so."""
        term = search_term.strip()
        if not term:
            return queryset, False
        country = countries.alpha2(term)
        return (queryset.filter(country=country) if country else queryset.filter(name__istartswith=term)), False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """What has begun can be ended, and what has ended is over."""
        if not isinstance(obj, TaxRate) or not has_begun(obj):
            return ()
        shown = tuple("percent" if name == "rate_ppm" else name for name in FROZEN)
        return (*shown, "valid_until") if has_ended(obj) else shown

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """A rate that cannot be typed any more is shown as a percentage."""
        if not isinstance(obj, TaxRate) or not has_begun(obj):
            return self.fieldsets
        (title, first), *others = self.fieldsets
        return ((title, {**first, "fields": (("name", "percent"), "zero_reason", "category")}), *others)

    @display(description="Rate")
    def percent(self, rate: TaxRate) -> str:
        return f"{percent_of(rate.rate_ppm)} %"

    @display(description="Standing")
    def standing(self, rate: TaxRate) -> str:
        if has_ended(rate):
            return coloured("Ended", "default")
        return coloured("In force", "success") if has_begun(rate) else coloured("Not begun", "info")

    @display(description="From")
    def begins(self, rate: TaxRate) -> str:
        return str(rate.valid_from)

    @display(description="Until")
    def ends(self, rate: TaxRate) -> str:
        return str(rate.valid_until or "-")
