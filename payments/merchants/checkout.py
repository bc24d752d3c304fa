"""What the checkout page has to know of a merchant: whose order it shows, where it may send the payer, and what it
hands on there."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from payments.merchants import keys
from payments.merchants.models import MerchantOrder


@dataclass(frozen=True, slots=True)
class Payee:
    """Who is paid, and the only addresses that a payer may be sent to."""

    name: str
    callback_urls: tuple[str, ...]


def payee_of(reference: str) -> Payee | None:
    """The merchant whose order it is; None for an order of the shop."""
    order = MerchantOrder.objects.select_related("merchant").filter(reference=reference).first()
    return None if order is None else Payee(order.merchant.name, tuple(order.merchant.callback_urls))


def signed_outcome(reference: str, payment_id: str) -> str | None:
    """The signature that tells a merchant's own server that its order was paid by this payment, as Razorpay's checkout
    signs: by the merchant's secret. None if the merchant has no key that counts."""
    secret = keys.checkout_secret(reference)
    if secret is None:
        return None
    return hmac.new(secret.encode(), f"{reference}|{payment_id}".encode(), hashlib.sha256).hexdigest()
