"""Links to an order's invoice that need no sign-in: whoever has one was given it. The key is SECRET_KEY; of several the
first signs and all verify.
"""

from __future__ import annotations

import functools
from urllib.parse import urlencode

from django.conf import settings

from kit.signing import Signer
from orders.models import Order


def invoice_url(order: Order, *, note: str = "", format: str = "") -> str:
    """The absolute address of the order's invoice, or of a note that corrects it, by its number; as a page or in
    another format: pdf, xml."""
    signature = _signer(tuple(settings.SECRET_KEYS)).sign(_message(order))
    more = urlencode([(name, value) for name, value in (("note", note), ("format", format)) if value])
    address = f"{settings.PUBLIC_BASE_URL}/order/{order.number}/invoice?signature={signature}"
    return f"{address}&{more}" if more else address


def is_signed(order: Order, signature: object) -> bool:
    """Whether a signature is that of the order's link."""
    return _signer(tuple(settings.SECRET_KEYS)).verify(_message(order), signature)


def _message(order: Order) -> str:
    # The id as well: numbers begin anew when a database does.
    return f"{order.pk} {order.number}"


@functools.lru_cache(maxsize=8)
def _signer(keys: tuple[str, ...]) -> Signer:
    return Signer(keys, purpose="orders.invoices.links")
