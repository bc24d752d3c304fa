"""The one lock that whoever changes something of a customer's takes first.

Its place in the order of all locks: the order's row, its payment requests, the customer, the customer's credit, the
coupon, stock. What else belongs to the customer (memberships, an upgrade on its way) is locked after it, if at all.
"""

from __future__ import annotations

import uuid

from customers.models import Customer
from kit.errors import NotFound


def lock_customer(customer_id: uuid.UUID) -> Customer:
    """The customer, whom nobody else locks until the caller's transaction ends. Orders may still be placed for them:
    a foreign key does not wait for this lock.

    Raises NotFound, or TransactionManagementError outside a transaction.
    """
    customer = Customer.objects.select_for_update(no_key=True).filter(pk=customer_id).first()
    if customer is None:
        raise NotFound("customer")
    return customer
