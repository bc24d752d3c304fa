"""Slows down whoever guesses coupon codes. Only codes that do not exist count."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from customers import throttling
from customers.throttling import Limit
from kit.errors import DomainError
from orders.coupons.finding import WhyNot

UNKNOWN_CODES_PER_CUSTOMER = 20
"""Codes that do not exist, tried by one customer in a window of `customers.throttling.WINDOW_S`; then nobody looks."""


@contextmanager
def watched(customer_id: uuid.UUID, code: str | None) -> Iterator[None]:
    """Around an act that looks up a code: one that turns out not to exist counts against the customer.

    Raises TooManyFailures before anything is looked up once there were too many. Outside any transaction; nothing
    happens without a code.
    """
    if code is None:
        yield
        return
    limits = [Limit("coupon.customer", str(customer_id), UNKNOWN_CODES_PER_CUSTOMER)]
    throttling.refuse_when_exhausted(limits)
    try:
        yield
    except DomainError as error:
        if any(fault.code == "coupon_not_usable" and fault.facts["why"] == WhyNot.UNKNOWN for fault in error.faults):
            throttling.count_failure(limits)
        raise
