"""What of the catalogue is shown to everybody."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from catalog.models import Product, ProductKind

Price = serializers.CharField
"""Major units with exactly the currency's own digits: "69.00", "1200" for yen."""


class VariantSerializer(serializers.Serializer[Any]):
    """One buyable form of a product."""

    id = serializers.UUIDField(source="variant_id")
    sku = serializers.CharField()
    title = serializers.CharField(source="variant_title")
    price = Price(source="price.major")
    currency = serializers.CharField(source="price.currency")
    weight_grams = serializers.IntegerField()
    available = serializers.IntegerField(help_text="How many can be ordered now.")


class ProductSerializer(serializers.Serializer[Any]):
    """A product with its variants, the default one first. Needs `offers` in the context: by product id."""

    id = serializers.UUIDField()
    number = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=ProductKind.choices)
    title = serializers.CharField()
    description = serializers.CharField()
    tax_category = serializers.CharField()
    hsn_code = serializers.CharField()
    variants = serializers.SerializerMethodField()

    def get_variants(self, product: Product) -> list[dict[str, Any]]:
        """At today's prices and stock."""
        return list(VariantSerializer(self.context["offers"].get(product.pk, []), many=True).data)


class ProductPageSerializer(serializers.Serializer[Any]):
    """A page of products."""

    next = serializers.URLField(allow_null=True, help_text="The next page; null on the last.")
    results = ProductSerializer(many=True)


class DeliveryMethodSerializer(serializers.Serializer[Any]):
    """A way of delivery."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    price = Price(source="price.major")
    currency = serializers.CharField()
    countries = serializers.ListField(child=serializers.CharField(), help_text="Alpha-2 codes; empty: everywhere.")
    max_weight_grams = serializers.IntegerField(allow_null=True, help_text="Null: no limit.")
    cash_on_delivery = serializers.BooleanField()
    tax_category = serializers.CharField()
    kinds = serializers.ListField(child=serializers.ChoiceField(choices=ProductKind.choices))


class DeliveryMethodsSerializer(serializers.Serializer[Any]):
    """The delivery methods that fit."""

    results = DeliveryMethodSerializer(many=True)
