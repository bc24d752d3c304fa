"""create-order: everything that is wrong with it told at once, or the order placed and its payment begun."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from decimal import Decimal, localcontext

from django.conf import settings

from catalog import offers
from customers.authentication import Caller
from customers.integrations.keys import CallingIntegration
from kit.errors import Fault
from orders import checks
from orders.actors import Actor
from orders.checkout import Checkout, buy_with_payment
from orders.checks import DeliveryAddress, OrderRefused, WantedItem, Wish
from orders.models import PaymentTerms
from orders.placement import Buyer, Purchase
from orders.taxes.service import TaxServiceUnavailable
from orders_project.dialects.commerce import errors
from orders_project.dialects.commerce.errors import Faults, Told
from orders_project.dialects.commerce.people import Person, actor_for, find_person
from orders_project.dialects.commerce.reading import Address, Line, OrderRequest
from payments.models import GatewayName

_PRECISION = 80
"""More digits than any sum of what `reading` lets through has: nothing is rounded."""


def place(
    wanted: OrderRequest,
    caller: Caller,
    integration: CallingIntegration,
    *,
    gateway: GatewayName,
    placement_key: uuid.UUID | None,
) -> Checkout:
    """The order is placed, and its payment can be made. Raises Faults with everything that is wrong with it, and what
    `orders.checkout.buy_with_payment` raises beside OrderRefused."""
    told = [*wanted.told, *_sums(wanted), *_discounts(wanted.lines, integration)]
    person = find_person(wanted.uid, caller) if wanted.uid is not None else None
    if wanted.uid is not None and person is None:
        told.append(Told("uid", errors.USER))
    numbers = {line.number for line in wanted.lines if line.number is not None}
    products = offers.product_ids(numbers) if numbers else {}
    readable = [(line, _item(line, products)) for line in wanted.lines if line.number is not None]
    sent = {index: line.sent for index, (line, _) in enumerate(readable)}
    items = tuple(item for _, item in readable)
    if told or person is None or wanted.address is None:
        # It is refused already; what else is wrong with it is still worth knowing.
        raise Faults([*told, *errors.of_order(_more_faults(items, person, wanted.address), sent)])
    try:
        return buy_with_payment(
            purchase_of(
                items,
                person,
                wanted.address,
                actor=actor_for(person, caller),
                gateway=gateway,
                placement_key=placement_key,
            )
        )
    except OrderRefused as refusal:
        raise Faults(errors.of_order(refusal.faults, sent)) from None


def purchase_of(
    items: tuple[WantedItem, ...],
    person: Person,
    address: Address,
    *,
    actor: Actor,
    gateway: GatewayName,
    placement_key: uuid.UUID | None,
) -> Purchase:
    """What is bought for somebody: nothing is delivered by us, and its prices contain their taxes."""
    return Purchase(
        customer_id=person.customer_id,
        buyer=Buyer(address.email, address.first_name, address.last_name, address.phone, person.tax_number),
        actor=actor,
        dialect="commerce",
        delivery_method_id=None,
        address=address.delivery(),
        items=items,
        notes="",
        terms=PaymentTerms.PREPAID,
        gateway=gateway,
        placement_key=placement_key,
        delivers=False,
        prices_include_tax=True,
        expires_after=settings.COMMERCE_ORDER_EXPIRES_AFTER,
    )


def _item(line: Line, products: dict[int, uuid.UUID]) -> WantedItem:
    assert line.number is not None
    return WantedItem(
        product_id=products.get(line.number),
        variant_id=None,
        names_variant=False,
        # What cannot be read is told already: here it must only be no fault a second time.
        quantity=line.quantity or 1,
        unit_price=line.unit_price,
        takes_default=True,
        discount=(line.quantity and line.discount) or Decimal(0),
    )


def _more_faults(items: tuple[WantedItem, ...], person: Person | None, address: Address | None) -> Sequence[Fault]:
    if not items:
        return ()
    somewhere = DeliveryAddress("", "", settings.SELLER.state, "", settings.SELLER.country)
    wish = Wish(
        customer_id=person.customer_id if person else uuid.UUID(int=0),
        items=items,
        delivery_method_id=None,
        address=address.delivery() if address else somewhere,
        terms=PaymentTerms.PREPAID,
        delivers=False,
        prices_include_tax=True,
    )
    try:
        checks.check(wish)
    except OrderRefused as refusal:
        return refusal.faults
    except TaxServiceUnavailable:
        # The order is refused anyway, and its taxes do not matter.
        pass
    return ()


def _sums(wanted: OrderRequest) -> list[Told]:
    """Whether each line, and then the order, adds up, as far as they could be read."""
    told: list[Told] = []
    with localcontext(prec=_PRECISION):
        for line in wanted.lines:
            if line.quantity is None or line.unit_price is None or line.discount is None or line.total is None:
                continue
            if line.total != line.quantity * line.unit_price - line.discount:
                told.append(Told("total_amount", errors.LINE_TOTAL))
        totals = [line.total for line in wanted.lines]
        if wanted.total is not None and totals and None not in totals and wanted.total != sum(filter(None, totals)):
            told.append(Told("total_amount", errors.ORDER_TOTAL))
    return told


def _discounts(lines: Sequence[Line], integration: CallingIntegration) -> list[Told]:
    """Whether the integration may give them. That none is more than its line costs is for the core to say."""
    told: list[Told] = []
    for line in lines:
        if line.quantity is None or line.unit_price is None or not line.discount:
            continue
        with localcontext(prec=_PRECISION):
            price = line.quantity * line.unit_price
        if not integration.may_discount(line.discount, price):
            told.append(Told("discount", errors.DISCOUNT))
    return told
