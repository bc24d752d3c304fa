"""Packages: which tier a product makes its buyers members of, and for how long."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.decorators import display

from catalog.admin.money import shown
from catalog.admin.pages import BackOfficeAdmin
from catalog.models import Package, Product, ProductKind


def tier_is_taken(tier: int, *, by_other_than: Product | None) -> bool:
    """Whether another package on sale is of this tier."""
    return Package.objects.filter(tier=tier, on_sale=True).exclude(pk=by_other_than).exists()


class PackageForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    """A tier that no other package on sale has, as long as this one is on sale."""

    class Meta:
        model = Package
        fields = ("product", "tier", "validity_days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "product" in self.fields:
            free = Product.objects.filter(kind=ProductKind.PACKAGE, package__isnull=True)
            self.fields["product"].queryset = free  # type: ignore[attr-defined]  # a field of a model

    def clean(self) -> dict[str, Any]:
        """Raises ValidationError at the tier."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        product = cleaned.get("product") or getattr(self.instance, "product", None)
        tier = cleaned.get("tier")
        if isinstance(product, Product) and product.active and tier and tier_is_taken(tier, by_other_than=product):
            self.add_error("tier", "Another package on sale has this tier.")
        return cleaned


class PackageInline(StackedInline):
    """What a product of kind package is one of."""

    model = Package
    form = PackageForm
    extra = 0
    max_num = 1
    can_delete = False
    fields = (("tier", "validity_days"),)


@admin.register(Package)
class PackageAdmin(BackOfficeAdmin):
    """The packages, the lowest tier first. Members keep the tier and the end that they were given."""

    form = PackageForm
    list_display = ("tier", "product", "price", "validity", "is_on_sale")
    list_display_links = ("tier", "product")
    list_select_related = ("product",)
    ordering = ("tier", "pk")
    fields = ("product", ("tier", "validity_days"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        """With their variants, in one statement."""
        packages: QuerySet[Package] = super().get_queryset(request)
        return packages.prefetch_related("product__variants")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Whose package it is, once there is one."""
        return ("product",) if obj else ()

    @display(description="Price")
    def price(self, package: Package) -> str:
        return " / ".join(dict.fromkeys(shown(variant.price) for variant in package.product.variants.all())) or "-"

    @display(description="Valid for")
    def validity(self, package: Package) -> str:
        return f"{package.validity_days} days"

    @display(description="On sale", boolean=True)
    def is_on_sale(self, package: Package) -> bool:
        return package.on_sale
