"""A small shop between two gateways, and everything that can happen to it: what shoppers, staff, banks, networks and
the passing of time do, one act at a time, each possibly cut off by a crash.

An act that the shop or a gateway refuses by its rules has happened as it should. Any other exception is a bug.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests
from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app

from customers.models import User
from kit import clock, crashpoints
from kit.crashpoints import Seam
from kit.errors import DomainError
from kit.ids import new_id
from kit.money import Money
from orders import (
    actors,
    cancellation,
    cash,
    checkout,
    confirmation,
    fulfilment,
    jobs,
    payments,
    returns,
    writing_off,
)
from orders.checkout import PaymentNotInitialized
from orders.credits.granting import GrantWish, grant_credit
from orders.models import Order, OrderRefund, OrderWriteOff, PaymentTerms, RefundKind
from orders.placement import place_order
from orders.reconciliation.running import LOCK, Reconciliation
from orders.returns.plans import LineWish, RefundWish
from orders.writing_off import WriteOffWish
from payments.gateways.base import GatewayError
from payments.models import GatewayName, PaymentAttempt, Refund, RefundDestination
from payments.reconciliation import resolving
from payments.reconciliation.locking import only_one
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, Resolution
from payments.reconciliation.windows import Window
from payments.sandbox import sending
from payments.sandbox.models import ArmedFault, Delivery
from tests.gateway_process import SandboxProcess
from tests.jobs import post
from tests.shop import Article, Shop, Shopper, purchase

REFUSED = (DomainError, GatewayError, PaymentNotInitialized, confirmation.PaymentNotCheckable)


# For `pick`.
NEWEST, OLDEST = 0, -1


class Crash(BaseException):
    """The process ends here; nobody is to catch it."""


class Gateways(SandboxProcess):
    """The sandbox's controls, in this process. What they refuse has not happened."""

    def control(self, path: str, **body: Any) -> dict[str, Any]:
        """What came of it, or nothing."""
        answer = requests.post(f"{self.base_url}/{path}", json=body, timeout=10)
        assert answer.status_code in (200, 204, 404, 409), answer.text
        done: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        return done


@dataclass
class World:
    """The shop and everybody who deals with it. `ahead` is how far our clock is turned; it never goes back."""

    shop: Shop
    ada: Shopper
    clerk: User
    boss: User
    voucher: Article
    gateways: Gateways = field(default_factory=Gateways)
    ahead: timedelta = timedelta(0)
    keys: list[uuid.UUID] = field(default_factory=list)
    begun: datetime = field(default_factory=clock.now)

    # --- what everything goes through -------------------------------------------------------------------------------

    @contextmanager
    def _acting(self, crash: int | None = None, *, ahead: timedelta | None = None) -> Iterator[None]:
        """Our time; refusals are fine; the process ends at the `crash`-th seam that is passed."""
        passages = itertools.count(1)

        def trap(seam: Seam) -> None:
            if next(passages) == crash:
                raise Crash(seam)

        with clock.turned(self.ahead if ahead is None else ahead), suppress(Crash, *REFUSED), crashpoints.trapped(trap):
            yield

    def pass_time(self, minutes: int) -> None:
        """Our clock goes on."""
        self.ahead += timedelta(minutes=minutes)

    # --- shoppers ---------------------------------------------------------------------------------------------------

    def buy(
        self, gateway: str, basket: Sequence[tuple[Article, int]], crash: int | None, *, use_credits: bool = False
    ) -> None:
        """Place an order that is paid online, or with credits as far as they go."""
        key = new_id()
        self.keys.append(key)
        wanted = purchase(
            self.ada,
            self.shop.standard,
            *basket,
            terms=PaymentTerms.PREPAID,
            gateway=GatewayName(gateway),
            placement_key=key,
            use_credits=use_credits,
        )
        with self._acting(crash):
            checkout.buy_with_payment(wanted)

    def buy_again(self, which: int, crash: int | None) -> None:
        """The retry of a purchase that may have been cut off."""
        if self.keys:
            with self._acting(crash):
                checkout.resume(pick(self.keys, which))

    def buy_on_delivery(self, basket: Sequence[tuple[Article, int]], *, use_credits: bool = False) -> None:
        """Place an order that is paid at the door, or with credits as far as they go."""
        with self._acting():
            place_order(purchase(self.ada, self.shop.cash, *basket, use_credits=use_credits))

    def pay(self, which: int, outcome: str, webhook: str) -> None:
        """A shopper goes through a checkout, of whatever order and however late."""
        known = [each["id"] for name in ("stripe", "razorpay") for each in self._theirs(name)]
        if known:
            self.gateways.control("pay", payment=pick(known, which), outcome=outcome, webhook=webhook)

    def confirm(self, which: int, crash: int | None) -> None:
        """A shopper says that they have paid."""
        for order in self._order(which):
            with self._acting(crash):
                confirmation.confirm_payment(order.pk, customer_id=order.customer_id, claim=new_id())

    def cancel(self, which: int) -> None:
        """A shopper calls an order off."""
        for order in self._order(which):
            with self._acting():
                cancellation.cancel_order(order.pk, actor=actors.customer(self.ada.user.pk))

    # --- staff ------------------------------------------------------------------------------------------------------

    def send(self, which: int) -> None:
        """Goods leave."""
        for order in self._order(which):
            with self._acting():
                fulfilment.send_order(order.pk, actor=actors.staff(self.clerk.pk))

    def deliver(self, which: int) -> None:
        """Goods arrive."""
        for order in self._order(which):
            with self._acting():
                fulfilment.deliver_order(order.pk, actor=actors.staff(self.clerk.pk))

    def collect_cash(self, which: int, percent: int) -> None:
        """Somebody pays at the door, perhaps not all of it."""
        for order in self._order(which):
            amount = share(order.total, percent)
            with self._acting():
                cash.collect_cash(order.pk, amount=amount, receipt=new_id(), actor=actors.staff(self.clerk.pk))

    def grant(self, minor: int, minutes: int | None) -> None:
        """A member of staff gives the shopper credit, good for so long."""
        with self._acting():
            until = None if minutes is None else clock.now() + timedelta(minutes=minutes)
            wish = GrantWish(self.ada.customer.pk, Money(minor, "USD"), "simulated", until)
            grant_credit(wish, actor=actors.staff(self.clerk.pk))

    def refund(self, which: int, kind: RefundKind, percent: int, destination: RefundDestination) -> None:
        """A member of staff gives money back."""
        for order in self._order(which):
            in_money = kind in (RefundKind.PARTIAL, RefundKind.GOODWILL)
            wish = RefundWish(
                kind,
                "simulated",
                amount=share(order.total, percent) if in_money else None,
                lines=(LineWish(1, 1, restock=percent > 50),) if kind == RefundKind.LINES else (),
                delivery=kind == RefundKind.LINES and percent > 70,
                destination=destination,
                key=new_id(),
            )
            with self._acting():
                returns.request_refund(order.pk, wish, actor=actors.staff(self.clerk.pk))

    def decide(self, which: int, *, approve: bool) -> None:
        """A second person decides about a refund."""
        pending = list(OrderRefund.objects.filter(needs_approval=True, decided_at=None).order_by("requested_at", "pk"))
        if pending:
            act = returns.approve_refund if approve else _refuse
            with self._acting():
                act(pick(pending, which).pk, actor=actors.staff(self.boss.pk))

    def write_off(self, which: int, percent: int) -> None:
        """A member of staff gives up what is owed for goods that have left, or some of it."""
        for order in self._order(which):
            owed = writing_off.owed(order)
            wish = WriteOffWish(share(owed, percent) if owed.minor else owed, "simulated", key=new_id())
            with self._acting():
                writing_off.write_off(order.pk, wish, actor=actors.staff(self.clerk.pk))

    def decide_write_off(self, which: int, *, approve: bool) -> None:
        """A second person decides about a write-off."""
        pending = list(OrderWriteOff.objects.to_decide().order_by("requested_at", "pk"))
        if pending:
            one, boss = pick(pending, which), actors.staff(self.boss.pk)
            with self._acting():
                if approve:
                    writing_off.approve_write_off(one.pk, actor=boss)
                else:
                    writing_off.refuse_write_off(one.pk, actor=boss, reason="simulated")

    def let_go(self, which: int) -> None:
        """A member of staff gives up what went back twice."""
        twice = Discrepancy.objects.filter(kind=DiscrepancyKind.REFUNDED_TWICE, state="open").order_by("pk")
        if twice:
            found = pick(list(twice), which)
            with self._acting():
                resolving.resolve(found.pk, as_=Resolution.WRITTEN_OFF, by=self.clerk.pk, reason="simulated")

    def ask_for_more(self, which: int, gateway: str, percent: int, *, hold: bool, crash: int | None) -> None:
        """A member of staff asks for a further payment of an order, or to hold the money."""
        for order in self._order(which):
            due = Money(order.total_minor - order.collected_minor, order.currency)
            with self._acting(crash):
                payments.request_payment(
                    order.pk,
                    gateway=GatewayName(gateway),
                    actor=actors.staff(self.clerk.pk),
                    amount=share(due, percent) if due.minor > 0 else due,
                    hold=hold,
                )

    def capture(self, which: int, percent: int, crash: int | None) -> None:
        """A member of staff takes what is held, or a part of it."""
        held = PaymentAttempt.objects.filter(state="authorized").select_related("request").order_by("created_at", "pk")
        if held:
            attempt = pick(list(held), which)
            amount = share(Money(attempt.amount_minor, attempt.currency), percent)
            with self._acting(crash):
                payments.capture_payment(
                    attempt.request.subject_id,
                    attempt_id=attempt.pk,
                    amount=amount,
                    actor=actors.staff(self.clerk.pk),
                )

    def void(self, which: int, crash: int | None) -> None:
        """A member of staff takes a payment request back."""
        for order in self._order(which):
            request = payments.find_open(order)
            if request is not None:
                with self._acting(crash):
                    payments.void_payment(order.pk, request_id=request.pk, actor=actors.staff(self.clerk.pk))

    # --- at the gateways --------------------------------------------------------------------------------------------

    def refund_at_gateway(self, which: int, percent: int) -> None:
        """Somebody gives money back in the gateway's own dashboard."""
        paid = [
            (name, payment)
            for name in ("stripe", "razorpay")
            for each in self._theirs(name)
            for payment in each["payments"]
            if payment["captured"] > payment["refunded"]
        ]
        if paid:
            name, payment = pick(paid, which)
            amount = max(1, (payment["captured"] - payment["refunded"]) * percent // 100)
            with suppress(requests.RequestException):
                _dashboard_refund(self.gateways.base_url, name, payment["id"], amount)

    def fail_refund(self, which: int, webhook: str) -> None:
        """A bank cannot send money back after all."""
        sent = Refund.objects.filter(gateway_refund_id__isnull=False).order_by("created_at", "pk")
        references = list(sent.values_list("gateway_refund_id", flat=True))
        if references:
            self.gateways.control("fail_refund", refund=pick(references, which), webhook=webhook)

    def dispute(self, which: int, act: str, percent: int, *, kept_back: bool, webhook: str) -> None:
        """A payer's bank questions a payment, or goes on with that."""
        paid = [
            payment
            for name in ("stripe", "razorpay")
            for each in self._theirs(name)
            for payment in each["payments"]
            if payment["captured"]
        ]
        if paid:
            payment = pick(paid, which)
            amount = max(1, payment["captured"] * percent // 100)
            how = {"amount": amount, "kept_back": kept_back} if act == "open" else {}
            self.gateways.control("dispute", payment=payment["id"], act=act, webhook=webhook, **how)

    def decide_disputes(self) -> None:
        """Every bank that still looks into something lets the shop have the money."""
        for name in ("stripe", "razorpay"):
            for each in self._theirs(name):
                for payment in each["payments"]:
                    if payment["captured"]:
                        self.gateways.control("dispute", payment=payment["id"], act="win", webhook="normal")

    def break_calls(self, gateway: str, call: str, fault: str, times: int) -> None:
        """The next calls go wrong."""
        self.gateways.arm(gateway, call, fault, times)

    def mend_calls(self) -> None:
        """No call goes wrong any more."""
        ArmedFault.objects.all().delete()

    # --- the network ------------------------------------------------------------------------------------------------

    def webhook(self, which: int, fate: str, crash: int | None = None) -> bool:
        """One of the webhooks under way arrives, or never does, in any order; one that arrives "again" stays under way.
        False if none is."""
        due = list(Delivery.objects.filter(due_at__isnull=False).select_related("event").order_by("seq"))
        if not due:
            return False
        delivery = pick(due, which)
        if fate != "again":
            delivery.due_at = None
            delivery.save(update_fields=["due_at"])
        if fate != "lost":
            body, headers = sending.signed(delivery.event)
            # Signed by the gateway's clock, which is not turned.
            with self._acting(crash, ahead=timedelta(0)):
                assert post(sending.webhook_url(delivery.event.gateway), body, headers) == 200
        return True

    # --- our own background -----------------------------------------------------------------------------------------

    def work(self, which: int, crash: int | None = None, *, again: bool = False) -> bool:
        """One of the jobs that wait is done, in any order; with `again` it will be done once more. False if none."""
        periodic = {name for name, _ in app.periodic_registry.periodic_tasks}
        taken = _take(which, again=again)
        if taken is None:
            return False
        name, arguments = taken
        if name not in periodic:
            with self._acting(crash):
                app.tasks[name](**arguments)
        return True

    def chase(self, crash: int | None = None) -> None:
        """The periodic chase."""
        with self._acting(crash):
            jobs.chase(timestamp=0)

    def expire(self, crash: int | None = None) -> None:
        """The periodic expiry."""
        with self._acting(crash):
            jobs.expire_orders(timestamp=0)

    def end_credits(self) -> None:
        """The periodic end of credit that is over."""
        with self._acting():
            jobs.expire_credits(timestamp=0)

    def reconcile(self, crash: int | None = None) -> int:
        """Everything that the gateways have is compared with our books; how much there was to do.

        By the gateways' clock a schedule takes a moment: one short window holds it all.
        """
        window = Window(self.begun - timedelta(minutes=1), self.begun + timedelta(minutes=30), asked=True)
        steps = 0
        for name in ("stripe", "razorpay"):
            with self._acting(crash), only_one(LOCK):
                for _ in Reconciliation(name, window).steps():
                    steps += 1
        return steps

    # --- looking ----------------------------------------------------------------------------------------------------

    def _order(self, which: int) -> Iterator[Order]:
        orders = list(Order.objects.order_by("number"))
        if orders:
            yield pick(orders, which)

    def _theirs(self, gateway: str) -> list[dict[str, Any]]:
        """What a gateway knows, the oldest first."""
        orders: list[dict[str, Any]] = self.gateways.books(gateway)["orders"]
        return orders[::-1]


def pick[T](things: Sequence[T], which: int) -> T:
    """One of them, counted from the newest."""
    return things[-1 - which % len(things)]


def share(amount: Money, percent: int) -> Money:
    """So much of it, and never nothing."""
    return Money(max(1, amount.minor * percent // 100), amount.currency)


def _refuse(refund_id: uuid.UUID, *, actor: actors.Actor) -> OrderRefund:
    return returns.refuse_refund(refund_id, actor=actor, reason="simulated")


def _dashboard_refund(base_url: str, gateway: str, payment: str, amount: int) -> None:
    if gateway == "stripe":
        key = (settings.STRIPE_SECRET_KEY, "")
        wanted = {"charge": payment, "amount": amount, "metadata[by]": "hand"}
        requests.post(f"{base_url}/stripe/v1/refunds", data=wanted, auth=key, timeout=10)
    else:
        keys = (settings.RAZORPAY_KEY_ID, settings.RAZORPAY_KEY_SECRET)
        body = {"amount": amount, "notes": {"by": "hand"}}
        requests.post(f"{base_url}/razorpay/v1/payments/{payment}/refund", json=body, auth=keys, timeout=10)


_JOBS = "SELECT id, task_name, args FROM procrastinate_jobs WHERE status = 'todo' ORDER BY id"


def _take(which: int, *, again: bool) -> tuple[str, dict[str, Any]] | None:
    with connection.cursor() as cursor:
        cursor.execute(_JOBS)
        waiting = cursor.fetchall()
        if not waiting:
            return None
        job_id, name, arguments = pick(waiting, which)
        if not again:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE id = %s", [job_id])
    return name, json.loads(arguments) if isinstance(arguments, str) else arguments
