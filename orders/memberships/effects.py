"""What a move of an order with a package means for its customer's membership. Runs in the transaction of the move,
under the locks of the order and of the customer, is harmless to repeat, and refuses nothing: money that has come is
here.

What is paid gives what makes sense by then: without a membership it begins one, of the present package it adds days, of
a higher tier it upgrades at once. Where the customer is a member of a higher tier, or of another package of the same,
it gives nothing, and its value is the customer's credit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum

from django.conf import settings

from customers.memberships import acts
from customers.memberships.acts import Left, find_active
from customers.memberships.reversing import reverse
from customers.memberships.upgrades import abandon_upgrade
from customers.models import Customer, UpgradeProcess
from orders.memberships.crediting import bring_in_line
from orders.models import Order, OrderStatus, PackageOrder, PackageOutcome

_TICK = timedelta(microseconds=1)


class Remainder(StrEnum):
    """What becomes of the paid days that an upgrade leaves unused."""

    NONE = "none"
    PRO_RATA = "pro_rata"  # their share of what was paid for them is credit


def lock_member(order: Order) -> bool:
    """The order's customer is locked if the order has a package; whether it has. One statement."""
    customers = Customer.objects.select_for_update(no_key=True, of=("self",))
    return customers.filter(pk=order.customer_id, orders__package=order.pk).first() is not None


def follow(order: Order, to: OrderStatus) -> None:
    """The order has come to a status; its customer is locked (`lock_member`)."""
    package = PackageOrder.objects.select_related("order").get(pk=order.pk)
    if to in (OrderStatus.PAID, OrderStatus.COMPLETED):
        if package.outcome not in (PackageOutcome.GIVEN, PackageOutcome.CREDITED):
            _give(package)
    elif to in (OrderStatus.CANCELLED, OrderStatus.REFUNDED):
        _undo(package)


def follow_refund(order: Order) -> None:
    """Some of the order's money went back, or is here after all: the credit for its package is never more than what is
    left of it. Locks the customer, if the order has a package, and their credit."""
    if lock_member(order):
        bring_in_line(PackageOrder.objects.select_related("order").get(pk=order.pk))


def credit_remainder(left: Sequence[Left], *, by: Order | None) -> None:
    """What an upgrade has left of each order's days is credited, if the shop does so: its share of what was paid for
    the days and not given back, rounded down. `by` is the upgrade's order. The caller holds the customer locked."""
    if Remainder(settings.MEMBERSHIP_REMAINDER) == Remainder.NONE:
        return
    parts = {part.order_id: part for part in left if part.order_id}
    for package in PackageOrder.objects.select_related("order").filter(pk__in=parts).order_by("pk"):
        part, order = parts[package.pk], package.order
        kept = order.total_minor + order.credits_minor - order.refunded_minor
        value = max(0, min(package.value_minor, kept))
        package.remainder_minor, package.remainder_by = value * (part.left // _TICK) // (part.given // _TICK), by
        package.save(update_fields=["remainder_minor", "remainder_by"])
        bring_in_line(package)


def _give(package: PackageOrder) -> None:
    customer_id = package.order.customer_id
    active = find_active(customer_id)
    process = UpgradeProcess.objects.filter(order_id=package.pk).first()
    is_same = active is not None and active.product_id == package.product_id
    is_above = active is None or package.tier > active.tier
    if package.outcome == PackageOutcome.UNDONE or not package.tier or not (is_same or is_above):
        # It has given and lost its days before, or there is nothing that it could give by now.
        _end_process(process, "Credited instead: a member of this tier or a higher one by then")
        _come_to(package, PackageOutcome.CREDITED)
        return
    if is_same:
        # Whoever has come to the tier by another way has paid for more of it.
        _end_process(process, "Renewed instead: a member of this tier by then")
        acts.renew(customer_id, package, order_id=package.pk)
        _come_to(package, PackageOutcome.GIVEN)
        return
    granted = acts.upgrade(customer_id, package, order_id=package.pk)
    _come_to(package, PackageOutcome.GIVEN)
    credit_remainder(granted.left, by=package.order)


def _undo(package: PackageOrder) -> None:
    process = UpgradeProcess.objects.filter(order_id=package.pk).first()
    _end_process(process, "Its order was called off")
    if package.outcome == PackageOutcome.WAITING:
        _come_to(package, PackageOutcome.CALLED_OFF)
        return
    if package.outcome not in (PackageOutcome.GIVEN, PackageOutcome.CREDITED):
        return
    if package.outcome == PackageOutcome.GIVEN:
        reverse(package.pk)
    # The days that it had left unused count again.
    for replaced in PackageOrder.objects.select_related("order").filter(remainder_by=package.pk):
        replaced.remainder_minor, replaced.remainder_by = 0, None
        replaced.save(update_fields=["remainder_minor", "remainder_by"])
        bring_in_line(replaced)
    _come_to(package, PackageOutcome.UNDONE)


def _come_to(package: PackageOrder, outcome: PackageOutcome) -> None:
    package.outcome = outcome
    package.save(update_fields=["outcome"])
    bring_in_line(package)


def _end_process(process: UpgradeProcess | None, reason: str) -> None:
    if process is not None:
        abandon_upgrade(process.pk, reason=reason)
