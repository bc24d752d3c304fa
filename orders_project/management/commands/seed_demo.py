"""Fills an empty shop with demo data, and tops it up at every further run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from catalog.models import ProductKind
from customers.models import User
from orders_project.demo import coupons, flyers, goods, happenings, merchants, people, purchases, report, taxes

# Any number that nobody else uses.
_LOCK = 7_461_200


class Command(BaseCommand):
    help = (
        "Create or top up the demo shop: customers, staff, products, delivery methods, coupons, orders in every state."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo's passwords are known to everybody: seed_demo is refused in production.")
        with _alone():
            customers = people.ensure_customers()
            staff = people.ensure_staff()
            products = goods.ensure_products()
            methods = goods.ensure_delivery_methods()
            codes = coupons.ensure_coupons()
            taxes.ensure_tax_rates()
            physical = next(product for product in products if product.kind == ProductKind.PHYSICAL)
            cash = next(method for method in methods if method.cash_on_delivery)
            superuser = User.objects.get(email=people.SUPERUSER)
            shoppers = [one.customer for one in customers]
            purchases.ensure_orders(shoppers, physical, cash, superuser.pk)
            flyer = next(product for product in products if product.kind == ProductKind.FLYER)
            flyers.ensure_flyers(shoppers, flyer, superuser.pk)
            event = happenings.ensure_event(superuser)
            profiles = happenings.ensure_profiles(event, shoppers)
        found: dict[str, Any] = {
            "customers": report.customers(customers),
            "staff": staff,
            "products": report.products(products),
            "delivery_methods": report.delivery_methods(methods),
            "coupons": codes,
            "packages": [],
            "memberships": [],
            "events": happenings.shown(event, profiles),
            "orders": report.orders(customers),
            "apikey": "",
            "razorpay": merchants.ensure_merchant(),
        }
        if options["json"]:
            self.stdout.write(json.dumps(found))
            return
        self.stdout.write(f"{len(products)} products and {len(methods)} delivery methods are in the demo shop.")
        for person in [*found["customers"], *staff]:
            role = person.get("role", "customer")
            self.stdout.write(f"{role:<11} {person['email']}  password {person['password']}")
        self.stdout.write("merchant    key id {key_id}  key secret {key_secret}".format_map(found["razorpay"]))


@contextmanager
def _alone() -> Iterator[None]:
    """One seeding at a time: a second one waits for the first and then finds everything in place."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0; SET lock_timeout = 0")
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
