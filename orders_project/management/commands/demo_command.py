"""Prints one command line that walks the main road: sign in, place an order, pay it in the sandbox, confirm it."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from catalog.models import DeliveryMethod, Variant
from customers.models import Customer
from orders_project.demo import goods, people


class Command(BaseCommand):
    help = "Print one pasteable command line that places an order, pays it in the sandbox and confirms it."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SANDBOX:
            raise CommandError("Without the sandbox there is nobody to pay by script.")
        email = people.CUSTOMERS[0][0]
        customer = Customer.objects.get(user__email=email)
        variant = Variant.objects.get(sku=goods.FIRST_SKU)
        method = DeliveryMethod.objects.order_by("position").first()
        assert method is not None
        order = {
            "customerId": str(customer.pk),
            "deliveryMethodId": str(method.pk),
            "deliveryAddress": {
                "street": "350 Fifth Avenue",
                "city": "New York",
                "state": "NY",
                "zipCode": "10118",
                "country": "USA",
            },
            "items": [{"productId": str(variant.product_id), "variantId": None, "quantity": 2}],
        }
        kind = "-H 'Content-Type: application/json'"
        steps = [
            f"B=http://127.0.0.1:{settings.PORT}",
            'get() { sed "s/.*\\"$1\\": *\\"\\([^\\"]*\\)\\".*/\\1/"; }',
            f"T=$(curl -s $B/api/v1/auth/token/ {kind} -d '{json.dumps({'email': email, 'password': people.PASSWORD})}'"
            " | get access)",
            f"O=$(curl -s $B/api/orders/with-payment {kind} -H \"Authorization: Bearer $T\" -d '{json.dumps(order)}')",
            'echo "placed: $O"',
            f"curl -s $B/sandbox/pay {kind} -d "
            '"{\\"payment\\": \\"$(echo "$O" | get clientSecret)\\", \\"outcome\\": \\"succeed\\"}"; echo',
            'curl -s -o /dev/null -w "confirmed: %{http_code}\\n" -X PATCH -H "Authorization: Bearer $T" '
            '$B/api/orders/$(echo "$O" | get orderId)/paid',
        ]
        self.stdout.write("; ".join(steps))
