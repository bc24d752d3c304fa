"""Coupons as they are typed: percentages, and amounts in major units of the coupon's own currency."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from catalog.admin.money import MajorField, money_of
from catalog.models import ProductKind
from kit.errors import DomainError
from kit.ids import new_id
from kit.money import Money
from orders.admin.acting import SubjectForm
from orders.admin.wording import refusal_text
from orders.coupons import making, printing
from orders.models import Coupon, CouponKind
from orders.taxes.arithmetic import WHOLE

# What is fixed once somebody has used a coupon; the database says so as well.
FIXED_ONCE_USED = ("kind", "percent", "amount", "currency", "frees_delivery")
# An amount's field on the form, and its column.
_AMOUNTS = {"amount": "amount_minor", "minimum": "minimum_minor", "budget": "budget_minor"}


class CouponForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    """One coupon. Its first codes are typed with it; more are added by an act."""

    percent = forms.CharField(
        required=False,
        max_length=12,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="Such as 12.5; for the kind percent.",
    )
    amount = MajorField(required=False, help_text="For the kind amount.")
    minimum = MajorField(required=False, help_text="What all products together must cost at least.")
    budget = MajorField(required=False, help_text="The most that it takes off in all.")
    kinds = forms.MultipleChoiceField(
        required=False,
        choices=ProductKind.choices,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text="The kinds of products that it is for; none means all.",
    )
    codes = forms.CharField(
        required=False,
        max_length=4_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="One a line: letters and digits. For single-use codes leave it empty and make a batch.",
    )

    class Meta:
        model = Coupon
        fields = (
            "name",
            "kind",
            "currency",
            "frees_delivery",
            "kinds",
            "products",
            "starts_at",
            "ends_at",
            "max_uses",
            "max_uses_per_customer",
            "active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        coupon = self.instance
        if coupon.percent_ppm:
            self.fields["percent"].initial = printing.percent(coupon.percent_ppm)
        for name, column in _AMOUNTS.items():
            minor = getattr(coupon, column)
            if minor:
                self.fields[name].initial = str(Money(minor, coupon.currency).major)
        if not coupon._state.adding:
            # Not merely read-only: what a form that was opened earlier still sends is not even looked at.
            self.fields.pop("codes", None)
            for name in FIXED_ONCE_USED if coupon.uses.exists() else ():
                self.fields[name].disabled = True
                self.fields[name].help_text = "Somebody has used it: this stays."

    def clean_percent(self) -> int | None:
        """In millionths."""
        text = self.cleaned_data["percent"].strip().removesuffix("%").strip()
        if not text:
            return None
        try:
            exact = Decimal(text) * 10_000
        except InvalidOperation:
            exact = Decimal("NaN")
        if not exact.is_finite() or exact != exact.to_integral_value() or not 0 < exact <= WHOLE:
            raise forms.ValidationError("Enter a percentage above 0 and up to 100, such as 12.5.", code="percent")
        return int(exact)

    def clean_codes(self) -> list[str]:
        """Each in its one spelling; none that exists already."""
        try:
            wanted = making.read_codes(self.cleaned_data["codes"])
            making.refuse_taken(wanted)
        except DomainError as refusal:
            raise forms.ValidationError(refusal_text(refusal), code=refusal.first.code) from None
        return wanted

    def clean(self) -> dict[str, Any]:
        """The amounts fit the currency, and what is taken off fits the kind."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.instance.minimum_minor = 0
        for name, column in _AMOUNTS.items():
            if name in self.errors:
                continue
            try:
                minor = self._minor(cleaned.get(name), cleaned.get("currency"))
            except forms.ValidationError as refusal:
                self.add_error(name, refusal)
                continue
            setattr(self.instance, column, minor or 0 if name == "minimum" else minor)
        self.instance.percent_ppm = cleaned.get("percent")
        self._check_worth(cleaned)
        self._check_dates(cleaned)
        self._check_counted(cleaned)
        return cleaned

    def _minor(self, text: str | None, currency: str | None) -> int | None:
        if not text:
            return None
        if not currency:
            raise forms.ValidationError("Choose the currency that this is in.", code="currency_missing")
        minor = money_of(text, currency).minor
        return minor or None

    def _check_worth(self, cleaned: dict[str, Any]) -> None:
        """A percentage or an amount, as the kind says, and nothing else."""
        kind = cleaned.get("kind")
        wanted = {CouponKind.PERCENT: "percent", CouponKind.AMOUNT: "amount"}.get(CouponKind(kind)) if kind else None
        given = {"percent": self.instance.percent_ppm, "amount": self.instance.amount_minor}
        for name, value in given.items():
            if name in self.errors:
                continue
            if name == wanted and not value:
                self.add_error(name, "Say how much it takes off.")
            elif kind and name != wanted and value:
                self.add_error(name, "Leave this empty for this kind.")

    def _check_dates(self, cleaned: dict[str, Any]) -> None:
        starts, ends = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", "It cannot end before it starts.")

    def _check_counted(self, cleaned: dict[str, Any]) -> None:
        """No limit below what was used already."""
        most, budget = cleaned.get("max_uses"), self.instance.budget_minor
        if most is not None and most < self.instance.used:
            self.add_error("max_uses", f"It was used {self.instance.used} times already.")
        if budget is not None and budget < self.instance.spent_minor and "budget" not in self.errors:
            spent = Money(self.instance.spent_minor, self.instance.currency)
            self.add_error("budget", f"It took off {spent} already.")


class CodesForm(SubjectForm):
    """Further codes of a coupon."""

    codes = forms.CharField(max_length=4_000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}))
    max_uses = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**31 - 1,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How often each may be used; empty: as often as the coupon.",
    )


class BatchForm(SubjectForm):
    """How many codes. `receipt` names this one act: sent twice, it is one batch."""

    count = forms.IntegerField(
        min_value=1,
        max_value=making.MOST_CODES,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=f"Up to {making.MOST_CODES:,}. Each is good once, and nobody can guess it.",
    )
    note = forms.CharField(
        required=False, max_length=120, widget=UnfoldAdminTextInputWidget, help_text="What it is for, to find it again."
    )
    receipt = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["receipt"].initial = new_id()
