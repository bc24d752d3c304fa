"""Credit that staff grant: with a reason, by two people above a limit, never to themselves; and revoked where it was
wrong, never below zero.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from customers.models import Customer, User
from kit import clock
from kit.errors import DomainError
from kit.ids import new_id
from kit.money import Money
from orders import actors
from orders.actors import Actor
from orders.approval_limits import read_limits
from orders.credits.granting import (
    COUNTS_FOR,
    GrantWish,
    approve_grant,
    grant_credit,
    left_of,
    refuse_grant,
    revoke_grant,
)
from orders.models import CreditGrant
from orders_project.roles import ensure_roles
from payments.models import Account, LedgerTransfer
from tests import shop as shops
from tests.orders.credits.wallet import account, spendable
from tests.shop import Shop, Shopper, place, written


@pytest.fixture(autouse=True)
def limit(settings: Any) -> None:
    """Up to 20.00 USD one person is enough."""
    settings.CREDIT_APPROVAL_ABOVE = read_limits("USD:20,*:1", setting="CREDIT_APPROVAL_ABOVE")


def in_role(role: str, name: str) -> Actor:
    """A member of staff in a role."""
    ensure_roles()
    user = shops.hire(f"{name}@example.com")
    user.groups.add(Group.objects.get(name=role))
    return actors.staff(user.pk)


@pytest.fixture
def clerk(db: None) -> Actor:
    """Who grants."""
    return in_role("support", "clerk")


@pytest.fixture
def second(db: None) -> Actor:
    """Who agrees."""
    return in_role("accounting", "second")


def wish(shopper: Shopper, minor: int, **fields: Any) -> GrantWish:
    return GrantWish(shopper.customer.pk, Money(minor, "USD"), **{"reason": "We were late", **fields})


def refusal(act: Any) -> tuple[str, dict[str, Any]]:
    """Why an act is refused; nothing is written."""
    before = written()
    with pytest.raises(DomainError) as refused:
        act()
    assert written() == before
    return refused.value.first.code, dict(refused.value.first.facts)


def test_up_to_the_limit_one_person_is_enough(ada: Shopper, clerk: Actor) -> None:
    grant = grant_credit(wish(ada, 2000), actor=clerk)
    assert (grant.is_in_force, grant.needs_approval, spendable(ada)) == (True, False, 2000)
    transfer = LedgerTransfer.objects.get()
    assert (transfer.source, transfer.kind, transfer.memo) == (
        f"credit-granted:{grant.pk}",
        "credit_granted",
        "We were late",
    )
    assert (account(Account.CREDITS_GRANTED), account(Account.CUSTOMER_CREDIT)) == (2000, -2000)


def test_above_it_a_second_one_agrees(ada: Shopper, clerk: Actor, second: Actor) -> None:
    grant = grant_credit(wish(ada, 2001), actor=clerk)
    assert (grant.is_pending, spendable(ada), LedgerTransfer.objects.count()) == (True, 0, 0)
    assert refusal(lambda: approve_grant(grant.pk, actor=clerk))[0] == "approval_not_allowed"
    approved = approve_grant(grant.pk, actor=second)
    assert (approved.is_in_force, approved.approved_by_id, spendable(ada)) == (True, second.user_id, 2001)
    assert refusal(lambda: approve_grant(grant.pk, actor=second))[0] == "already_decided"


def test_many_small_grants_are_one_large_one(ada: Shopper, bob: Shopper, clerk: Actor, second: Actor) -> None:
    grant_credit(wish(ada, 1500), actor=clerk)
    assert grant_credit(wish(ada, 501), actor=clerk).is_pending
    assert not grant_credit(wish(ada, 500), actor=clerk).is_pending
    # Of another customer, by another person, or long afterwards it counts anew.
    assert not grant_credit(wish(bob, 2000), actor=clerk).is_pending
    assert not grant_credit(wish(ada, 2000), actor=second).is_pending
    with clock.turned(COUNTS_FOR + timedelta(minutes=1)):
        assert not grant_credit(wish(ada, 2000), actor=clerk).is_pending


def test_nobody_agrees_with_themselves(ada: Shopper, second: Actor) -> None:
    grant = grant_credit(wish(ada, 2001), actor=second)
    assert refusal(lambda: approve_grant(grant.pk, actor=second))[0] == "second_person_needed"
    with pytest.raises(DatabaseError, match="second_person"), transaction.atomic():
        CreditGrant.objects.update(approved_by=second.user_id, decided_at=clock.now())


def test_nobody_grants_credit_to_themselves_or_agrees_to_it(ada: Shopper, clerk: Actor, second: Actor) -> None:
    assert second.user_id is not None
    customer = Customer.objects.create(user=User.objects.get(pk=second.user_id))
    own = GrantWish(customer.pk, Money(1, "USD"), "for me")
    assert refusal(lambda: grant_credit(own, actor=second))[0] == "own_account"
    grant = grant_credit(GrantWish(customer.pk, Money(5000, "USD"), "for a friend"), actor=clerk)
    assert refusal(lambda: approve_grant(grant.pk, actor=second))[0] == "own_account"


def test_a_grant_may_be_refused_or_taken_back(ada: Shopper, bob: Shopper, clerk: Actor, second: Actor) -> None:
    grant, another = (grant_credit(wish(one, 2001), actor=clerk) for one in (ada, bob))
    refused = refuse_grant(grant.pk, actor=second, reason="why?")
    assert (refused.is_in_force, refused.refused_because, spendable(ada)) == (False, "why?", 0)
    assert refuse_grant(another.pk, actor=clerk, reason="a slip").refused_by_id == clerk.user_id
    assert refusal(lambda: refuse_grant(grant.pk, actor=second, reason="x"))[0] == "already_decided"
    assert refusal(lambda: approve_grant(grant.pk, actor=second))[0] == "already_decided"
    money = Money(1, "USD")
    assert refusal(lambda: revoke_grant(grant.pk, amount=money, reason="x", actor=second))[0] == "grant_not_in_force"


@pytest.mark.parametrize("minor", [0, -1])
def test_nothing_is_not_granted(ada: Shopper, clerk: Actor, minor: int) -> None:
    assert refusal(lambda: grant_credit(wish(ada, minor), actor=clerk))[0] == "grant_amount_invalid"


def test_what_would_be_over_at_once_is_not_granted(ada: Shopper, clerk: Actor, second: Actor) -> None:
    assert refusal(lambda: grant_credit(wish(ada, 1, expires_at=clock.now()), actor=clerk))[0] == "grant_in_the_past"
    grant = grant_credit(wish(ada, 2001, expires_at=clock.now() + timedelta(days=1)), actor=clerk)
    with clock.turned(timedelta(days=2)):
        assert refusal(lambda: approve_grant(grant.pk, actor=second))[0] == "grant_in_the_past"


def test_sent_twice_it_is_one_grant(ada: Shopper, clerk: Actor) -> None:
    key = new_id()
    grant = grant_credit(wish(ada, 700, key=key), actor=clerk)
    assert grant_credit(wish(ada, 700, key=key), actor=clerk) == grant
    assert refusal(lambda: grant_credit(wish(ada, 701, key=key), actor=clerk))[0] == "key_used"
    assert spendable(ada) == 700


def test_what_was_wrong_is_revoked_as_far_as_it_is_left(shop: Shop, ada: Shopper, clerk: Actor) -> None:
    wrong = grant_credit(wish(ada, 1800), actor=clerk)
    revoke_grant(wrong.pk, amount=Money(100, "USD"), reason="too much", actor=clerk)
    assert (spendable(ada), left_of(wrong), account(Account.CREDITS_GRANTED)) == (1700, Money(1700, "USD"), 1700)
    order = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    assert order.credits_minor == 1450
    # Other credit is not touched.
    other = grant_credit(wish(ada, 200), actor=in_role("support", "other"))
    code, facts = refusal(lambda: revoke_grant(wrong.pk, amount=Money(251, "USD"), reason="x", actor=clerk))
    assert (code, facts["left"]) == ("revoked_too_much", Money(250, "USD"))
    revoke_grant(wrong.pk, amount=Money(250, "USD"), reason="all of it", actor=clerk)
    assert (spendable(ada), left_of(other), left_of(wrong)) == (200, Money(200, "USD"), Money(0, "USD"))
    assert wrong.revocations.count() == 2


@pytest.mark.parametrize("amount", [Money(0, "USD"), Money(-1, "USD"), Money(1, "EUR")])
def test_only_an_amount_of_its_own_is_revoked(ada: Shopper, clerk: Actor, amount: Money) -> None:
    grant = grant_credit(wish(ada, 1000), actor=clerk)
    assert refusal(lambda: revoke_grant(grant.pk, amount=amount, reason="x", actor=clerk))[0] == "grant_amount_invalid"


def test_a_revocation_sent_twice_is_one(ada: Shopper, clerk: Actor) -> None:
    grant, key = grant_credit(wish(ada, 1000), actor=clerk), new_id()
    for _ in range(2):
        revoke_grant(grant.pk, amount=Money(400, "USD"), reason="x", actor=clerk, key=key)
    assert spendable(ada) == 600
    again = Money(401, "USD")
    assert refusal(lambda: revoke_grant(grant.pk, amount=again, reason="x", actor=clerk, key=key))[0] == "key_used"


ATTACKS = [
    ("UPDATE orders_creditgrant SET amount_minor = amount_minor + 1", "append-only"),
    ("UPDATE orders_creditgrant SET expires_at = NULL", "append-only"),
    ("DELETE FROM orders_creditgrant", "append-only"),
    ("UPDATE orders_creditrevocation SET amount_minor = 1", "append-only"),
    ("DELETE FROM orders_creditrevocation", "append-only"),
    # A grant without its posting, and one that is approved without it.
    (
        "INSERT INTO orders_creditgrant (id, customer_id, currency, amount_minor, reason, needs_approval, "
        "refused_because) SELECT gen_random_uuid(), customer_id, currency, 5, 'x', false, '' FROM orders_creditgrant",
        "in the ledger",
    ),
    (
        "UPDATE orders_creditgrant SET approved_by_id = u.id, decided_at = now() FROM customers_user u "
        "WHERE needs_approval AND u.id <> requested_by_id",
        "in the ledger",
    ),
    (
        "INSERT INTO orders_creditrevocation (id, grant_id, amount_minor, reason) "
        "SELECT gen_random_uuid(), id, 1, 'x' FROM orders_creditgrant WHERE NOT needs_approval",
        "of it is revoked",
    ),
]


@pytest.mark.parametrize(("attack", "guard"), ATTACKS)
def test_the_database_refuses_what_does_not_add_up(
    ada: Shopper, bob: Shopper, clerk: Actor, attack: str, guard: str
) -> None:
    until = clock.now() + timedelta(days=9)
    grant = grant_credit(wish(ada, 1000, expires_at=until), actor=clerk)
    revoke_grant(grant.pk, amount=Money(400, "USD"), reason="x", actor=clerk)
    grant_credit(wish(bob, 9000), actor=clerk)
    before = written()
    with pytest.raises(DatabaseError, match=guard), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)
    assert (written(), spendable(ada)) == (before, 600)
