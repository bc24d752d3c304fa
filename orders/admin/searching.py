"""Finding an order by what a caller on the telephone reads out. Every search is one look-up in one index.

The text's shape decides what it is, so that no search is an OR over several columns, which would read the whole table.
"""

from __future__ import annotations

import re
import uuid

from django.db.models import QuerySet

from catalog.admin.pages import SHORTEST_PREFIX
from customers.models import normalised_email
from kit.ids import parse_id
from orders.models import Order
from payments.admin import searching

_NUMBER = re.compile(r"#?(\d{1,18})", re.ASCII)
# pi_..., ch_..., py_..., re_..., pyr_... (Stripe), order_..., pay_..., rfnd_... (Razorpay), cash_... (ours)
_GATEWAY_ID = re.compile(r"(pi|ch|py|re|pyr|order|pay|rfnd|cash)_\w{4,60}", re.ASCII)


def search_orders(orders: QuerySet[Order], text: str) -> QuerySet[Order]:
    """The orders that a text means: a number, an order's or a payment request's id, a gateway's id, or an e-mail.

    An e-mail is matched from its beginning, whole if it is short. A text without anything to look for changes nothing.
    """
    term = text.strip()
    if not term:
        return orders
    number = _NUMBER.fullmatch(term)
    if number:
        return orders.filter(number=int(number[1]))
    identifier = parse_id(term)
    if identifier is not None:
        return orders.filter(pk__in={identifier, *searching.subjects_of_request(identifier)})
    if _GATEWAY_ID.fullmatch(term):
        found: set[uuid.UUID] = searching.subjects_of_gateway_id(term)
        # An address may look like a gateway's id; only what the gateways do not know is taken for one.
        if found:
            return orders.filter(pk__in=found)
    email = normalised_email(term)
    return orders.filter(email=email) if len(email) < SHORTEST_PREFIX else orders.filter(email__startswith=email)
