"""The demo data: an order in every state, two flyers on their way, and nothing of it that gets in the way."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any

from django.core import mail
from django.core.management import call_command

from customers.models import Customer
from orders.models import Campaign, Coupon, Order, OrderStatus
from orders.notifications import send_due
from orders_project.demo.merchants import ensure_merchant
from orders_project.roles import ensure_roles
from payments.merchants import keys
from payments.merchants.models import Merchant
from tests.shop import ADDRESS, WITH_PAYMENT, send


def seed() -> dict[str, Any]:
    """What a script is told."""
    out = StringIO()
    call_command("seed_demo", "--json", stdout=out)
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def test_the_demo_has_every_state_and_mails_nobody(db: None) -> None:
    ensure_roles()
    call_command("seed_demo", "--json")
    assert set(Order.objects.values_list("status", flat=True)) == {status.value for status in OrderStatus}
    assert send_due() == 0
    assert mail.outbox == []


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
