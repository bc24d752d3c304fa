"""The demo data: an order in every state, and nothing of it that gets in the way."""

from __future__ import annotations

import json
from io import StringIO

from django.core import mail
from django.core.management import call_command

from customers.models import Customer
from orders.models import Coupon, Order, OrderStatus
from orders.notifications import send_due
from orders_project.roles import ensure_roles
from tests.shop import ADDRESS, WITH_PAYMENT, send


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
