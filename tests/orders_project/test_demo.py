"""The demo data: an order in every state, two flyers on their way, and nothing of it that gets in the way."""

from __future__ import annotations

import json
import re
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import transaction

from catalog.models import Package
from customers.genealogy import tree
from customers.integrations.keys import caller_of
from customers.integrations.models import Integration, Scope
from customers.memberships import acts, letters, upgrades
from customers.models import Customer, Membership, MembershipHistory, Placement
from kit import clock
from orders.models import Campaign, Coupon, Order, OrderStatus
from orders.notifications import send_due
from orders_project.demo.merchants import ensure_merchant
from orders_project.roles import ensure_roles
from payments.merchants import keys
from payments.merchants.models import Merchant
from tests.shop import ADDRESS, WITH_PAYMENT, send


@pytest.fixture(autouse=True)
def cheap_hash(settings: Any) -> None:
    """A password costs 50 ms to hash on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def seed() -> dict[str, Any]:
    """What `seed_demo --json` prints."""
    ensure_roles()
    out = StringIO()
    call_command("seed_demo", "--json", stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def test_the_demo_has_every_state_and_mails_nobody(db: None) -> None:
    seed()
    assert set(Order.objects.values_list("status", flat=True)) == {status.value for status in OrderStatus}
    assert send_due() == 0
    assert mail.outbox == []


def test_the_demo_sells_packages_of_three_tiers(db: None) -> None:
    told = seed()
    numbers = {product["id"]: product["number"] for product in told["products"] if product["kind"] == "package"}
    assert [(row["tier"], row["price"], row["currency"]) for row in told["packages"]] == [
        (10, "49.00", "USD"),
        (20, "149.00", "USD"),
        (30, "399.00", "USD"),
    ]
    assert {row["product_id"]: row["product_number"] for row in told["packages"]} == numbers


def test_the_first_three_stand_one_below_the_other_and_the_next_waits(db: None) -> None:
    first, second, third, waits = (uuid.UUID(row["id"]) for row in seed()["customers"])
    assert dict(Placement.objects.values_list("pk", "sponsor_id")) == {first: None, second: first, third: second}
    assert tree.is_below(third, first)
    assert [row.pk for row in tree.waiting()] == [waits]


def test_the_third_is_a_member_of_the_lowest_tier_far_from_the_end(db: None) -> None:
    told = seed()
    (row,) = told["memberships"]
    assert (row["customer_id"], row["product_id"]) == (told["customers"][2]["id"], told["packages"][0]["product_id"])
    assert datetime.fromisoformat(row["ends"]) - clock.now() > timedelta(days=180)
    assert not Order.objects.filter(customer=row["customer_id"]).exists()


def test_the_apikey_counts_and_may_do_everything(db: None) -> None:
    told = seed()
    integration = caller_of(told["apikey"], "127.0.0.1")
    assert integration.scopes == set(Scope.values)
    assert integration.may_discount(Decimal(1), Decimal(1))
    assert (seed()["apikey"], Integration.objects.count()) == (told["apikey"], 1)


def test_a_further_run_changes_nothing_that_is_in_order(db: None) -> None:
    told = seed()
    again = seed()
    for part in ("packages", "memberships"):
        assert again[part] == told[part]
    assert (Placement.objects.count(), MembershipHistory.objects.count()) == (3, 1)


def test_a_further_run_tops_the_membership_up(db: None) -> None:
    member = uuid.UUID(seed()["customers"][2]["id"])
    with transaction.atomic():
        process = upgrades.begin_upgrade(member, Package.objects.get(tier=20), reason="a trial")
    with clock.turned(timedelta(days=200)):
        seed()
        assert Membership.objects.get().ends_at - clock.now() > timedelta(days=500)
    process.refresh_from_db()
    assert process.state == "abandoned"
    with clock.turned(timedelta(days=800)):
        with transaction.atomic():
            acts.expire(Membership.objects.get().pk)
        (row,) = seed()["memberships"]
        assert datetime.fromisoformat(row["ends"]) - clock.now() > timedelta(days=300)
        assert letters.send_due() == 1
    assert mail.outbox == []


def test_two_flyers_of_a_listed_customer_move_on_with_every_run(db: None) -> None:
    ensure_roles()
    seen = []
    for _ in range(3):
        told = seed()
        tokens = {customer["id"]: customer["access"] for customer in told["customers"]}
        flyers = []
        for order in told["orders"]:
            answer = send("GET", f"/api/order/{order['number']}", by=tokens[order["customer_id"]])
            body = json.loads(answer.content)
            assert (answer.status_code, body["status"]) == (200, order["status"])
            flyers += [body["products"]["flyers"]] if len(body["products"]["flyers"]) == 2 else []
        ((first, second),) = flyers
        assert (first["status"], second["status"], second["rush"]) == ("Sending", "Scheduled", "1")
        assert (first["prop_price"], second["prop_price"]) == ("$835,500", "$1,250,000")
        assert send("GET", first["main_image"]).status_code == 200
        seen.append((first["percentage_completed"], first["delivered"], first["opened"], first["clicked"]))
    assert seen == [(7, 1646, 658, 82), (14, 3292, 1316, 164), (21, 4939, 1975, 246)]
    assert Campaign.objects.count() == 2


def test_the_demos_merchant_has_the_same_key_on_every_run_until_it_is_revoked(db: None) -> None:
    first = ensure_merchant()
    assert re.fullmatch(r"rzp_test_[0-9A-Za-z]{14}", first["key_id"])
    assert ensure_merchant() == first
    caller = keys.caller_of(first["key_id"], first["key_secret"])
    assert Merchant.objects.get().pk == caller.merchant_id

    keys.revoke(caller.key_id)
    Merchant.objects.update(active=False)

    second = ensure_merchant()
    assert (second["key_secret"], second["key_id"] != first["key_id"]) == (first["key_secret"], True)
    assert keys.caller_of(second["key_id"], second["key_secret"]).merchant_id == caller.merchant_id
    assert ensure_merchant() == second


def test_the_demo_has_a_coupon_of_each_kind_and_one_that_covers_everything(db: None) -> None:
    """Whatever people did to them since, every run makes them usable again."""
    ensure_roles()
    expected = [
        {"code": "DEMO10", "kind": "percent", "value": "10"},
        {"code": "DEMO15USD", "kind": "amount", "value": "15.00"},
        {"code": "DEMOSHIP", "kind": "free_delivery", "value": ""},
        {"code": "DEMOFREE", "kind": "percent", "value": "100"},
    ]
    for _ in range(2):
        out = StringIO()
        call_command("seed_demo", "--json", stdout=out)
        found = json.loads(out.getvalue())
        assert found["coupons"] == expected
        assert {product["kind"] for product in found["products"]} == {"physical", "package", "flyer"}
        customer = Customer.objects.get(pk=found["customers"][0]["id"])
        product, method = found["products"][0], found["delivery_methods"][0]
        body = {
            "customerId": str(customer.pk),
            "deliveryMethodId": method["id"],
            "deliveryAddress": ADDRESS,
            "items": [{"productId": product["id"], "variantId": None, "quantity": 1}],
            "couponCode": "DEMOFREE",
        }
        answer = send("POST", WITH_PAYMENT, body, by=found["customers"][0]["access"])
        assert (answer.status_code, json.loads(answer.content)["totalAmount"]) == (200, 0)
        Coupon.objects.update(active=False, max_uses_per_customer=1, kinds=["flyer"])
