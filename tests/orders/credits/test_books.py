"""The books find every lie about credit: each invariant is broken once, around all guards, and named."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kit import clock
from kit.money import Money
from orders import actors
from orders.books.credits import CREDITS
from orders.credits.granting import revoke_grant
from orders.models import RefundKind
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from payments.credits import expiring
from tests.orders.credits.wallet import buy_credit, grant
from tests.orders.test_books import lie
from tests.shop import Shop, Shopper, place

LIES: dict[str, tuple[str, ...]] = {
    "UPDATE payments_creditbalance SET balance_minor = balance_minor + 1": (
        "what is left of a customer's terms is their credit",
    ),
    "UPDATE payments_creditterm SET left_minor = left_minor - 1 WHERE left_minor > 0": (
        "what is left of a customer's terms is their credit",
        "a term has left what came less what went",
    ),
    "DELETE FROM payments_credittermuse WHERE entry_id IS NOT NULL": (
        "a term has left what came less what went",
        "every entry of credit is in terms: what came, what went, what came back",
    ),
    "UPDATE payments_ledgerentry SET amount_minor = amount_minor - 1 WHERE account = 'customer_credit'": (
        "every entry of credit is in terms: what came, what went, what came back",
    ),
    # As if what never ends had been spent before what does.
    "UPDATE payments_creditterm SET expires_at = CASE WHEN expires_at IS NULL THEN now() END": (
        "credit is spent from the term that ends first",
    ),
    "DELETE FROM payments_creditterm WHERE moved_from_id IS NOT NULL": (
        "a term that was moved went on as another, with as much",
    ),
    "UPDATE orders_order SET credits_returned_minor = 0": (
        "an order is paid with its credits as long as it lives, less what refunds have given back",
    ),
    "UPDATE orders_orderrefund SET credits_minor = 0": (
        "an order is paid with its credits as long as it lives, less what refunds have given back",
    ),
    "UPDATE payments_ledgertransfer SET kind = 'credit_granted' WHERE kind = 'credit_returned'": (
        "an order is paid with its credits as long as it lives, less what refunds have given back",
    ),
    "UPDATE orders_order SET order_type = 'purchase'": (
        "what was paid for credit is the customer's credit once, and no more of it is taken back than went back",
    ),
    "UPDATE payments_ledgerentry e SET amount_minor = e.amount_minor - 1 FROM payments_ledgertransfer t "
    "WHERE t.id = e.transfer_id AND t.kind = 'earned' AND e.account = 'customer_credit'": (
        "what was paid for credit is the customer's credit once, and no more of it is taken back than went back",
    ),
    "UPDATE payments_refund SET state = 'failed'": (
        "what was paid for credit is the customer's credit once, and no more of it is taken back than went back",
    ),
    "UPDATE orders_creditgrant SET amount_minor = amount_minor + 1": (
        "what staff granted is in the ledger, and no more of it is revoked",
    ),
    "UPDATE orders_creditgrant SET needs_approval = true": (
        "what staff granted is in the ledger, and no more of it is revoked",
    ),
    "UPDATE orders_creditrevocation SET amount_minor = amount_minor + 1": (
        "what staff granted is in the ledger, and no more of it is revoked",
    ),
    "UPDATE payments_ledgerentry SET account = 'credits_granted' WHERE account = 'credits_expired'": (
        "credits that were granted, revoked and expired are those in the accounts for them",
    ),
    "UPDATE payments_ledgerentry SET account = 'credits_expired' WHERE account = 'revenue'": (
        "credits that were granted, revoked and expired are those in the accounts for them",
    ),
    "UPDATE orders_invoice SET net_minor = net_minor - 1, total_minor = total_minor - 1 WHERE kind = 'credit_note'": (
        "the invoice of credit that was bought, less its notes, is what stands of that credit, and is no revenue",
    ),
    # As if it were a sale already.
    "INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, subject_id) "
    "SELECT e.transfer_id, 'revenue', e.currency, leg.amount, e.subject_id FROM payments_ledgerentry e "
    "JOIN payments_ledgertransfer t ON t.id = e.transfer_id AND t.kind = 'earned', (VALUES (1), (-1)) leg (amount) "
    "WHERE e.account = 'customer_credit'": (
        "the invoice of credit that was bought, less its notes, is what stands of that credit, and is no revenue",
    ),
}


@pytest.fixture
def world(shop: Shop, ada: Shopper, bob: Shopper) -> None:
    """Credit that was granted, revoked, spent, returned after its term, moved and expired; and some that was bought, of
    which a part went back."""
    given = grant(ada, 1000, days=5)
    revoke_grant(given.pk, amount=Money(100, "USD"), reason="too much", actor=actors.SYSTEM)
    grant(ada, 1000)
    order = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    grant(ada, 300, days=6)
    with clock.turned(timedelta(days=7)):
        wish = RefundWish(RefundKind.PARTIAL, "returned", Money(1200, "USD"))
        request_refund(order.pk, wish, actor=actors.SYSTEM)
        assert expiring.expire(ada.customer.pk, "USD", now=clock.now()) == 300
    bought = buy_credit(bob, shop.standard)
    request_refund(bought.pk, RefundWish(RefundKind.PARTIAL, "returned", Money(400, "USD")), actor=actors.SYSTEM)


@pytest.mark.parametrize(("statement", "noticed"), LIES.items(), ids=[key[:60] for key in LIES])
def test_each_lie_about_credit_is_noticed(world: None, statement: str, noticed: tuple[str, ...]) -> None:
    assert lie("SELECT 1") == set()
    assert lie(statement) >= set(noticed)


def test_every_invariant_of_credit_is_broken_by_some_lie() -> None:
    assert {name for name, _ in CREDITS} == {name for noticed in LIES.values() for name in noticed}
