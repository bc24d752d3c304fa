"""Everything that can happen, in any order: the rules from which hypothesis makes its schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.conf import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orders.models import RefundKind
from payments.models import RefundDestination
from payments.sandbox.events import Mode
from payments.sandbox.faults import Call, Fault
from tests.simulation import judging
from tests.simulation.world import NEWEST, World

GATEWAYS = st.sampled_from(("stripe", "razorpay"))
# The newest most of the time: long stories come of that.
WHICH = st.integers(0, 3)
PERCENT = st.sampled_from((100, 60, 35, 1))
# At which of the seams that an act passes the process ends; mostly nowhere.
CRASH = st.one_of(st.none(), st.none(), st.integers(1, 6))
WEBHOOKS = st.sampled_from([mode.value for mode in Mode])
BASKETS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 2)), min_size=1, max_size=2, unique_by=lambda one: one[0]
)


class Story(RuleBasedStateMachine):
    """One world; after every act its books hold, and when it has come to rest they are the gateways'."""

    open_world: ClassVar[Callable[[], World]]

    def __init__(self) -> None:
        super().__init__()
        self.world = type(self).open_world()

    @invariant()
    def the_books_hold(self) -> None:
        judging.assert_books_hold()

    def teardown(self) -> None:
        judging.come_to_rest(self.world)
        judging.assert_books_hold()
        judging.assert_at_rest(self.world)


class Schedule(Story):
    """Everything."""

    @initialize(revives=st.sampled_from(("expired", "any", "none")), otherwise=st.sampled_from(("refund", "credit")))
    def rules_of_the_shop(self, revives: str, otherwise: str) -> None:
        settings.LATE_MONEY_REVIVES, settings.LATE_MONEY_OTHERWISE = revives, otherwise

    @initialize(gateway=GATEWAYS, outcome=st.sampled_from(("succeed", "authorize", "abandon")), webhook=WEBHOOKS)
    def first_order(self, gateway: str, outcome: str, webhook: str) -> None:
        self.world.buy(gateway, self._basket([(0, 1), (1, 2)]), None)
        self.world.pay(0, outcome, webhook)

    @rule(gateway=GATEWAYS, basket=BASKETS, crash=CRASH, use_credits=st.booleans())
    def buy(self, gateway: str, basket: list[tuple[int, int]], crash: int | None, use_credits: bool) -> None:
        self.world.buy(gateway, self._basket(basket), crash, use_credits=use_credits)

    @rule(gateway=GATEWAYS, pieces=st.integers(1, 5), crash=CRASH)
    def buy_credit(self, gateway: str, pieces: int, crash: int | None) -> None:
        self.world.buy(gateway, [(self.world.voucher, pieces)], crash)

    @rule(which=WHICH, crash=CRASH)
    def buy_again(self, which: int, crash: int | None) -> None:
        self.world.buy_again(which, crash)

    @rule(basket=BASKETS, use_credits=st.booleans())
    def buy_on_delivery(self, basket: list[tuple[int, int]], use_credits: bool) -> None:
        self.world.buy_on_delivery(self._basket(basket), use_credits=use_credits)

    @rule(minor=st.sampled_from((700, 2_500, 9_900, 30_000)), minutes=st.sampled_from((None, 50, 100)))
    def grant(self, minor: int, minutes: int | None) -> None:
        self.world.grant(minor, minutes)

    @rule(which=WHICH, outcome=st.sampled_from(("succeed", "succeed", "authorize", "fail")), webhook=WEBHOOKS)
    def pay(self, which: int, outcome: str, webhook: str) -> None:
        self.world.pay(which, outcome, webhook)

    @rule(which=WHICH, crash=CRASH)
    def confirm(self, which: int, crash: int | None) -> None:
        self.world.confirm(which, crash)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        self.world.cancel(which)

    @rule(which=WHICH)
    def send(self, which: int) -> None:
        self.world.send(which)

    @rule(which=WHICH)
    def deliver(self, which: int) -> None:
        self.world.deliver(which)

    @rule(which=WHICH, percent=PERCENT)
    def collect_cash(self, which: int, percent: int) -> None:
        self.world.collect_cash(which, percent)

    @rule(
        which=WHICH,
        kind=st.sampled_from(RefundKind),
        percent=st.integers(1, 100),
        destination=st.sampled_from(RefundDestination),
    )
    def refund(self, which: int, kind: RefundKind, percent: int, destination: RefundDestination) -> None:
        self.world.refund(which, kind, percent, destination)

    @rule(which=WHICH, approve=st.booleans())
    def decide(self, which: int, approve: bool) -> None:
        self.world.decide(which, approve=approve)

    @rule(which=WHICH, percent=PERCENT)
    def write_off(self, which: int, percent: int) -> None:
        self.world.write_off(which, percent)

    @rule(which=WHICH, approve=st.booleans())
    def decide_write_off(self, which: int, approve: bool) -> None:
        self.world.decide_write_off(which, approve=approve)

    @rule(which=WHICH)
    def let_go(self, which: int) -> None:
        self.world.let_go(which)

    @rule(basket=BASKETS, part=st.sampled_from((35, 60)), back=st.sampled_from((0, 100)), percent=PERCENT)
    def sell_to_who_never_pays_it_all(self, basket: list[tuple[int, int]], part: int, back: int, percent: int) -> None:
        """What random steps would rarely come to: a debt that is given up."""
        self.world.buy_on_delivery(self._basket(basket))
        self.world.send(NEWEST)
        self.world.collect_cash(NEWEST, part)
        if back:
            self.world.refund(NEWEST, RefundKind.FULL, back, RefundDestination.ORIGINAL)
        self.world.write_off(NEWEST, percent)

    @rule(which=WHICH, gateway=GATEWAYS, percent=PERCENT, hold=st.booleans(), crash=CRASH)
    def ask_for_more(self, which: int, gateway: str, percent: int, hold: bool, crash: int | None) -> None:
        self.world.ask_for_more(which, gateway, percent, hold=hold, crash=crash)

    @rule(which=WHICH, percent=PERCENT, crash=CRASH)
    def capture(self, which: int, percent: int, crash: int | None) -> None:
        self.world.capture(which, percent, crash)

    @rule(which=WHICH, crash=CRASH)
    def void(self, which: int, crash: int | None) -> None:
        self.world.void(which, crash)

    @rule(which=WHICH, percent=PERCENT)
    def refund_at_gateway(self, which: int, percent: int) -> None:
        self.world.refund_at_gateway(which, percent)

    @rule(which=WHICH, webhook=WEBHOOKS)
    def fail_refund(self, which: int, webhook: str) -> None:
        self.world.fail_refund(which, webhook)

    @rule(
        which=WHICH,
        act=st.sampled_from(("open", "open", "review", "win", "lose")),
        percent=PERCENT,
        kept_back=st.booleans(),
        webhook=WEBHOOKS,
    )
    def dispute(self, which: int, act: str, percent: int, kept_back: bool, webhook: str) -> None:
        self.world.dispute(which, act, percent, kept_back=kept_back, webhook=webhook)

    @rule(
        gateway=GATEWAYS,
        call=st.sampled_from([*Call, "*"]),
        fault=st.sampled_from(Fault),
        times=st.integers(1, 3),
    )
    def break_calls(self, gateway: str, call: str, fault: str, times: int) -> None:
        self.world.break_calls(gateway, str(call), str(fault), times)

    @rule(which=WHICH, fate=st.sampled_from(("arrives", "arrives", "arrives", "again", "lost")), crash=CRASH)
    def webhook(self, which: int, fate: str, crash: int | None) -> None:
        self.world.webhook(which, fate, crash)

    @rule(which=WHICH, again=st.booleans(), crash=CRASH)
    def work(self, which: int, again: bool, crash: int | None) -> None:
        self.world.work(which, crash, again=again)

    @rule(minutes=st.sampled_from((1, 10, 61)), crash=CRASH)
    def later(self, minutes: int, crash: int | None) -> None:
        self.world.pass_time(minutes)
        self.world.chase()
        self.world.expire(crash)
        self.world.end_credits()

    @rule(crash=CRASH)
    def reconcile(self, crash: int | None) -> None:
        self.world.reconcile(crash)

    def _basket(self, wanted: list[tuple[int, int]]) -> Any:
        shop = self.world.shop
        goods = (shop.headphones, shop.cable, shop.shirt_small, shop.scarce)
        return [(goods[index], pieces) for index, pieces in wanted]


class Refunds(Story):
    """Nothing but refunds of one order whose answers may be lost: where a second one for the first would come from."""

    @initialize(gateway=GATEWAYS)
    def paid_order(self, gateway: str) -> None:
        self.world.buy(gateway, [(self.world.shop.cable, 2)], None)
        self.world.pay(NEWEST, "succeed", "none")
        self.world.confirm(NEWEST, None)

    @rule(percent=st.integers(5, 20))
    def refund(self, percent: int) -> None:
        self.world.refund(NEWEST, RefundKind.PARTIAL, percent, RefundDestination.ORIGINAL)

    @rule(gateway=GATEWAYS, fault=st.sampled_from((Fault.TIMEOUT_AFTER, Fault.TIMEOUT_BEFORE)))
    def break_refunds(self, gateway: str, fault: str) -> None:
        self.world.break_calls(gateway, str(Call.REFUND), str(fault), 1)

    @rule(crash=CRASH)
    def work(self, crash: int | None) -> None:
        self.world.work(NEWEST, crash)
