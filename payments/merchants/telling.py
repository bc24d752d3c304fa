"""What a merchant's systems hear of its orders: Razorpay's webhooks, in the transaction of what happened.

Each thing is told once, whoever wrote it down and however often an order is settled: the order remembers what was told,
whether anybody was there to hear it or not. Who listens later hears of what happens later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kit import clock
from payments.merchants.entities import as_authorized, order_entity, payment_entity, refund_entity
from payments.merchants.models import Merchant, MerchantOrder, MerchantOrderStatus
from payments.models import AttemptState, PaymentAttempt, Refund, RefundState
from payments.outgoing.events import Happening, emit
from payments.outgoing.models import EventType

# What these have been through, whatever became of them.
_ONCE_AUTHORIZED = (AttemptState.AUTHORIZED, AttemptState.CANCELLED, AttemptState.CAPTURED)


@dataclass(frozen=True, slots=True)
class _News:
    """One thing to tell: what it is remembered by, and the entities that it shows."""

    mark: str
    event: EventType
    shows: dict[str, dict[str, Any]]


def tell(order: MerchantOrder, attempts: Sequence[PaymentAttempt]) -> list[str]:
    """Have the merchant's systems hear of what they were not told of yet; what that is to be remembered by.

    The caller holds the order locked, and remembers. Nobody hears of an order that was given up.
    """
    if order.reference is None:
        return []
    news = [each for each in _news(order, attempts) if each.mark not in order.told]
    if news:
        account = Merchant.objects.values_list("account_id", flat=True).get(pk=order.merchant_id)
        emit(*(Happening(each.event, order.pk, _body(each, account), audience_id=order.merchant_id) for each in news))
    return [each.mark for each in news]


def _news(order: MerchantOrder, attempts: Sequence[PaymentAttempt]) -> Iterator[_News]:
    for attempt in attempts:
        yield from _of_attempt(attempt, order)
    paid = [attempt for attempt in attempts if attempt.captured_minor]
    if order.status == MerchantOrderStatus.PAID:
        shows = {"payment": payment_entity(paid[0], order), "order": order_entity(order)}
        yield _News("paid", EventType.ORDER_PAID, shows)
    if paid:
        by_id = {attempt.pk: attempt for attempt in paid}
        told_of = Refund.objects.filter(attempt__in=by_id, gateway_refund_id__isnull=False)
        for refund in told_of.select_related("of_merchant").order_by("created_at", "pk"):
            yield from _of_refund(refund, by_id[refund.attempt_id], order)


def _of_attempt(attempt: PaymentAttempt, order: MerchantOrder) -> Iterator[_News]:
    payment, name = payment_entity(attempt, order), attempt.gateway_payment_id
    if attempt.state == AttemptState.FAILED:
        yield _News(f"failed:{name}", EventType.PAYMENT_FAILED, {"payment": payment})
    if attempt.state in _ONCE_AUTHORIZED:
        yield _News(f"authorized:{name}", EventType.PAYMENT_AUTHORIZED, {"payment": as_authorized(payment)})
    if attempt.state == AttemptState.CAPTURED:
        yield _News(f"captured:{name}", EventType.PAYMENT_CAPTURED, {"payment": payment})


def _of_refund(refund: Refund, attempt: PaymentAttempt, order: MerchantOrder) -> Iterator[_News]:
    entity = refund_entity(refund, attempt, getattr(refund, "of_merchant", None))
    shows = {"refund": entity, "payment": payment_entity(attempt, order)}
    name = refund.gateway_refund_id
    yield _News(f"refund:{name}", EventType.REFUND_CREATED, shows)
    if refund.state == RefundState.SUCCEEDED:
        yield _News(f"processed:{name}", EventType.REFUND_PROCESSED, shows)
    if refund.state == RefundState.FAILED:
        yield _News(f"unrefunded:{name}", EventType.REFUND_FAILED, shows)


def _body(news: _News, account: str) -> dict[str, Any]:
    return {
        "entity": "event",
        "account_id": account,
        "event": news.event.value,
        "contains": list(news.shows),
        "payload": {name: {"entity": entity} for name, entity in news.shows.items()},
        "created_at": int(clock.now().timestamp()),
    }
