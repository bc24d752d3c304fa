"""Credit for what an order with a package cannot give or has not used up: the difference between what should stand and
what stands is posted, so that repeating it changes nothing. Credit is taken back as far as it is there.
"""

from __future__ import annotations

from kit import clock
from orders.models import PackageOrder, PackageOutcome
from payments import ledger, queries
from payments.credits import expiring
from payments.ledger import Leg
from payments.models import Account, TransferKind


def bring_in_line(package: PackageOrder) -> None:
    """The customer has the credit that the package's order calls for, or as much of it as cannot be taken back, and
    the row says how much that is. Minor units of the order's currency.

    The caller holds the customer locked; locks the customer's credit.
    """
    order, due = package.order, _due(package)
    if due == package.credit_minor:
        return
    name = f"package-credit:{order.pk}:"
    change = due - package.credit_minor
    if change < 0:
        # What is over is not taken in the place of what is good.
        expiring.expire(order.customer_id, order.currency, now=clock.now())
        change = -min(-change, queries.locked_credit_minor(order.customer_id, order.currency))
    ledger.post(
        source=f"{name}{ledger.standing(name).transfers + 1}",
        kind=TransferKind.PACKAGE_CREDIT,
        currency=order.currency,
        legs=(
            # No subject: the sale itself stays whole, with its invoice and its tax, and so does what paid for it.
            Leg(Account.REFUNDS, change),
            Leg(Account.CUSTOMER_CREDIT, -change, customer_id=order.customer_id),
        ),
    )
    package.credit_minor += change
    package.save(update_fields=["credit_minor"])


def _due(package: PackageOrder) -> int:
    """Never more than what of the order's money is still here."""
    order = package.order
    kept = order.total_minor + order.credits_minor - order.refunded_minor - order.credits_returned_minor
    match package.outcome:
        case PackageOutcome.GIVEN:
            return max(0, min(kept, package.extra_minor + package.remainder_minor))
        case PackageOutcome.CREDITED:
            return max(0, min(kept, package.extra_minor + package.value_minor))
        case _:
            return 0
