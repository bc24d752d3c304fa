"""The public catalogue: products and delivery methods. Nobody signs in to look around."""

from __future__ import annotations

import re
import uuid

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from catalog import countries, offers, queries
from catalog.api import keyset
from catalog.api.keyset import Ordering
from catalog.api.parameters import Parameters, refused
from catalog.api.serializers import (
    DeliveryMethodSerializer,
    DeliveryMethodsSerializer,
    ProductPageSerializer,
    ProductSerializer,
)
from catalog.models import Product, ProductKind
from catalog.taxes import NOWHERE
from kit import money
from kit.ids import parse_id

_MAX_WEIGHT_GRAMS = 2**31 - 1
_NUMBER = re.compile(r"[1-9]\d{0,17}", re.ASCII)
_ORDERINGS = {
    ordering.name: ordering
    for ordering in (
        Ordering("number", ("number",), (int,)),
        Ordering("-number", ("number",), (int,), descending=True),
        Ordering("title", ("title", "number"), (str, int)),
        Ordering("-title", ("title", "number"), (str, int), descending=True),
        Ordering("price", ("lowest_price", "number"), (int, int)),
        Ordering("-price", ("lowest_price", "number"), (int, int), descending=True),
    )
}


class PublicView(APIView):
    """Open to everybody; a token that came along is not even looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class ProductsView(PublicView):
    """GET products/"""

    @extend_schema(
        operation_id="products_list",
        parameters=[
            OpenApiParameter("kind", enum=ProductKind.values),
            OpenApiParameter("currency", description="ISO 4217: one variant at least is sold in it."),
            OpenApiParameter("min_price", OpenApiTypes.DECIMAL, description="Major units; prices equal to it count."),
            OpenApiParameter("max_price", OpenApiTypes.DECIMAL, description="Major units; prices equal to it count."),
            OpenApiParameter("in_stock", OpenApiTypes.BOOL),
            OpenApiParameter("search", description="Words, or beginnings of words, of titles and SKUs."),
            OpenApiParameter("ordering", enum=list(_ORDERINGS), description="By price only with a currency."),
            OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 100, otherwise 20."),
            OpenApiParameter("cursor", description="From the previous page's `next`."),
        ],
        responses=ProductPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Products on sale, a page at a time."""
        known = ("kind", "currency", "min_price", "max_price", "in_stock", "search", "ordering", *keyset.PARAMETERS)
        parameters = Parameters(request.query_params, known)
        currency = parameters.choice("currency", money.CURRENCIES)
        wanted = queries.Wanted(
            currency, parameters.decimal("min_price"), parameters.decimal("max_price"), parameters.flag("in_stock")
        )
        products = queries.on_sale(wanted)
        if kind := parameters.choice("kind", ProductKind.values):
            products = products.filter(kind=kind)
        if text := parameters.text("search"):
            products = queries.search(products, text)
        ordering = _ORDERINGS[parameters.choice("ordering", _ORDERINGS) or "number"]
        if "lowest_price" in ordering.columns:
            if currency is None:
                raise refused("ordering", "Prices of several currencies have no order: give a currency.")
            products = queries.with_lowest_price(products, currency)
        page = keyset.page(request, parameters, products, ordering)
        return Response(page.rendered(_render))


class ProductView(PublicView):
    """GET products/{id or number}/"""

    @extend_schema(
        parameters=[OpenApiParameter("key", location="path", description="The product's id, or its number.")],
        responses=ProductSerializer,
    )
    def get(self, _request: Request, key: str) -> Response:
        """One product on sale."""
        parsed: uuid.UUID | int | None = int(key) if _NUMBER.fullmatch(key) else parse_id(key)
        product = queries.find_product(parsed) if parsed is not None else None
        if product is None:
            raise NotFound
        return Response(_render([product])[0])


class DeliveryMethodsView(PublicView):
    """GET delivery-methods/"""

    @extend_schema(
        operation_id="delivery_methods_list",
        parameters=[
            OpenApiParameter("country", description="A code or an English name; methods that go there."),
            OpenApiParameter("currency", description="ISO 4217; methods that are paid in it."),
            OpenApiParameter("weight_grams", OpenApiTypes.INT, description="Methods that carry that much."),
            OpenApiParameter("kinds", description="Comma separated; methods that carry all of these."),
            OpenApiParameter("cash_on_delivery", OpenApiTypes.BOOL),
        ],
        responses=DeliveryMethodsSerializer,
    )
    def get(self, request: Request) -> Response:
        """The delivery methods that fit."""
        known = ("country", "currency", "weight_grams", "kinds", "cash_on_delivery")
        parameters = Parameters(request.query_params, known)
        name = parameters.text("country")
        country = countries.alpha2(name) if name else None
        if name and country is None:
            raise refused("country", "Not a country.")
        methods = queries.delivery_methods(
            country=country,
            currency=parameters.choice("currency", money.CURRENCIES),
            weight_grams=parameters.whole("weight_grams", at_least=0, at_most=_MAX_WEIGHT_GRAMS),
            kinds=parameters.choices("kinds", ProductKind.values),
            cash_on_delivery=parameters.flag("cash_on_delivery"),
        )
        return Response({"results": DeliveryMethodSerializer(methods, many=True).data})


def _render(products: list[Product]) -> list[dict[str, object]]:
    """The products with what they are offered for: one statement for all of them."""
    found = offers.find_offers((product.pk for product in products), NOWHERE)
    return list(ProductSerializer(products, many=True, context={"offers": found}).data)
