"""Invoices of orders that credit pays for, in part or wholly, and of those that buy it; and the notes of what comes
back.

After every test the books are checked: an invoice less its notes is the ledger's sale, or the credit that was bought.
"""

from __future__ import annotations

import uuid

import pytest

from kit.money import Money
from orders import actors, cancellation
from orders.cash import collect_cash
from orders.models import Order, RefundKind
from orders.returns import request_refund
from orders.returns.plans import LineWish, RefundWish
from orders.settlement import settle
from payments.models import Refund
from tests.orders.credits.test_buying import give_back, lose
from tests.orders.credits.wallet import booked, buy_credit, grant, pay, spendable
from tests.orders.taxes.test_orders import rate
from tests.shop import Shop, Shopper, place


def documents(order: Order) -> list[tuple[str, int, int]]:
    """What was issued for the order: kind, total, tax."""
    return list(order.invoices.order_by("issued_at", "pk").values_list("kind", "total_minor", "tax_minor"))


def refund(order: Order, minor: int | None = None) -> None:
    """Staff give back an amount, or everything."""
    kind = RefundKind.FULL if minor is None else RefundKind.PARTIAL
    amount = None if minor is None else Money(minor, order.currency)
    request_refund(order.pk, RefundWish(kind, "Broken", amount), actor=actors.SYSTEM)


@pytest.fixture
def half(shop: Shop, ada: Shopper) -> Order:
    """Three cables and their delivery, 33.50 and 6.37 of tax in USD: 20.00 in credits, the rest in cash."""
    rate("VAT", "US", 190_000)
    grant(ada, 2000)
    order = place(ada, shop.cash, (shop.cable, 3), use_credits=True)
    collect_cash(order.pk, amount=order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    return Order.objects.get(pk=order.pk)


def test_credits_that_pay_for_all_are_on_the_invoice_as_it_is_placed(shop: Shop, ada: Shopper) -> None:
    grant(ada, 2000)
    order = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    invoice = order.invoices.get()
    assert (order.status, order.total_minor, invoice.total_minor, invoice.due_minor) == ("paid", 0, 1450, 0)
    assert (invoice.view["credits_minor"], invoice.view["paid"]) == (1450, [])


def test_credits_that_pay_for_a_part_are_beside_the_money(half: Order) -> None:
    invoice = half.invoices.get()
    assert (invoice.total_minor, invoice.tax_minor, invoice.due_minor) == (2000 + half.total_minor, half.tax_minor, 0)
    assert invoice.view["credits_minor"] == 2000
    assert [one["amount_minor"] for one in invoice.view["paid"]] == [half.total_minor]


def test_a_refund_in_money_and_credits_has_one_note_of_both(half: Order, ada: Shopper) -> None:
    refund(half)
    whole = (2000 + half.total_minor, half.tax_minor)
    assert documents(half) == [("invoice", *whole), ("credit_note", *whole)]
    note = half.invoices.get(kind="credit_note")
    assert (note.view["reason"], spendable(ada)) == ("Broken", 2000)
    settle(half.pk, actor=actors.SYSTEM)
    assert len(documents(half)) == 2


def test_refunds_that_end_in_credits_have_a_note_each_and_add_up_to_the_invoice(half: Order) -> None:
    refund(half, half.total_minor - 100)
    refund(half, 300)
    refund(half, 500)
    refund(half)
    first, *notes = documents(half)
    assert [total for _, total, _ in notes] == [half.total_minor - 100, 300, 500, 1300]
    assert {kind for kind, _, _ in notes} == {"credit_note"}
    assert (sum(total for _, total, _ in notes), sum(tax for _, _, tax in notes)) == first[1:]
    sources = half.invoices.filter(kind="credit_note").values_list("source", flat=True)
    assert all(source.startswith("refund:") for source in sources)


def test_lines_that_come_back_as_credits_are_on_the_note(shop: Shop, ada: Shopper) -> None:
    grant(ada, 4000)
    order = place(ada, shop.cash, (shop.cable, 3), use_credits=True)
    wish = RefundWish(RefundKind.LINES, "Broken", lines=(LineWish(1, 2),))
    request_refund(order.pk, wish, actor=actors.SYSTEM)
    note = order.invoices.get(kind="credit_note")
    assert [(line["quantity"], line["net_minor"]) for line in note.view["lines"]] == [(2, 1900)]
    assert (note.view["reason"], Refund.objects.exists()) == ("Broken", False)


@pytest.mark.parametrize("earlier", [0, 300])
def test_calling_a_paid_order_off_takes_all_that_is_left_back_by_one_note(
    shop: Shop, ada: Shopper, earlier: int
) -> None:
    grant(ada, 2000)
    order = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    if earlier:
        refund(order, earlier)
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    notes = [("credit_note", part, 0) for part in (earlier, 1450 - earlier) if part]
    assert documents(order) == [("invoice", 1450, 0), *notes]
    assert spendable(ada) == 2000


def test_calling_off_gives_money_and_credits_back_by_one_note(half: Order, ada: Shopper) -> None:
    cancellation.cancel_order(half.pk, actor=actors.SYSTEM)
    whole = (2000 + half.total_minor, half.tax_minor)
    assert documents(half) == [("invoice", *whole), ("credit_note", *whole)]
    assert spendable(ada) == 2000


def test_credit_that_is_bought_has_an_invoice_without_tax_and_is_no_revenue(shop: Shop, ada: Shopper) -> None:
    rate("VAT", "US", 190_000)
    order = buy_credit(ada, shop.standard)
    invoice = order.invoices.get()
    (line,) = invoice.view["lines"]
    assert (invoice.total_minor, invoice.tax_minor, invoice.due_minor) == (10_000, 0, 0)
    # A voucher for anything is no supply.
    assert (line["category"], line["zero_reason"], invoice.view["notes"]) == ("O", "voucher", [])
    assert booked(order.pk) == {"clearing_stripe": 10_000, "customer_credit": -10_000}

    bought = place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    assert (bought.invoices.get().view["credits_minor"], bought.tax_minor) == (bought.credits_minor, 276)
    assert (booked(bought.pk)["revenue"], booked(bought.pk)["tax_payable"]) == (-950, -276)


def test_what_goes_back_of_bought_credit_has_a_note_whether_it_is_spent_or_not(shop: Shop, ada: Shopper) -> None:
    order = buy_credit(ada, shop.standard)
    give_back(order, 4_000)
    assert documents(order) == [("invoice", 10_000, 0), ("credit_note", 4_000, 0)]
    place(ada, shop.cash, (shop.cable, 1), use_credits=True)
    # At the gateway itself, more than is left: the rest is lost.
    pay(order, ("re_more", 6_000, "succeeded"))
    assert sum(total for kind, total, _ in documents(order) if kind == "credit_note") <= 10_000
    assert spendable(ada) == 0


def test_what_a_bank_takes_back_of_bought_credit_corrects_no_document(shop: Shop, ada: Shopper) -> None:
    order = buy_credit(ada, shop.standard)
    lose(order, 10_000)
    assert (documents(order), spendable(ada)) == ([("invoice", 10_000, 0)], 0)
