"""Ways of delivery. An order keeps the name and price it was placed with."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from catalog import countries
from catalog.admin.money import PricedForm, shown
from catalog.admin.pages import BackOfficeAdmin
from catalog.models import DeliveryMethod, ProductKind


class CountriesField(forms.CharField):
    """Countries as codes or English names, parted by commas; in Python a list of alpha-2 codes without repetition."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"widget": UnfoldAdminTextInputWidget, "required": False, "max_length": 4_000, **options})

    def prepare_value(self, value: Any) -> Any:
        """Codes as they are typed."""
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        """Raises ValidationError naming what is no country."""
        names = [name.strip() for name in re.split(r"[,;\n]", super().clean(value)) if name.strip()]
        codes = {name: countries.alpha2(name) for name in names}
        unknown = [name for name, code in codes.items() if code is None]
        if unknown:
            raise forms.ValidationError(f"Not a country: {', '.join(unknown)}.", code="not_a_country")
        return list(dict.fromkeys(code for code in codes.values() if code))


class DeliveryMethodForm(PricedForm):
    countries = CountriesField(help_text="Codes or names, parted by commas; empty means everywhere.")
    kinds = forms.MultipleChoiceField(
        choices=ProductKind.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget, help_text="What it can carry."
    )

    class Meta:
        model = DeliveryMethod
        fields = (
            "name",
            "price",
            "currency",
            "countries",
            "kinds",
            "max_weight_grams",
            "cash_on_delivery",
            "tax_category",
            "position",
            "active",
        )


@admin.register(DeliveryMethod)
class DeliveryMethodAdmin(BackOfficeAdmin):
    """How goods reach customers, and for how much."""

    form = DeliveryMethodForm
    list_display = ("name", "amount", "serves", "carries", "cash_on_delivery", "active")
    ordering = ("position", "name", "pk")
    fieldsets = (
        (None, {"fields": ("name", ("price", "currency"), "tax_category", "active", "position")}),
        ("What and where", {"fields": ("countries", "kinds", "max_weight_grams", "cash_on_delivery")}),
    )

    @display(description="Price")
    def amount(self, method: DeliveryMethod) -> str:
        return shown(method.price)

    @display(description="Countries")
    def serves(self, method: DeliveryMethod) -> str:
        return ", ".join(method.countries) or "Everywhere"

    @display(description="Carries", label=True)
    def carries(self, method: DeliveryMethod) -> list[str]:
        return [ProductKind(kind).label for kind in method.kinds]
