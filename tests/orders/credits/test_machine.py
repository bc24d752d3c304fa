"""A customer's credit through schedules of everything that can happen to it: after each act the books hold, and what is
left of each term is what a few lines of Python say.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from kit import clock
from kit.errors import DomainError
from kit.money import Money
from orders import actors, cancellation
from orders.cash import collect_cash
from orders.credits.granting import revoke_grant
from orders.fulfilment import send_order
from orders.models import CreditGrant, Order, RefundKind
from orders.returns import request_refund
from orders.returns.plans import LineWish, RefundWish
from payments.credits import expiring
from payments.models import CreditTerm
from tests import books
from tests.orders.credits.test_buying import lose
from tests.orders.credits.wallet import buy_credit, grant, pay
from tests.shop import open_shop, place, sign_up
from tests.simulation.judging import assert_books_hold

SCHEDULES, STEPS, SEED = 15, 15, 2026
RETURNED_GOOD_FOR = timedelta(days=30)
WHICH = st.integers(0, 5)
AMOUNTS = st.sampled_from([1, 300, 1000, 1450, 2500])


@dataclass
class Lot:
    """Credit that came at once; `key` is what brought it."""

    number: int
    key: uuid.UUID
    ends: datetime | None
    left: int

    @property
    def order(self) -> tuple[bool, datetime | None, int]:
        """In which it is spent."""
        return (self.ends is None, self.ends, self.number)


class Purse:
    """What the database should say: lots of credit, the one that ends first spent first, what comes back put back."""

    def __init__(self) -> None:
        self.lots: list[Lot] = []
        self.taken: dict[uuid.UUID, list[tuple[Lot, int]]] = {}
        self._numbers = itertools.count()

    def come(self, key: uuid.UUID, amount: int, ends: datetime | None = None) -> None:
        """Credit comes."""
        self.lots.append(Lot(next(self._numbers), key, ends, amount))

    def go(self, key: uuid.UUID, amount: int) -> None:
        """An order is paid with it."""
        for lot in sorted((lot for lot in self.lots if lot.left), key=lambda lot: lot.order):
            part = min(amount, lot.left)
            if part:
                lot.left -= part
                amount -= part
                self.taken.setdefault(key, []).append((lot, part))
        assert amount == 0

    def go_from(self, key: uuid.UUID, amount: int) -> None:
        """The credit that something brought is taken away."""
        for lot in self.lots:
            if lot.key == key:
                part = min(amount, lot.left)
                lot.left -= part
                amount -= part
        assert amount == 0

    def back(self, key: uuid.UUID, amount: int, now: datetime) -> None:
        """An order gives so much back: what was taken last, or would last longest, first."""
        taken = sorted(self.taken.pop(key, []), key=lambda one: one[0].order, reverse=True)
        rest = []
        for lot, most in taken:
            part = min(amount, most)
            amount -= part
            if part and lot.ends is not None and lot.ends <= now:
                self.come(lot.key, part, now + RETURNED_GOOD_FOR)
            else:
                lot.left += part
            if most > part:
                rest.append((lot, most - part))
        self.taken[key] = rest
        assert amount == 0

    def left_of(self, key: uuid.UUID) -> int:
        """What is left of what something brought."""
        return sum(lot.left for lot in self.lots if lot.key == key)

    def end(self, now: datetime) -> int:
        """What is over is gone; how much that was."""
        over = [lot for lot in self.lots if lot.ends is not None and lot.ends <= now]
        ended = sum(lot.left for lot in over)
        for lot in over:
            lot.left = 0
        return ended

    @property
    def left(self) -> list[int]:
        """What is left, in the order in which it is spent."""
        return [lot.left for lot in sorted(self.lots, key=lambda lot: lot.order) if lot.left]


class Credits(RuleBasedStateMachine):
    """One customer, one purse, and time that goes on."""

    def __init__(self) -> None:
        super().__init__()
        books.empty()
        self.shop, self.ada = open_shop(), sign_up()
        self.purse, self.ahead = Purse(), timedelta(0)

    def teardown(self) -> None:
        books.empty()

    @contextmanager
    def _now(self) -> Iterator[datetime]:
        with clock.turned(self.ahead):
            yield clock.now()

    def _order(self, which: int, **fields: object) -> Order | None:
        orders = list(Order.objects.filter(**fields).order_by("number"))
        return orders[which % len(orders)] if orders else None

    def _back(self, order: Order, before: int, now: datetime) -> None:
        """What an act gave back of an order's credits."""
        order.refresh_from_db()
        alive = order.status != "cancelled" and not order.given_up
        after = order.credits_minor - order.credits_returned_minor if alive else 0
        self.purse.back(order.pk, before - after, now)

    # --- credit comes -----------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """With something in it."""
        self.grant(2500, 3)

    @rule(minor=AMOUNTS, days=st.sampled_from([None, 1, 3, 8]))
    def grant(self, minor: int, days: int | None) -> None:
        with self._now():
            given = grant(self.ada, minor, days=days)
        self.purse.come(given.pk, minor, given.expires_at)

    @rule(which=WHICH, minor=AMOUNTS)
    def revoke(self, which: int, minor: int) -> None:
        grants = list(CreditGrant.objects.order_by("pk"))
        given = grants[which % len(grants)]
        with self._now():
            if minor > self.purse.left_of(given.pk):
                with suppress(DomainError):
                    revoke_grant(given.pk, amount=Money(minor, "USD"), reason="wrong", actor=actors.SYSTEM)
                    raise AssertionError("more was revoked than was left")
                return
            revoke_grant(given.pk, amount=Money(minor, "USD"), reason="wrong", actor=actors.SYSTEM)
        self.purse.go_from(given.pk, minor)

    @rule(minor=AMOUNTS)
    def buy(self, minor: int) -> None:
        with self._now():
            order = buy_credit(self.ada, self.shop.standard, minor)
        self.purse.come(order.pk, minor)

    # --- it is spent, and comes back --------------------------------------------------------------------------------

    @rule(pieces=st.integers(1, 3), in_cash=st.booleans())
    def spend(self, pieces: int, in_cash: bool) -> None:
        with self._now() as now:
            self.purse.end(now)
            order = place(self.ada, self.shop.cash, (self.shop.cable, pieces), use_credits=True)
            assert order.credits_minor == min(sum(self.purse.left), order.credits_minor + order.total_minor)
            if in_cash and order.total_minor:
                collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
        self.purse.go(order.pk, order.credits_minor)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        order = self._order(which, order_type="purchase")
        if order is not None:
            before = order.credits_minor - order.credits_returned_minor if order.status != "cancelled" else 0
            with self._now() as now, suppress(DomainError):
                cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
                self._back(order, before, now)

    @rule(which=WHICH)
    def send(self, which: int) -> None:
        order = self._order(which, order_type="purchase", fulfilment="unfulfilled")
        if order is not None:
            with self._now(), suppress(DomainError):
                send_order(order.pk, actor=actors.SYSTEM)

    @rule(which=WHICH, kind=st.sampled_from([RefundKind.FULL, RefundKind.PARTIAL, RefundKind.LINES]), minor=AMOUNTS)
    def refund(self, which: int, kind: RefundKind, minor: int) -> None:
        order = self._order(which, order_type="purchase")
        if order is None:
            return
        alive = order.status != "cancelled" and not order.given_up
        before = order.credits_minor - order.credits_returned_minor if alive else 0
        wish = RefundWish(
            kind,
            "returned",
            Money(minor, "USD") if kind == RefundKind.PARTIAL else None,
            lines=(LineWish(1, 1),) if kind == RefundKind.LINES else (),
        )
        with self._now() as now, suppress(DomainError):
            request_refund(order.pk, wish, actor=actors.SYSTEM)
            self._back(order, before, now)

    # --- what was bought goes back ----------------------------------------------------------------------------------

    @rule(which=WHICH, minor=AMOUNTS)
    def pay_back(self, which: int, minor: int) -> None:
        order = self._order(which, order_type="credit")
        if order is not None:
            left = self.purse.left_of(order.pk)
            wish = RefundWish(RefundKind.PARTIAL, "returned", Money(minor, "USD"))
            with self._now(), suppress(DomainError):
                request_refund(order.pk, wish, actor=actors.SYSTEM)
                assert minor <= left
                self.purse.go_from(order.pk, minor)

    @rule(which=WHICH, minor=AMOUNTS, at_bank=st.booleans())
    def lose(self, which: int, minor: int, at_bank: bool) -> None:
        """Money goes back without us: all that is left of what it bought goes with it."""
        order = self._order(which, order_type="credit", refunds=None, refunded_minor=0)
        if order is not None and minor <= order.collected_minor:
            with self._now():
                if at_bank and not order.history.filter(event="dispute_closed").exists():
                    lose(order, minor)
                elif not order.history.filter(event="dispute_closed").exists():
                    pay(order, ("1", minor, "succeeded"))
                else:
                    return
            self.purse.go_from(order.pk, min(minor, self.purse.left_of(order.pk)))

    # --- time goes on -----------------------------------------------------------------------------------------------

    @rule(hours=st.sampled_from([1, 30, 80, 800]))
    def wait(self, hours: int) -> None:
        self.ahead += timedelta(hours=hours)

    @rule()
    def expire(self) -> None:
        with self._now() as now:
            ended = sum(
                expiring.expire(one.customer_id, one.currency, now=now)
                for found in expiring.rounds(now)
                for one in found
            )
        assert ended == self.purse.end(now)

    @invariant()
    def adds_up(self) -> None:
        """The books hold, and every term has left what the purse says."""
        assert_books_hold()
        terms = CreditTerm.objects.filter(left_minor__gt=0).values_list("expires_at", "pk", "left_minor")
        in_order = sorted(terms, key=lambda term: (term[0] is None, term[0], term[1]))
        assert [left for _, _, left in in_order] == self.purse.left


def test_whatever_happens_to_a_customers_credit_it_adds_up(db: None) -> None:
    run_state_machine_as_test(
        seed(SEED)(Credits),
        settings=settings(
            max_examples=SCHEDULES,
            stateful_step_count=STEPS,
            phases=(Phase.generate, Phase.shrink),
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
