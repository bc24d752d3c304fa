"""Amounts as people type and read them: major units, exact."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from kit.money import Money, MoneyError, digits


def shown(amount: Money) -> str:
    """An amount for reading: 1,234.50 USD."""
    return f"{amount.major:,f} {amount.currency}"


class MajorField(forms.CharField):
    """An amount in major units as text; which currency it is in, and so how many digits it may have, others know."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(**{"widget": widget, "max_length": 30, **options})


def money_of(text: str, currency: str) -> Money:
    """The amount that was typed. Raises ValidationError: not a plain number, too many digits, below zero, too large."""
    try:
        amount = Money.from_major(text, currency)
    except MoneyError:
        places = digits(currency)
        most = "no digits" if places == 0 else f"at most {places} digits"
        raise forms.ValidationError(
            f"Enter an amount such as {Money(1_999, currency).major}: {currency} has {most} after the point.",
            code="amount_invalid",
        ) from None
    if amount.minor < 0:
        raise forms.ValidationError("An amount cannot be below zero.", code="amount_negative")
    return amount


class PricedForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    """A form over a row with `price_minor` and `currency`, on which the price is typed in major units."""

    price = MajorField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.currency and self.instance.price_minor is not None:
            self.fields["price"].initial = str(self.instance.price.major)

    def clean(self) -> dict[str, Any]:
        """The price fits its currency and is what will be saved."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("price") and cleaned.get("currency"):
            try:
                self.instance.price_minor = money_of(cleaned["price"], cleaned["currency"]).minor
            except forms.ValidationError as refusal:
                self.add_error("price", refusal)
        return cleaned
