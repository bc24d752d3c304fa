"""The gateways, built from the settings once per process. Only the modules in here know a gateway's SDK."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from payments.gateways.base import Gateway
from payments.gateways.offline import OfflineGateway
from payments.gateways.razorpay import RazorpayGateway
from payments.gateways.stripe import StripeGateway


def cash_box() -> OfflineGateway:
    """The gateway of cash, which needs no configuration."""
    return OfflineGateway()


def razorpay() -> RazorpayGateway:
    """The gateway through which merchants collect. Raises KeyError if it is not configured."""
    gateway = online("razorpay")
    assert isinstance(gateway, RazorpayGateway)
    return gateway


@cache
def online(name: str) -> Gateway:
    """The gateway of that name. Raises KeyError for one that is not online or not configured."""
    timeout = (settings.GATEWAY_CONNECT_TIMEOUT_S, settings.GATEWAY_READ_TIMEOUT_S)
    if name == "stripe" and settings.STRIPE_SECRET_KEY:
        return StripeGateway(
            api_key=settings.STRIPE_SECRET_KEY,
            webhook_secrets=tuple(settings.STRIPE_WEBHOOK_SECRET.split(",")),
            api_base=settings.STRIPE_API_BASE,
            timeout=timeout,
        )
    if name == "razorpay" and settings.RAZORPAY_KEY_ID:
        return RazorpayGateway(
            key_id=settings.RAZORPAY_KEY_ID,
            key_secret=settings.RAZORPAY_KEY_SECRET,
            webhook_secrets=tuple(settings.RAZORPAY_WEBHOOK_SECRET.split(",")),
            api_base=settings.RAZORPAY_API_BASE,
            timeout=timeout,
        )
    raise KeyError(name)
