"""Both gateways through their SDKs against the running sandbox, and a payer at it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.conf import settings

from kit.ids import new_id
from kit.money import Money
from payments.gateways.base import Ask, Gateway
from payments.gateways.razorpay import RazorpayGateway
from payments.gateways.stripe import StripeGateway
from tests.gateway_process import SandboxProcess

Make = Callable[..., Gateway]
WAIT_S = (0.5, 0.5)


def make(
    name: str,
    *,
    key: str | None = None,
    secrets: tuple[str, ...] | None = None,
    base: str | None = None,
    wait_s: tuple[float, float] = WAIT_S,
) -> Gateway:
    """A gateway as the settings would build it, with something exchanged."""
    if name == "stripe":
        return StripeGateway(
            api_key=key or settings.STRIPE_SECRET_KEY,
            webhook_secrets=secrets if secrets is not None else (settings.STRIPE_WEBHOOK_SECRET,),
            api_base=base or settings.STRIPE_API_BASE,
            timeout=wait_s,
        )
    return RazorpayGateway(
        key_id=settings.RAZORPAY_KEY_ID,
        key_secret=key or settings.RAZORPAY_KEY_SECRET,
        webhook_secrets=secrets if secrets is not None else (settings.RAZORPAY_WEBHOOK_SECRET,),
        api_base=base or settings.RAZORPAY_API_BASE,
        timeout=wait_s,
    )


@pytest.fixture(params=["stripe", "razorpay"])
def name(request: pytest.FixtureRequest) -> str:
    """Each gateway in turn."""
    return str(request.param)


@pytest.fixture
def gateway(name: str, sandbox: SandboxProcess) -> Gateway:
    """The gateway at the running sandbox."""
    del sandbox
    return make(name)


def new_ask(minor: int = 12345, currency: str = "USD") -> Ask:
    """Something to be paid, under a key of its own."""
    return Ask(key=str(new_id()), amount=Money(minor, currency), description="Order 1", since=datetime.now(UTC))
