"""A customer's credit on /api/v1: what there is, until when, and what each entry was."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from kit import clock
from kit.money import Money
from orders import actors, cancellation
from orders.credits.granting import revoke_grant
from orders.models import RefundKind
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from payments.credits import expiring
from tests.orders.credits.wallet import buy_credit, grant
from tests.shop import Shop, Shopper, place, send
from tests.statements import statements


def statement(by: Shopper, query: str = "") -> dict[str, Any]:
    """The answer."""
    response = send("GET", f"/api/v1/credits/{query}", by=by)
    assert response.status_code == 200
    answer: dict[str, Any] = json.loads(response.content)
    return answer


def test_the_statement_says_what_each_entry_was(shop: Shop, ada: Shopper) -> None:
    given = grant(ada, 2000, days=9)
    revoke_grant(given.pk, amount=Money(100, "USD"), reason="too much", actor=actors.SYSTEM)
    bought = buy_credit(ada, shop.standard, 5_000)
    order = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    covered = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    request_refund(covered.pk, RefundWish(RefundKind.PARTIAL, "late", Money(450, "USD")), actor=actors.SYSTEM)
    request_refund(bought.pk, RefundWish(RefundKind.PARTIAL, "returned", Money(700, "USD")), actor=actors.SYSTEM)
    with clock.turned(timedelta(days=10)):
        expiring.expire(ada.customer.pk, "USD", now=clock.now())
    told = [(one["what"], one["amount"], one["order_id"]) for one in statement(ada)["results"]]
    assert told == [
        ("expired", "-9.00", None),
        ("taken_back", "-7.00", str(bought.pk)),
        ("returned", "4.50", str(covered.pk)),
        ("spent", "-14.50", str(covered.pk)),
        ("returned", "14.50", str(order.pk)),
        ("spent", "-14.50", str(order.pk)),
        ("bought", "50.00", str(bought.pk)),
        ("revoked", "-1.00", None),
        ("granted", "20.00", None),
    ]
    first = statement(ada)["results"][-1]
    assert (first["kind"], first["currency"]) == ("credit_granted", "USD")
    assert first["expires_at"] is not None
    assert statement(ada)["balances"] == [
        {
            "currency": "USD",
            "balance": "43.00",
            "spendable": "43.00",
            "terms": [{"amount": "43.00", "expires_at": None}],
        }
    ]


def test_terms_are_told_in_the_order_in_which_they_are_spent(ada: Shopper) -> None:
    grant(ada, 100)
    grant(ada, 20, days=5)
    grant(ada, 3, days=0.01)
    grant(ada, 900, currency="INR")
    rupees, dollars = statement(ada)["balances"]
    assert (rupees["currency"], rupees["balance"]) == ("INR", "9.00")
    assert [term["amount"] for term in dollars["terms"]] == ["0.03", "0.20", "1.00"]
    with clock.turned(timedelta(minutes=20)):
        _, dollars = statement(ada)["balances"]
        assert (dollars["balance"], dollars["spendable"]) == ("1.23", "1.20")


def test_the_statement_is_read_in_as_many_statements_however_long_it_is(ada: Shopper) -> None:
    grant(ada, 100)
    with statements() as few:
        statement(ada)
    for days in range(1, 9):
        grant(ada, 100, days=days)
    with statements() as many:
        statement(ada)
    assert len(few) == len(many)
