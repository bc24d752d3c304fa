"""Products with their variants. Prices are typed in major units; stock is not edited but counted (`catalog.stock`)."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display

from catalog import queries
from catalog.admin.money import PricedForm, shown
from catalog.admin.packages import PackageInline, tier_is_taken
from catalog.admin.pages import BackOfficeAdmin, ChoiceFilter, coloured
from catalog.models import Package, Product, ProductKind, Stock, Variant

_LONGEST_NUMBER = 18
KIND_TONES = {"physical": "info", "package": "primary", "flyer": "warning", "entry": "default", "credit": "success"}


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = column = "kind"
    options = ProductKind.choices


class ActiveFilter(ChoiceFilter):
    title = "on sale"
    parameter_name = "active"
    column = "active"
    options = (("True", "On sale"), ("False", "Not on sale"))


class VariantForm(PricedForm):
    class Meta:
        model = Variant
        fields = ("sku", "title", "price", "currency", "weight_grams", "position", "active")


class VariantInline(TabularInline):
    """The variants of a product, at least one."""

    model = Variant
    form = VariantForm
    extra = 0
    min_num = 1
    can_delete = False
    show_change_link = False

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        """A product without a variant cannot be bought, so it is refused."""
        return super().get_formset(request, obj, **{"validate_min": True, **kwargs})


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the type checker alone
    """A package goes on sale only while no other one of its tier is."""

    class Meta:
        model = Product
        fields = ("title", "description", "kind", "tax_category", "hsn_code", "active")

    def clean_active(self) -> bool:
        """Raises ValidationError."""
        active: bool = self.cleaned_data["active"]
        package = Package.objects.filter(pk=self.instance.pk).first()
        if active and package and tier_is_taken(package.tier, by_other_than=self.instance):
            raise forms.ValidationError("Another package on sale has the same tier.", code="tier_taken")
        return active


@admin.register(Product)
class ProductAdmin(BackOfficeAdmin):
    """What is on sale. The kind is chosen once: how past orders were delivered hangs on it."""

    list_display = ("title", "number", "kind_label", "prices", "available", "is_on_sale")
    list_filter = (KindFilter, ActiveFilter)
    search_fields = ("title", "variants__sku")
    search_help_text = "Words of the title, the beginning of an SKU, or a product's number"
    ordering = ("-number",)
    newest_by = "number"
    scanning_filters: ClassVar[frozenset[str]] = frozenset({"active", "kind"})
    form = ProductForm
    fields = ("number", "title", "description", "kind", "tax_category", "hsn_code", "active", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        """With variants and their stock, in one statement each."""
        products: QuerySet[Product] = super().get_queryset(request)
        return products.prefetch_related("variants__stock")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Product], search_term: str
    ) -> tuple[QuerySet[Product], bool]:
        """Products by number, by words of the title, or by SKU. Each by its index."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if term.isascii() and term.isdigit() and len(term) <= _LONGEST_NUMBER:
            return queryset.filter(number=int(term)), False
        found = queries.search(Product.objects.all(), term).order_by().values("pk")
        # Word search leaves out variants that are not on sale; their whole SKU still finds them.
        by_sku = Variant.objects.filter(sku=term).order_by().values("product_id")
        return queryset.filter(pk__in=found.union(by_sku)), False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """What the shop gives by itself, and the kind once there is a product."""
        return ("number", "created_at", "kind") if obj else ("number", "created_at")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Nothing that does not exist before the product does."""
        return self.fields if obj else ("title", "description", "kind", "tax_category", "hsn_code", "active")

    def get_inlines(self, request: HttpRequest, obj: Model | None = None) -> tuple[type[Any], ...]:
        """The tier of what is a package; of what kind a product is, is known once it is there."""
        is_package = isinstance(obj, Product) and obj.kind == ProductKind.PACKAGE
        return (VariantInline, PackageInline) if is_package else (VariantInline,)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Every new variant gets its row of stock, empty until somebody counts."""
        super().save_formset(request, form, formset, change)
        if formset.model is Variant:
            Stock.objects.bulk_create([Stock(variant=variant) for variant in formset.new_objects])

    @display(description="Kind")
    def kind_label(self, product: Product) -> str:
        return coloured(product.get_kind_display(), KIND_TONES[product.kind])

    @display(description="Price")
    def prices(self, product: Product) -> str:
        return " / ".join(dict.fromkeys(shown(variant.price) for variant in product.variants.all())) or "-"

    @display(description="Available")
    def available(self, product: Product) -> int:
        return sum(variant.stock.available for variant in product.variants.all() if hasattr(variant, "stock"))

    @display(description="On sale", boolean=True)
    def is_on_sale(self, product: Product) -> bool:
        return product.active
