"""upgrade-renewal-package: the stages product, customer and totals, one after the other, each with all its faults."""

from __future__ import annotations

import uuid
from dataclasses import replace
from decimal import localcontext

from catalog.packages import PackageOffer, find_package
from customers.authentication import Caller
from customers.integrations.keys import CallingIntegration
from orders.checkout import Checkout, begin_payment
from orders.checks import OrderRefused, WantedItem
from orders.memberships.judging import judge, judge_package
from orders.memberships.ordering import PackageRefused, order_package
from orders.models import OrderType
from orders.placement import Purchase
from orders_project.dialects.commerce import errors
from orders_project.dialects.commerce.errors import Faults, Told
from orders_project.dialects.commerce.people import Person, actor_for, find_person
from orders_project.dialects.commerce.placing import purchase_of
from orders_project.dialects.commerce.reading import PackageRequest, place_faults
from payments.models import GatewayName

_POSTCODE = Told("address_postcode", errors.POSTCODE)
# More digits than any amount that is read has: nothing is rounded.
_PRECISION = 80


def order(
    wanted: PackageRequest,
    caller: Caller,
    integration: CallingIntegration,
    *,
    gateway: GatewayName,
    placement_key: uuid.UUID | None,
) -> Checkout:
    """The package is ordered, and its payment can be made; the membership changes when it is paid.

    Raises Faults with all of the first stage that fails, TaxServiceUnavailable and PaymentNotInitialized.
    """
    order_type = OrderType(wanted.order_type)
    package = find_package(wanted.number) if wanted.number is not None else None
    if package is None:
        raise Faults([Told("product_id", errors.invalid_product(wanted.sent))])
    person = find_person(wanted.uid, caller)
    if person is not None:
        _refuse(errors.of_package(judge_package(person.customer_id, package, order_type)))
    told = place_faults(wanted.address.place, _POSTCODE)
    if person is None:
        raise Faults([*told, Told("uid", errors.USER)])
    _refuse([*told, *errors.of_package(judge(person.customer_id, order_type))])
    _refuse(_totals(wanted, package, integration))
    try:
        placed = order_package(_purchase(wanted, person, package, caller, gateway, placement_key, order_type))
    except PackageRefused as refusal:
        # Somebody else's order for the same customer came in between.
        raise Faults(errors.of_package(refusal.faults)) from None
    except OrderRefused as refusal:
        raise Faults(errors.of_order(refusal.faults, {0: wanted.sent})) from None
    return begin_payment(placed)


def _refuse(told: list[Told]) -> None:
    if told:
        raise Faults(told)


def _totals(wanted: PackageRequest, package: PackageOffer, integration: CallingIntegration) -> list[Told]:
    told: list[Told] = []
    if wanted.unit_price != package.price.major:
        told.append(Told("unit_price", errors.invalid("unit_price")))
    if not integration.may_discount(wanted.discount, wanted.unit_price):
        told.append(Told("discount", errors.DISCOUNT))
    if wanted.discount >= wanted.unit_price:
        told.append(Told("order_total", errors.DISCOUNT_NOT_LESS))
    with localcontext(prec=_PRECISION):
        difference = wanted.unit_price - wanted.discount
    if wanted.total != difference:
        told.append(Told("order_total", errors.NOT_THE_DIFFERENCE))
    return told


def _purchase(
    wanted: PackageRequest,
    person: Person,
    package: PackageOffer,
    caller: Caller,
    gateway: GatewayName,
    placement_key: uuid.UUID | None,
    order_type: OrderType,
) -> Purchase:
    item = WantedItem(
        package.product_id,
        None,
        names_variant=False,
        quantity=1,
        unit_price=wanted.unit_price,
        takes_default=True,
        discount=wanted.discount,
    )
    purchase = purchase_of(
        (item,),
        person,
        wanted.address,
        actor=actor_for(person, caller),
        gateway=gateway,
        placement_key=placement_key,
    )
    return replace(purchase, order_type=order_type)
