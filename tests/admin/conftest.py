"""A shop, its back office's people, and browsers that are signed in as them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from catalog.models import DeliveryMethod
from customers.models import User
from orders.models import Order, PaymentTerms
from orders_project.roles import ROLES, ensure_roles
from payments import collecting
from payments.models import PaymentRequest
from tests import shop
from tests.gateway_process import SandboxProcess
from tests.shop import Shop, Shopper

SUPERUSER, CUSTOMER, ANONYMOUS = "superuser", "customer", "anonymous"
EVERYBODY = (*ROLES, SUPERUSER, CUSTOMER, ANONYMOUS)

SignIn = Callable[[str], Client]


@pytest.fixture(autouse=True)
def cheap_hash(settings: Any) -> None:
    """A password costs 50 ms to hash on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def goods(db: None) -> Shop:
    """What is on sale."""
    return shop.open_shop()


@pytest.fixture
def sign_in(db: None) -> SignIn:
    """A browser with a session of somebody in a role; errors are answers, as in production."""
    ensure_roles()

    def somebody(role: str) -> Client:
        client = Client(raise_request_exception=False)
        if role != ANONYMOUS:
            client.force_login(_account(role))
        return client

    return somebody


def _account(role: str) -> User:
    email = f"{role}@example.com"
    known = User.objects.filter(email=email).first()
    if known:
        return known
    if role == SUPERUSER:
        return User.objects.create_superuser(email)
    if role == CUSTOMER:
        return shop.sign_up(email).user
    user = User.objects.create_user(email, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def root(sign_in: SignIn) -> Client:
    """A superuser's browser."""
    return sign_in(SUPERUSER)


def cash_order(ada: Shopper, goods: Shop, pieces: int = 1) -> Order:
    """An order to be paid on delivery: 9.50 USD a piece and 5.00 USD delivery."""
    return shop.place(ada, goods.cash, (goods.cable, pieces))


def online_order(ada: Shopper, goods: Shop) -> tuple[Order, PaymentRequest]:
    """An order whose payment a gateway waits for. Needs the sandbox."""
    order = shop.place(ada, goods.standard, (goods.cable, 1), terms=PaymentTerms.PREPAID)
    return order, collecting.create_at_gateway(PaymentRequest.objects.get(subject_id=order.pk).pk)


def paid_order(ada: Shopper, goods: Shop, sandbox: SandboxProcess) -> tuple[Order, PaymentRequest]:
    """An order that was just paid at the gateway; the gateway alone knows."""
    order, request = online_order(ada, goods)
    sandbox.pay(str(request.gateway_reference), webhook="none", last4="0504")
    return order, request


def page(order: Order, what: str = "change") -> str:
    """The address of an order's page or of one of its acts."""
    return f"/admin/orders/order/{order.pk}/{what}/"


def messages_of(response: Any) -> list[str]:
    """What the page after a redirect says."""
    return [str(message) for message in response.context["messages"]]


def any_delivery() -> DeliveryMethod:
    """Some delivery method."""
    return DeliveryMethod.objects.order_by("name")[0]
