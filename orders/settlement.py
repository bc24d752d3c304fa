"""The one place that decides what money means for an order.

Whoever learns something about money enters here: the webhook worker, the customer's confirmation, the chase, staff.
Locks, in the one global order: the order's row, its payment request, its stock, the counters of invoices. Repeating it
changes nothing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from catalog import stock
from kit.crashpoints import Seam, crashpoint
from kit.money import Money
from orders import entries, late_money, notifications, refund_failures, refunded_twice, restocking, waiting, written_off
from orders.actors import SYSTEM, Actor
from orders.campaigns import ending
from orders.credits import returning
from orders.credits.bought import take_back
from orders.credits.delivering import deliver_credit
from orders.invoices import issuing
from orders.memberships import effects
from orders.models import Fulfilment, HistoryEvent, Order, OrderStatus
from orders.status import SETTLED, by_money, note, transition
from payments import collecting, disputing, queries, queue, recasting, recording, refunding
from payments.gateways.base import RequestReport
from payments.models import Refund, RefundDestination, RefundState
from payments.refunding import RefundAsk

_TOO_MUCH = "Paid more than was due"
_CANCELLED = "The order was cancelled"


def settle(order_id: uuid.UUID, *, actor: Actor, report: RequestReport | None = None) -> Order:
    """Bring an order in line with its money, after recording what a gateway reports of it, if that is why we are here.

    Afterwards the order's status follows from what was collected and refunded; whatever came in beyond what the order
    may keep is on its way back; and the history says what changed. Raises Order.DoesNotExist.
    """
    crashpoint(Seam.REPORT_READ)
    with transaction.atomic(durable=True):
        order = Order.objects.select_for_update().get(pk=order_id)
        if report is not None:
            _end_stale(order)
            record_report(order, report)
        settle_locked(order, actor=actor)
    crashpoint(Seam.REPORT_SETTLED)
    return order


def _end_stale(order: Order) -> None:
    """An entry in an event that has closed, or changed its price, since it was ordered can no longer be paid for: what
    comes in for it comes late."""
    if order.status == OrderStatus.PAYMENT_PENDING and not entries.is_offered(order):
        facts = {"reason": "its event has closed, or changed its price"}
        transition(order, OrderStatus.CANCELLED, event=HistoryEvent.CANCELLED, actor=SYSTEM, facts=facts)
        call_off_payments(order)
        stock.release(source_id=order.reservation_id)


def record_report(order: Order, report: RequestReport) -> None:
    """Write down what a gateway says of one of the order's payment requests; what is about another's is not believed.

    The caller holds the order locked, and settles it next.
    """
    request = recording.find_request(report)
    if request is not None and request.subject_id == order.pk:
        if order.written_off_minor:
            # Money for what was given up pays for that, before any of it can count as paid too much and gone back.
            recording.record(request, _without_refunds(report))
            written_off.call_back(order)
        recording.record(request, report)
        if any(payment.refunds for payment in report.payments):
            refund_failures.note_failures(order)
            refunded_twice.tell_of(order)


def _without_refunds(report: RequestReport) -> RequestReport:
    return replace(report, payments=tuple(replace(payment, refunds=()) for payment in report.payments))


def settle_locked(order: Order, *, actor: Actor, restocks: bool = False) -> None:
    """The same for an order whose row the caller holds locked in an open transaction, and who locks nothing else after
    it: last of all, its invoice and the notes that correct it are issued. `restocks` says that a refund brings goods
    back.
    """
    before = (order.collected_minor, order.refunded_minor)
    back_before = order.refunded_minor + order.credits_returned_minor
    if order.status == OrderStatus.CANCELLED:
        waiting.call_off(order)
    totals = _take_over(order)
    written_off.call_back(order)
    if totals.collected > before[0]:
        written_off.end_waiting(order)
    news = _News(
        actor=actor,
        changed=before != (totals.collected, totals.refunded),
        late_minor=max(0, totals.collected - before[0]),
        facts={"collected_minor": totals.collected, "refunded_minor": totals.refunded},
    )
    if order.status == OrderStatus.CANCELLED:
        _settle_cancelled(order, totals, news)
    else:
        _settle_live(order, totals, news)
    if order.refunded_minor + order.credits_returned_minor != back_before:
        effects.follow_refund(order)
    deliver_credit(order, actor=actor)
    strange = refunding.kept_in_other_currencies(order.pk, order.currency)
    for amount in strange:
        # It counts for nothing here, whatever the order's status.
        _promise(order, amount, reason="Paid in another currency", actor=SYSTEM)
    recasting.absorb_lost(order.pk, order.currency)
    take_back(order)
    if restocks:
        restocking.restock(order)
    if strange or order.collected_minor or order.status in SETTLED:
        notifications.want_what_is_due(order)
    issuing.issue_due(order)


@dataclass(frozen=True, slots=True)
class _News:
    """Who brings what. `late_minor` came in now, should the order be over already."""

    actor: Actor
    changed: bool
    late_minor: int
    facts: dict[str, Any]


def _settle_live(order: Order, totals: queries.MoneyTotals, news: _News) -> None:
    """The status follows from the money and the goods; what is beyond what is due goes back."""
    target = by_money(
        total=order.total_minor,
        collected=totals.collected,
        refunded=totals.refunded,
        delivered=order.fulfilment == Fulfilment.DELIVERED,
        credits_returned=order.credits_returned_minor,
        credits_kept=returning.kept_minor(order),
    )
    unsent = order.fulfilment == Fulfilment.UNFULFILLED
    if order.status == OrderStatus.REFUNDED and target != OrderStatus.REFUNDED and unsent:
        _settle_refunded(order, news)
        return
    if target != order.status:
        before = order.status
        transition(order, target, event=HistoryEvent.PAYMENT, actor=news.actor, facts=news.facts)
        if target == OrderStatus.REFUNDED:
            call_off_payments(order)
        elif before == OrderStatus.REFUNDED and target != OrderStatus.CANCELLED:
            # What was refunded is paid for after all.
            ending.revive(order)
    elif news.changed:
        note(order, event=HistoryEvent.PAYMENT, actor=news.actor, facts=news.facts)
    # What was given back of the sale is not due any more: were it paid once more, it would be too much. What waits for
    # a second person is of the sale as well: it neither covers what was paid too much nor is it used up by that.
    surplus = totals.kept + totals.waiting - (order.total_minor - totals.lessened)
    if surplus > 0:
        # What is disputed may be back with the payer already: nothing else goes back in its place.
        surplus -= disputing.withheld_minor(order.pk, order.currency)
    send_back(order, surplus, reason=_TOO_MUCH, actor=SYSTEM)
    if target == OrderStatus.REFUNDED and unsent:
        stock.release(source_id=order.reservation_id)


def _settle_refunded(order: Order, news: _News) -> None:
    """All of the money was back, and some is with us again: a refund has failed after all, or somebody has paid once
    more. The goods are free for others already, so the order is over, and what came in now came late."""
    transition(order, OrderStatus.CANCELLED, event=HistoryEvent.PAYMENT, actor=news.actor, facts=news.facts)
    waiting.call_off(order)
    _settle_cancelled(order, queries.totals(order.pk, order.currency), replace(news, changed=False))


def call_off_payments(order: Order) -> None:
    """Nobody should pay for the order any more; gateways that wait for its payer are told by a job.

    The caller holds the order locked.
    """
    for request_id in collecting.want_cancelled(order.pk):
        queue.chase_request_later(request_id)


def _settle_cancelled(order: Order, totals: queries.MoneyTotals, news: _News) -> None:
    """An order that is over keeps nothing, unless money that came after its end revives it."""
    withheld = disputing.withheld_minor(order.pk, order.currency) if totals.kept > 0 else 0
    may_go = totals.kept - withheld
    late = min(news.late_minor, totals.kept)
    if late > 0:
        why_not = late_money.revive(order, may_go, news.facts)
        if why_not is None:
            send_back(order, may_go - order.total_minor, reason=_TOO_MUCH, actor=SYSTEM)
            return
        may_go -= _send_back_late(order, late, may_go, why_not, news)
    elif news.changed:
        note(order, event=HistoryEvent.PAYMENT, actor=news.actor, facts=news.facts)
    send_back(order, may_go, reason=_CANCELLED, actor=SYSTEM)


def _send_back_late(order: Order, late_minor: int, may_go: int, why_not: late_money.WhyNot, news: _News) -> int:
    """Late money that revives nothing becomes credit or goes back, and the history says which and why, or that neither
    can be for now; returns what was promised, minor units."""
    owner = late_money.credit_owner(order)
    amount = Money(max(0, min(late_minor, may_go)), order.currency)
    refunds = _ask_for(order, amount, reason=_CANCELLED, credit_owner=owner)
    if refunds:
        outcome = late_money.Outcome.REFUND if owner is None else late_money.Outcome.CREDIT
    else:
        outcome = late_money.Outcome.NOT_REFUNDABLE if may_go > 0 else late_money.Outcome.KEPT_DISPUTED
    told = {**news.facts, "late_minor": late_minor, "outcome": outcome.value, "because": why_not.value}
    note(order, event=HistoryEvent.LATE_MONEY, actor=news.actor, facts=told)
    return _tell_of(order, refunds, reason=_CANCELLED, actor=SYSTEM)


def send_back(order: Order, amount_minor: int, *, reason: str, actor: Actor) -> int:
    """Promise that an amount goes back, and have it sent after the commit; returns what was promised, minor units.

    Nothing happens for an amount that is not above zero; never more is promised than was collected. The caller holds
    the order locked.
    """
    return _promise(order, Money(amount_minor, order.currency), reason=reason, actor=actor) if amount_minor > 0 else 0


def _promise(order: Order, amount: Money, *, reason: str, actor: Actor) -> int:
    return _tell_of(order, _ask_for(order, amount, reason=reason), reason=reason, actor=actor)


def _ask_for(order: Order, amount: Money, *, reason: str, credit_owner: uuid.UUID | None = None) -> list[Refund]:
    if amount.minor <= 0:
        return []
    return refunding.request_refunds(
        order.pk, RefundAsk(amount.minor, amount.currency, reason, customer_id=credit_owner)
    )


def _tell_of(order: Order, refunds: list[Refund], *, reason: str, actor: Actor) -> int:
    """The history says what was promised, and gateways are asked for it after the commit; how much it is."""
    if not refunds:
        return 0
    promised = sum(refund.amount_minor for refund in refunds)
    is_credit = refunds[0].destination == RefundDestination.CREDIT
    note(
        order,
        event=HistoryEvent.CREDITED if is_credit else HistoryEvent.REFUND_REQUESTED,
        actor=actor,
        facts={**_shown(Money(promised, refunds[0].currency), order), "reason": reason},
    )
    for refund in refunds:
        if refund.state == RefundState.APPROVED:
            queue.send_refund_later(refund.pk)
    # Cash and credit are back at once.
    _take_over(order)
    return promised


def _shown(amount: Money, order: Order) -> dict[str, int | str]:
    # The history's minor units are the order's own.
    return {"amount_minor": amount.minor} if amount.currency == order.currency else {"amount": str(amount)}


def _take_over(order: Order) -> queries.MoneyTotals:
    """Copy what payments and refunds say of the order onto it; the totals."""
    totals = queries.totals(order.pk, order.currency)
    now = (totals.collected, totals.refunded, returning.returned_minor(order))
    if now != (order.collected_minor, order.refunded_minor, order.credits_returned_minor):
        order.collected_minor, order.refunded_minor, order.credits_returned_minor = now
        order.save(update_fields=["collected_minor", "refunded_minor", "credits_returned_minor"])
    return totals
