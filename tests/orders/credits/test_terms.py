"""Credit is spent from what ends first, comes back where it came from, and never goes below zero."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.utils import InternalError

from kit import clock
from orders import actors, cancellation
from orders.models import PaymentTerms
from orders.placement import place_order
from payments.credits import terms
from payments.models import CreditTerm, CreditTermUse
from tests import shop as shops
from tests.orders.credits.wallet import buy_credit, grant, spendable, terms_left
from tests.shop import Shop, Shopper, place, written
from tests.statements import statements


def test_what_ends_first_is_spent_first_and_what_never_ends_last(shop: Shop, ada: Shopper) -> None:
    grant(ada, 1000)
    grant(ada, 1000, days=20)
    grant(ada, 1000, days=10)
    order = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    assert (order.credits_minor, order.total_minor) == (1450, 0)
    assert terms_left(ada) == [550, 1000]
    uses = CreditTermUse.objects.order_by("pk").values_list("term__expires_at", "amount_minor")
    assert [(at is not None, amount) for at, amount in uses] == [(True, 1000), (True, 450)]


def test_credit_that_was_bought_before_does_not_count_against_a_later_grant(shop: Shop, ada: Shopper) -> None:
    """What was spent before a grant was spent of something else."""
    buy_credit(ada, shop.standard)
    place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    grant(ada, 2000, days=1)
    assert terms_left(ada) == [2000, 10_000 - 1450]


def test_what_an_order_gives_back_goes_to_the_terms_that_it_came_from(shop: Shop, ada: Shopper) -> None:
    grant(ada, 300, days=10)
    grant(ada, 1000)
    order = place(ada, shop.cash, (shop.cable, 1), terms=PaymentTerms.ON_DELIVERY, use_credits=True)
    assert (order.credits_minor, terms_left(ada)) == (1300, [])
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert terms_left(ada) == [300, 1000]
    assert CreditTerm.objects.count() == 2


def test_what_comes_back_after_its_term_is_good_for_another_while(shop: Shop, ada: Shopper) -> None:
    grant(ada, 1000, days=10)
    grant(ada, 5000)
    order = place(ada, shop.cash, (shop.headphones, 1), use_credits=True)
    assert order.credits_minor == 6000
    with clock.turned(timedelta(days=11)):
        cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
        assert spendable(ada) == 6000
        moved = CreditTerm.objects.get(moved_from__isnull=False)
        assert moved.expires_at is not None
        assert (moved.left_minor, round((moved.expires_at - clock.now()) / timedelta(days=1))) == (1000, 30)
    old = moved.moved_from
    assert old is not None
    assert (old.left_minor, CreditTermUse.objects.filter(entry=None).get().amount_minor) == (0, 1000)
    assert terms_left(ada) == [1000, 5000]


def test_what_is_over_is_neither_spent_nor_taken_in_place_of_what_is_good(shop: Shop, ada: Shopper) -> None:
    grant(ada, 1000, days=1)
    grant(ada, 600, days=5)
    with clock.turned(timedelta(days=2)):
        order = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
        assert (order.credits_minor, order.total_minor, spendable(ada)) == (600, 850, 0)
    assert terms_left(ada) == []


def test_credits_cost_two_statements_more(shop: Shop, ada: Shopper) -> None:
    """What of them is over, and what there is; all else is the database's own part of the order's statement."""
    grant(ada, 100)
    wanted = [
        shops.purchase(ada, shop.standard, (shop.headphones, 1), terms=PaymentTerms.PREPAID, use_credits=use_credits)
        for use_credits in (False, False, True)
    ]
    place_order(wanted[0])
    with statements() as without:
        place_order(wanted[1])
    with statements() as told:
        place_order(wanted[2])
    assert len(told) == len(without) + 2, told


# Statements, and what in the refusal's text shows who refused.
ATTACKS = [
    ("UPDATE payments_creditterm SET left_minor = left_minor + 1", "append-only"),
    ("UPDATE payments_creditterm SET expires_at = NULL", "append-only"),
    ("UPDATE payments_creditterm SET amount_minor = 9999", "append-only"),
    ("DELETE FROM payments_creditterm", "append-only"),
    ("DELETE FROM payments_credittermuse", "append-only"),
    ("UPDATE payments_credittermuse SET amount_minor = 1", "append-only"),
    (
        "INSERT INTO payments_creditterm (customer_id, currency, amount_minor, left_minor) "
        "SELECT id, 'USD', 100, 100 FROM customers_customer",
        "append-only",
    ),
    (
        "INSERT INTO payments_creditterm (customer_id, currency, amount_minor, left_minor, moved_from_id) "
        "SELECT customer_id, currency, 100, 100, id FROM payments_creditterm",
        "left of its terms",
    ),
    (
        "INSERT INTO payments_credittermuse (term_id, amount_minor) SELECT id, 100 FROM payments_creditterm",
        "left of its terms|left_within_it",
    ),
    (
        "INSERT INTO payments_credittermuse (term_id, amount_minor) SELECT id, -1 FROM payments_creditterm",
        "append-only",
    ),
    (
        "INSERT INTO payments_credittermuse (term_id, entry_id, amount_minor) "
        "SELECT id, entry_id, 1 FROM payments_creditterm",
        "append-only",
    ),
    ("UPDATE payments_creditbalance SET balance_minor = balance_minor + 1", "append-only"),
    (
        # Spent twice: more than there is, however it is put.
        "WITH t AS (INSERT INTO payments_ledgertransfer (source, kind, memo) VALUES ('x', 'ordered', '') RETURNING id)"
        " INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, customer_id)"
        " SELECT t.id, leg.account, 'USD', leg.amount, leg.whose FROM t, customers_customer c, LATERAL"
        " (VALUES ('customer_credit', 551, c.id), ('suspense', -551, NULL)) leg (account, amount, whose)",
        "credit_balance_not_negative",
    ),
    (
        "WITH t AS (INSERT INTO payments_ledgertransfer (source, kind, memo) VALUES ('x', 'ordered', '') RETURNING id)"
        " INSERT INTO payments_ledgerentry (transfer_id, account, currency, amount_minor, customer_id, term_id)"
        " SELECT t.id, leg.account, 'USD', leg.amount, leg.whose, leg.term FROM t, payments_creditterm m, LATERAL"
        " (VALUES ('customer_credit', 1, m.customer_id, m.id), ('suspense', -1, NULL, NULL))"
        " leg (account, amount, whose, term) WHERE m.left_minor = 0",
        "takes more than term",
    ),
    (
        "UPDATE payments_ledgerentry SET expires_at = now() + interval '1 year' WHERE account = 'customer_credit'",
        "append-only",
    ),
]


@pytest.mark.parametrize(("attack", "guard"), ATTACKS)
def test_the_database_refuses_what_does_not_add_up(shop: Shop, ada: Shopper, attack: str, guard: str) -> None:
    grant(ada, 1000, days=10)
    grant(ada, 1000)
    place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    assert terms_left(ada) == [550]
    before = written()
    with (
        pytest.raises((IntegrityError, InternalError), match=guard),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(attack)
    assert (written(), terms_left(ada)) == (before, [550])


def test_a_transfer_that_gives_nothing_back_prolongs_nothing(shop: Shop, ada: Shopper) -> None:
    given = grant(ada, 1000, days=1)
    with clock.turned(timedelta(days=2)), transaction.atomic():
        terms.prolong(f"credit-granted:{given.pk}")
    assert CreditTerm.objects.get().moved_from_id is None
