"""The project as a whole: its migrations, what production refuses, and who may enter which route."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from customers.models import Address, Customer, User
from orders import actors
from orders.campaigns.images import store_image
from orders.cash import collect_cash
from orders.models import OrderRefund
from orders_project.roles import ensure_roles
from tests import flyers
from tests import shop as shops
from tests.events import add_event, add_profile
from tests.shop import Shop, item, order_body, send

# --- migrations -----------------------------------------------------------------------------------------------------


def test_no_migration_is_missing(db: None) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_sandbox_has_no_table_beside_ours(db: None) -> None:
    tables = connection.introspection.table_names()
    assert "orders_order" in tables
    assert [name for name in tables if name.startswith("sandbox_")] == []


# --- production -----------------------------------------------------------------------------------------------------

PRODUCTION = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "qJ4v9!mZ2xW7pL0sK8dF6hG3nB5tY1rE-uI_oP=aQcVbNwXzLkMj",
    "ALLOWED_HOSTS": "shop.example",
    "PUBLIC_BASE_URL": "https://shop.example",
    "STRIPE_SECRET_KEY": "sk_live_0123456789",
    "STRIPE_WEBHOOK_SECRET": "whsec_0123456789",
    "MAIL_HOST": "mail.shop.example",
}
_OURS = re.compile(
    r"(STRIPE|RAZORPAY|DJANGO|SANDBOX|OUTGOING)_|SECRET_KEY|DEBUG|ENVIRONMENT|ALLOWED_HOSTS|PUBLIC_BASE_URL|PORT"
)


def run_in_production(*command: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """Python with production's environment and some changes to it; None takes a variable away."""
    inherited = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    wanted = {**inherited, **PRODUCTION, **changes}
    environment = {name: value for name, value in wanted.items() if value is not None}
    return subprocess.run(
        [sys.executable, *command], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
    )


def test_a_production_that_is_set_up_passes_every_check() -> None:
    done = run_in_production("manage.py", "check", "--deploy", "--fail-level", "WARNING")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"SECRET_KEY": None}, "E001"),
        ({"SECRET_KEY": settings.DEVELOPMENT_SECRET_KEY}, "E001"),
        ({"SECRET_KEY": f"{PRODUCTION['SECRET_KEY']},{settings.DEVELOPMENT_SECRET_KEY}"}, "E001"),
        ({"SECRET_KEY": "short"}, "E001"),
        ({"STRIPE_SECRET_KEY": None}, "E002"),
        ({"STRIPE_API_BASE": "http://127.0.0.1:8001/sandbox/stripe"}, "E002"),
        ({"DEBUG": "true"}, "E003"),
        ({"STRIPE_WEBHOOK_SECRET": None}, "E004"),
        ({"RAZORPAY_KEY_ID": "rzp_live_1", "RAZORPAY_KEY_SECRET": "x"}, "E004"),
        ({"RAZORPAY_KEY_ID": "rzp_live_1", "RAZORPAY_WEBHOOK_SECRET": "x"}, "E004"),
        ({"PUBLIC_BASE_URL": "http://shop.example"}, "E005"),
        ({"PUBLIC_BASE_URL": None}, "E005"),
        ({"OUTGOING_ALLOWED_PRIVATE_HOSTS": "127.0.0.1"}, "E006"),
        ({"CRASH_AT": "refund_asked"}, "E010"),
    ],
)
def test_production_does_not_start_with_a_development_default(changes: dict[str, str | None], error: str) -> None:
    server = run_in_production("-c", "import orders_project.wsgi", **changes)
    assert server.returncode != 0
    assert f"quittance.{error}" in server.stderr


def test_production_has_neither_the_sandbox_nor_its_routes_nor_demo_data() -> None:
    looks = (
        "import django; django.setup()\n"
        "from django.conf import settings; from django.urls import resolve, Resolver404\n"
        "assert 'payments.sandbox' not in settings.INSTALLED_APPS and 'sandbox' not in settings.DATABASES\n"
        "try: resolve('/sandbox/pay')\n"
        "except Resolver404: pass\n"
        "else: raise SystemExit('the sandbox answers')\n"
    )
    done = run_in_production("-c", looks, DJANGO_SETTINGS_MODULE="orders_project.settings")
    assert done.returncode == 0, done.stderr
    refused = run_in_production("manage.py", "seed_demo", "--json")
    assert (refused.returncode != 0, refused.stdout) == (True, "")


def test_a_shell_that_knows_of_no_database_is_told_so_in_one_line(tmp_path: Path) -> None:
    bare = (
        "import runpy, sys; from pathlib import Path; from orders_project import environment; "
        f"environment.BASE_DIR = Path({str(tmp_path)!r}); sys.argv = ['manage.py', 'check_books']; "
        "runpy.run_path('manage.py', run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", bare],
        cwd=settings.BASE_DIR,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "No `make run` is serving here: start it, or set DATABASE_URL and ENVIRONMENT.\n"


_SETTING = re.compile(r"""\benv\.\w+\(\s*"(\w+)\"""")


def test_the_example_names_every_setting_and_no_other() -> None:
    read = {
        name
        for module in ("settings", "environment")
        for name in _SETTING.findall((settings.BASE_DIR / "orders_project" / f"{module}.py").read_text())
    }
    example = (settings.BASE_DIR / ".env.example").read_text()
    shown = re.findall(r"^# ([A-Z_]+)=", example, re.MULTILINE)
    assert len(shown) == len(set(shown))
    # What `make run` alone reads.
    assert set(shown) == read | {"WEB_WORKERS"}


# --- who may enter which route --------------------------------------------------------------------------------------


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ROLES = ("anonymous", "other customer", "staff", "owner", "support")
type Row = tuple[str, str, tuple[int, int, int, int, int]]
# Route -> method, path, and the status for each of ROLES. Another's thing is a 404, like one that does not exist; staff
# who are no customer have no account and no addresses at all; those who may see orders read them, and are refused what
# their role does not do.
ROUTES: dict[str, Row] = {
    "home": ("GET", "/", (302, 302, 302, 302, 302)),
    "index": ("GET", "/api/v1/", (200, 200, 200, 200, 200)),
    "health": ("GET", "/api/v1/health/", (200, 200, 200, 200, 200)),
    "webhook": ("POST", "/api/v1/webhooks/stripe/", (400, 400, 400, 400, 400)),  # not signed by the gateway
    "register": ("POST", "/api/v1/auth/register/", (400, 400, 400, 400, 400)),  # an empty form
    "token": ("POST", "/api/v1/auth/token/", (400, 400, 400, 400, 400)),
    "refresh": ("POST", "/api/v1/auth/refresh/", (400, 400, 400, 400, 400)),
    "logout": ("POST", "/api/v1/auth/logout/", (401, 204, 204, 204, 204)),
    "password": ("POST", "/api/v1/auth/password/", (401, 400, 400, 400, 400)),
    "me": ("GET", "/api/v1/customers/me/", (401, 200, 403, 200, 403)),
    "addresses": ("GET", "/api/v1/addresses/", (401, 200, 403, 200, 403)),
    "address": ("GET", "/api/v1/addresses/{address}/", (401, 404, 403, 200, 403)),
    "products": ("GET", "/api/v1/products/", (200, 200, 200, 200, 200)),
    "product": ("GET", "/api/v1/products/{product}/", (200, 200, 200, 200, 200)),
    "delivery-methods": ("GET", "/api/v1/delivery-methods/", (200, 200, 200, 200, 200)),
    "orders": ("GET", "/api/v1/orders/", (401, 200, 200, 200, 200)),
    "order": ("GET", "/api/v1/orders/{order}/", (401, 404, 404, 200, 200)),
    "order-cancel": ("POST", "/api/v1/orders/{order}/cancel/", (401, 404, 404, 200, 403)),
    "order-payments": ("GET", "/api/v1/orders/{order}/payments/", (401, 404, 404, 200, 200)),
    "order-refunds": ("GET", "/api/v1/orders/{order}/refunds/", (401, 404, 404, 200, 200)),
    "order-refund": ("GET", "/api/v1/orders/{refunded}/refunds/{refund}/", (401, 404, 404, 200, 200)),
    "order-refund-approve": ("POST", "/api/v1/orders/{refunded}/refunds/{refund}/approve/", (401, 404, 404, 403, 403)),
    "order-refund-refuse": ("POST", "/api/v1/orders/{refunded}/refunds/{refund}/refuse/", (401, 404, 404, 403, 400)),
    "order-flyers": ("GET", "/api/v1/orders/{order}/flyers/", (401, 404, 404, 200, 200)),
    "order-flyer": ("PATCH", "/api/v1/orders/{flyers}/flyers/1/", (401, 404, 404, 200, 403)),
    "flyer-figures": ("POST", "/api/v1/flyers/{flyer}/figures/", (401, 401, 401, 401, 401)),  # for mailing systems
    "flyer-images": ("POST", "/api/v1/flyer-images/", (401, 415, 403, 415, 403)),  # no form
    "upload": ("GET", "/uploads/{upload}", (200, 200, 200, 200, 200)),
    "events": ("GET", "/api/v1/events/", (200, 200, 200, 200, 200)),
    "event-entries": ("POST", "/api/v1/events/{event}/entries/", (401, 400, 403, 400, 403)),  # an empty form
    "entries": ("GET", "/api/v1/entries/", (401, 200, 403, 200, 403)),
    "entry": ("GET", "/api/v1/entries/{entry}/", (401, 404, 403, 200, 403)),
    "event-entry": ("POST", "/order/{event}/{entry}", (401, 403, 403, 409, 403)),  # the event is over
    "coupon-preview": ("POST", "/api/v1/coupons/preview/", (401, 400, 403, 400, 403)),  # an empty form
    "credits": ("GET", "/api/v1/credits/", (401, 200, 403, 200, 403)),
    # The signature, or the order's id, is the capability.
    "razorpay-verify": ("POST", "/api/v1/payments/razorpay/verify/", (400, 400, 400, 400, 400)),
    "razorpay-standing": ("GET", "/api/v1/payments/razorpay/order_0/", (404, 404, 404, 404, 404)),
    "checkout": ("GET", "/checkout/order_00000000000000", (404, 404, 404, 404, 404)),
    "checkout-return": ("POST", "/checkout/order_00000000000000/return", (400, 400, 400, 400, 400)),
    "schema": ("GET", "/api/schema/", (200, 200, 200, 200, 200)),
    "docs": ("GET", "/api/docs/", (200, 200, 200, 200, 200)),
    "admin": ("GET", "/admin", (302, 302, 302, 302, 302)),  # to the back office's own door, below
    "storefront-with-payment": ("POST", "/api/orders/with-payment", (401, 404, 404, 200, 404)),
    "storefront-orders": ("POST", "/api/orders", (401, 404, 404, 204, 404)),
    "storefront-paid": ("PATCH", "/api/orders/{paid}/paid", (401, 404, 404, 204, 404)),
    "retrieval-order": ("GET", "/api/order/{number}", (401, 403, 403, 200, 200)),
    "retrieval-nothing": ("GET", "/api/order/7/contents", (404, 404, 404, 404, 404)),
    # Whoever has the link needs no account; without its signature everybody is refused alike.
    "invoice": ("GET", "/order/{number}/invoice", (403, 403, 403, 403, 403)),
    "storefront-nothing": ("GET", "/api/orders/7/contents", (404, 404, 404, 404, 404)),
    # Merchants alone, with their keys (tests/dialects/razorpay): nobody's token counts here.
    "razorpay-orders": ("GET", "/v1/orders", (401, 401, 401, 401, 401)),
    "razorpay-order": ("GET", "/v1/orders/{order}", (401, 401, 401, 401, 401)),
    "razorpay-order-payments": ("GET", "/v1/orders/{order}/payments", (401, 401, 401, 401, 401)),
    "razorpay-payment": ("GET", "/v1/payments/{order}", (401, 401, 401, 401, 401)),
    "razorpay-capture": ("POST", "/v1/payments/{order}/capture", (401, 401, 401, 401, 401)),
    "razorpay-refund": ("POST", "/v1/payments/{order}/refund", (401, 401, 401, 401, 401)),
    "razorpay-payment-refunds": ("GET", "/v1/payments/{order}/refunds", (401, 401, 401, 401, 401)),
    "razorpay-payment-refund": ("GET", "/v1/payments/{order}/refunds/{refund}", (401, 401, 401, 401, 401)),
    "razorpay-refunds": ("POST", "/v1/refunds", (401, 401, 401, 401, 401)),
    "razorpay-one-refund": ("GET", "/v1/refunds/{refund}", (401, 401, 401, 401, 401)),
    "razorpay-nothing": ("GET", "/v1/customers", (404, 404, 404, 404, 404)),
}


def _routes(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, path)
        else:
            yield path, pattern


def _ours() -> set[str]:
    """The names of all routes but the back office's, below, and the sandbox's, which production does not have."""
    routes = _routes(get_resolver().url_patterns)
    return {pattern.name or path for path, pattern in routes if not path.startswith(("admin/", "sandbox/"))}


def test_every_route_says_who_may_enter() -> None:
    assert _ours() == set(ROUTES)


@pytest.fixture
def people(shop: Shop) -> dict[str, Any]:
    """One of each role, and what belongs to the owner."""
    owner = shops.sign_up("owner@example.com")
    gift = shops.add_article("Gift", "GIFT", 0)
    free = shops.add_delivery("Free", 0, cash_on_delivery=True)
    answer = send("POST", "/api/orders/with-payment", order_body(owner, free, item(gift)), by=owner)
    address = Address.objects.create(
        customer=owner.customer, street="123 Main St", city="New York", postal_code="10001", country="US"
    )
    refunded = shops.place(owner, shop.cash, (shop.cable, 1))
    collect_cash(refunded.pk, amount=refunded.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    shops.give_back(refunded.pk, refunded.total)
    of_flyers = flyers.flyer_order(owner, shop)
    image = store_image(flyers.picture(), uploader=owner.user, customer_id=owner.customer.pk)
    event = add_event(opens_at=LONG_AGO, closes_at=LONG_AGO + timedelta(days=1))
    ensure_roles()
    support = shops.hire("support@example.com")
    support.groups.add(Group.objects.get(name="support"))
    return {
        "anonymous": None,
        "other customer": shops.sign_up("other@example.com"),
        "staff": shops.access_of(shops.hire()),
        "owner": owner,
        "support": shops.access_of(support),
        "body": order_body(owner, free, item(gift)),
        "names": {
            "address": address.pk,
            "product": gift.product_id,
            "order": shops.place(owner, shop.cash, (shop.cable, 1)).pk,
            "paid": answer["Location"].rstrip("/").rpartition("/")[2],
            "refunded": refunded.pk,
            "refund": OrderRefund.objects.get().pk,
            "flyers": of_flyers.pk,
            "flyer": flyers.campaigns(of_flyers)[0].pk,
            "number": of_flyers.number,
            "upload": image.name,
            "event": event.slug,
            "entry": add_profile(owner, event).pk.hex,
        },
    }


def _call(people: dict[str, Any], role: str, method: str, path: str) -> HttpResponse:
    body = people["body"] if path.startswith("/api/orders") else b"" if method == "GET" else {}
    return send(method, path.format(**people["names"]), body, by=people[role])


@pytest.mark.parametrize("route", ROUTES)
def test_each_role_gets_its_answer_at_each_route(people: dict[str, Any], route: str) -> None:
    method, path, statuses = ROUTES[route]
    answers = {role: _call(people, role, method, path) for role in ROLES}
    assert {role: answer.status_code for role, answer in answers.items()} == dict(zip(ROLES, statuses, strict=True))
    secret = str(people["owner"].customer.pk).encode()
    assert not any(secret in answers[role].content for role in ROLES[:3])


# What everybody may see, links that are signed, and the one interface whose contract tells another's from nobody's.
_TOLD_APART = {"product", "upload", "invoice", "event-entries", "event-entry"}


@pytest.mark.parametrize(
    "route", [name for name, (_, path, _) in ROUTES.items() if "{" in path and name not in _TOLD_APART]
)
def test_what_is_anothers_and_what_does_not_exist_are_one_answer(people: dict[str, Any], route: str) -> None:
    method, path, _ = ROUTES[route]
    another = _call(people, "other customer", method, path)
    people["names"] = dict.fromkeys(people["names"], uuid.UUID(int=7))
    none = _call(people, "other customer", method, path)
    assert (another.status_code, another.content) == (none.status_code, none.content)


@pytest.mark.parametrize("route", ROUTES)
def test_no_method_at_any_route_is_an_error_of_ours(people: dict[str, Any], route: str) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"):
        for role in ("anonymous", "other customer"):
            assert _call(people, role, method, ROUTES[route][1]).status_code < 500, (method, role)


# --- the back office ------------------------------------------------------------------------------------------------

OPEN_TO_ALL = {"login"}
# What somebody sees who may sign in there and has no right.
OPEN_TO_STAFF = {"index", "logout", "password_change", "password_change_done", "jsi18n", "login", "search", None}


def _back_office() -> Iterator[tuple[str, str | None]]:
    for path, pattern in _routes(get_resolver().url_patterns):
        if path.startswith("admin/"):
            filled = re.sub(r"\^?\(\?P<app_label>.*", "orders/", path)
            filled = re.sub(r"\(\?P<url>.*", "nothing/", filled)
            filled = re.sub(r"<[^>]+>", str(uuid.UUID(int=7)), filled)
            yield f"/{filled}", pattern.name


def _session(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def test_the_back_office_is_closed_to_everybody_but_staff(db: None) -> None:
    customer = User.objects.create_user("ada@example.com")
    Customer.objects.create(user=customer)
    paths = list(_back_office())
    assert len(paths) > 50
    for client in (Client(raise_request_exception=False), _session(customer)):
        for path, name in paths:
            for method in ("get", "post"):
                response = getattr(client, method)(path)
                if name in OPEN_TO_ALL or name == "logout":
                    assert response.status_code < 500, (method, path)
                else:
                    assert response.status_code in (302, 403, 404, 405), (method, path, response.status_code)
                    if response.status_code == 302:
                        assert response["Location"].startswith("/admin/"), (method, path, response["Location"])


def test_staff_without_a_right_see_nothing_of_the_shop(shop: Shop) -> None:
    client = _session(shops.hire())
    for path, name in _back_office():
        if name not in OPEN_TO_STAFF:
            for method in ("get", "post"):
                response = getattr(client, method)(path)
                assert response.status_code in (302, 403, 404, 405), (method, path, response.status_code)
                assert response.status_code != 302 or response["Location"] == "/admin/", (method, path)
