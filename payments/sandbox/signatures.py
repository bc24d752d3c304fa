"""Signatures as the two gateways make them."""

from __future__ import annotations

import hashlib
import hmac


def stripe_signature(secret: str, body: bytes, timestamp: int) -> str:
    """The value of `Stripe-Signature` for a body sent at that Unix second."""
    mac = _mac(secret, f"{timestamp}.".encode() + body)
    return f"t={timestamp},v1={mac}"


def razorpay_signature(secret: str, body: bytes) -> str:
    """The value of `X-Razorpay-Signature`: it covers the body and nothing else."""
    return _mac(secret, body)


def checkout_signature(secret: str, order_id: str, payment_id: str) -> str:
    """What Razorpay's checkout hands to the shopper's browser after a payment."""
    return _mac(secret, f"{order_id}|{payment_id}".encode())


def _mac(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
