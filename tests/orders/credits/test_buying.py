"""Credit that is bought: a liability and no sale, there once it is paid, gone again with the money."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from catalog.models import TaxRate
from kit import clock
from kit.errors import DomainError
from kit.ids import new_id
from kit.money import Money
from orders import actors, cancellation
from orders.checks import OrderRefused
from orders.disputes import record_dispute
from orders.fulfilment import can_be_sent
from orders.models import HistoryEvent, Notice, Order, OrderRefund, PaymentTerms, RefundKind
from orders.returns import request_refund
from orders.returns.plans import LineWish, RefundWish
from payments.gateways.base import DisputeOutcome, DisputeReport
from payments.models import PaymentAttempt, RefundDestination
from tests import shop as shops
from tests.orders.credits.wallet import booked, buy_credit, grant, pay, request_of, spendable, terms_left, voucher
from tests.shop import Shop, Shopper, place, written


def give_back(order: Order, minor: int | None = None, **fields: Any) -> OrderRefund:
    """A member of staff pays some of the order back, or all that is left."""
    kind = RefundKind.FULL if minor is None else RefundKind.PARTIAL
    amount = None if minor is None else Money(minor, order.currency)
    return request_refund(order.pk, RefundWish(kind, "returned", amount, **fields), actor=actors.SYSTEM)


def lose(order: Order, minor: int) -> Order:
    """A payer's bank takes some of the order's money back."""
    attempt = PaymentAttempt.objects.get(request__subject_id=order.pk)
    told = DisputeReport(
        dispute_id=f"dp_{new_id().hex}",
        reference=request_of(order).gateway_reference or "",
        payment_id=attempt.gateway_payment_id,
        amount_minor=minor,
        currency=order.currency,
        outcome=DisputeOutcome.LOST,
        withdrawn_minor=minor,
        reason="fraudulent",
        opened_at=clock.now(),
        respond_by=None,
    )
    settled = record_dispute(attempt, told)
    assert settled is not None
    return settled


def test_what_is_paid_for_credit_is_the_customers_credit_at_once(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.standard, (voucher(5_000), 2), terms=PaymentTerms.PREPAID)
    assert (order.order_type, order.total_minor, order.delivery_minor) == ("credit", 10_000, 0)
    assert (order.delivery_method_id, spendable(ada)) == (None, 0)

    order = pay(order)

    assert (order.status, order.fulfilment, spendable(ada)) == ("completed", "delivered", 10_000)
    assert booked(order.pk) == {"clearing_stripe": 10_000, "customer_credit": -10_000}
    moves = list(order.history.order_by("pk").values_list("event", "to_status"))
    assert moves == [("placed", "payment_pending"), ("payment", "paid"), ("delivered", "completed")]
    notices = Notice.objects.filter(order=order).order_by("kind")
    assert list(notices.values_list("kind", flat=True)) == ["confirmation", "payment"]
    assert not can_be_sent(order)
    pay(order)
    assert spendable(ada) == 10_000


def test_credit_bears_no_tax_and_what_it_buys_does(shop: Shop, ada: Shopper) -> None:
    TaxRate.objects.create(name="New York", country="US", state="NY", rate_ppm=80_000, valid_from=date(2020, 1, 1))
    order = buy_credit(ada, shop.standard)
    line = order.lines.get()
    assert (order.tax_minor, line.taxes, line.zero_reason) == (0, [], "voucher")
    bought = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    assert (bought.tax_minor, bought.credits_minor) == (116, 1450 + 116)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"use_credits": True, "terms": PaymentTerms.PREPAID}, "credits_not_usable"),
        ({"terms": PaymentTerms.ON_DELIVERY}, "credit_is_prepaid"),
    ],
)
def test_credit_is_paid_online_and_not_with_credit(shop: Shop, ada: Shopper, fields: dict[str, Any], code: str) -> None:
    grant(ada, 100)
    article = voucher()
    before = written()
    with pytest.raises(OrderRefused) as refused:
        place(ada, shop.cash, (article, 1), **fields)
    assert [fault.code for fault in refused.value.faults] == [code]
    assert written() == before


def test_credit_is_bought_alone(shop: Shop, ada: Shopper) -> None:
    article = voucher()
    before = written()
    with pytest.raises(OrderRefused) as refused:
        place(ada, shop.standard, (article, 1), (shop.package, 1), terms=PaymentTerms.PREPAID)
    assert refused.value.first.code == "credit_is_bought_alone"
    assert written() == before


def test_nothing_is_credited_until_all_is_paid_or_for_what_expires(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.standard, (voucher(), 1), terms=PaymentTerms.PREPAID)
    with clock.turned(timedelta(hours=2)):
        assert cancellation.expire_order(order.pk)
    assert spendable(ada) == 0
    # Late money revives it.
    order = pay(order)
    assert (order.status, spendable(ada)) == ("completed", 10_000)


def test_a_refund_takes_the_credit_back(shop: Shop, ada: Shopper) -> None:
    order = buy_credit(ada, shop.standard)
    give_back(order, 4_000)
    order.refresh_from_db()
    assert (order.status, spendable(ada)) == ("completed", 6_000)
    assert booked(order.pk) == {"clearing_stripe": 10_000, "refunds_payable": -4_000, "customer_credit": -6_000}
    give_back(order)
    assert (spendable(ada), booked(order.pk)) == (0, {"clearing_stripe": 10_000, "refunds_payable": -10_000})
    first, second = OrderRefund.objects.order_by("requested_at", "pk")
    order = pay(order, *((str(n), one.amount_minor, "succeeded") for n, one in enumerate((first, second))))
    assert order.status == "refunded"


def test_a_refund_that_fails_gives_the_credit_again(shop: Shop, ada: Shopper) -> None:
    order = buy_credit(ada, shop.standard)
    pay(order, ("1", 10_000, "succeeded"))
    order.refresh_from_db()
    assert (order.status, spendable(ada)) == ("refunded", 0)
    order = pay(order, ("1", 10_000, "failed"))
    assert (order.status, spendable(ada), terms_left(ada)) == ("completed", 10_000, [10_000])
    assert booked(order.pk) == {"clearing_stripe": 10_000, "customer_credit": -10_000}


@pytest.mark.parametrize(
    "wish",
    [
        RefundWish(RefundKind.FULL, "returned"),
        RefundWish(RefundKind.PARTIAL, "returned", Money(8_551, "USD")),
        RefundWish(RefundKind.LINES, "returned", lines=(LineWish(1, 1),)),
        RefundWish(RefundKind.GOODWILL, "returned", Money(10_000, "USD")),
    ],
)
def test_credit_that_is_spent_does_not_go_back_as_money(shop: Shop, ada: Shopper, wish: RefundWish) -> None:
    order = buy_credit(ada, shop.standard)
    place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    if wish.kind == RefundKind.FULL:
        place(ada, shop.cash, (shop.headphones, 1), use_credits=True)
    # What came from elsewhere is not what was bought.
    grant(ada, 10_000, days=3)
    grant(ada, 10_000)
    left = 0 if wish.kind == RefundKind.FULL else 8_550
    before = written()
    with pytest.raises(DomainError) as refused:
        request_refund(order.pk, wish, actor=actors.SYSTEM)
    assert (refused.value.first.code, refused.value.first.facts["left"]) == ("credit_spent", Money(left, "USD"))
    assert (written(), spendable(ada)) == (before, 20_000 + left)


def test_everything_that_is_left_is_what_is_not_spent(shop: Shop, ada: Shopper) -> None:
    order = buy_credit(ada, shop.standard)
    place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    assert give_back(order).amount_minor == 8_550
    assert spendable(ada) == 0


def test_credit_is_not_paid_back_as_credit(shop: Shop, ada: Shopper) -> None:
    order = buy_credit(ada, shop.standard)
    before = written()
    with pytest.raises(DomainError) as refused:
        give_back(order, 100, destination=RefundDestination.CREDIT)
    assert (refused.value.first.code, written()) == ("credit_for_credit", before)


def test_what_goes_back_at_the_gateway_takes_what_is_left(shop: Shop, ada: Shopper) -> None:
    order = buy_credit(ada, shop.standard)
    place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    order = pay(order, ("1", 9_000, "succeeded"))
    assert (order.status, spendable(ada)) == ("completed", 0)
    # 450 cents were paid back that had been spent.
    assert booked(order.pk) == {"clearing_stripe": 1_000, "customer_credit": -1_450, "refunds": 450}


def test_a_lost_dispute_takes_what_is_left(shop: Shop, ada: Shopper) -> None:
    order = buy_credit(ada, shop.standard)
    place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    order = lose(order, 10_000)
    assert (order.status, spendable(ada)) == ("completed", 0)
    assert booked(order.pk) == {"customer_credit": -1_450, "write_off": 1_450}
    assert order.history.filter(event=HistoryEvent.DISPUTE_CLOSED).count() == 1


def test_a_dispute_for_a_part_takes_that_part_and_a_refund_the_rest(shop: Shop, ada: Shopper) -> None:
    order = lose(buy_credit(ada, shop.standard), 3_000)
    assert (spendable(ada), booked(order.pk)) == (7_000, {"clearing_stripe": 7_000, "customer_credit": -7_000})
    give_back(order)
    assert (spendable(ada), booked(order.pk)) == (0, {"clearing_stripe": 7_000, "refunds_payable": -7_000})


def test_bought_credit_ends_where_the_shop_says_so(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.CREDIT_BOUGHT_GOOD_FOR_DAYS = 365
    buy_credit(ada, shop.standard)
    with clock.turned(timedelta(days=364)):
        assert spendable(ada) == 10_000
    with clock.turned(timedelta(days=366)):
        assert spendable(ada) == 0


def test_a_free_voucher_is_delivered_as_it_is_placed(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.standard, (voucher(0), 1), terms=PaymentTerms.PREPAID)
    assert (order.status, order.fulfilment, spendable(ada)) == ("completed", "delivered", 0)


def test_a_storefront_sells_credit(shop: Shop, ada: Shopper, sandbox: Any) -> None:
    article = voucher()
    answer = shops.order_with_payment(ada, shop, shops.item(article))
    assert (answer["totalAmount"], answer["currency"]) == (100, "USD")
    sandbox.pay(answer["clientSecret"], webhook="none")
    confirmed = shops.send("PATCH", f"/api/orders/{answer['orderId']}/paid", by=ada)
    assert (confirmed.status_code, spendable(ada)) == (204, 10_000)
    body = shops.order_body(ada, shop.cash, shops.item(article))
    refused = shops.send("POST", shops.ON_DELIVERY, body, by=ada)
    assert (refused.status_code, shops.text_of(refused)) == (400, "Prepaid credit is paid online")
