"""Which documents an order gets, when, and that their sum is what stands of the sale, whatever happens to it.

After every test the books are checked: an invoice less its notes is the ledger's sale, tax by tax.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from catalog.models import Product
from kit.money import Money
from orders import actors, cancellation
from orders.approval_limits import read_limits
from orders.cash import collect_cash
from orders.fulfilment import deliver_order, send_order
from orders.invoices.issuing import issue_due
from orders.models import Coupon, CouponCode, Invoice, InvoiceCounter, Order, PaymentTerms, RefundKind
from orders.returns import request_refund
from orders.returns.plans import LineWish, RefundWish
from orders.settlement import settle
from payments import ledger
from payments.ledger import Leg
from payments.models import Account, Refund, RefundDestination, TransferKind
from tests import books
from tests import shop as shops
from tests.orders.taxes.test_orders import buy, rate
from tests.payments.reports import asked, payment, refund, report
from tests.shop import Shop, Shopper, give_back, place
from tests.statements import statements


def pay(order: Order, amount: Money | None = None) -> Order:
    """Cash comes in."""
    collect_cash(order.pk, amount=amount or order.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    return Order.objects.get(pk=order.pk)


def issued(order: Order) -> list[tuple[str, int, int]]:
    """The order's documents: number, total, tax."""
    rows = order.invoices.order_by("issued_at", "pk").values_list("number", "total_minor", "tax_minor")
    return [(number.replace("2026-", ""), total, tax) for number, total, tax in rows]


def test_an_order_that_waits_for_its_money_has_none(shop: Shop, ada: Shopper) -> None:
    place(ada, shop.standard, (shop.cable, 1), terms=PaymentTerms.PREPAID)
    place(ada, shop.cash, (shop.cable, 1))
    assert (Invoice.objects.count(), InvoiceCounter.objects.count()) == (0, 0)


def test_it_is_issued_when_the_last_of_the_money_comes_and_once(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1))
    pay(order, Money(450, "USD"))
    assert issued(order) == []
    pay(order, Money(1000, "USD"))
    assert issued(order) == [("INV-000001", 1450, 0)]
    settle(order.pk, actor=actors.SYSTEM)
    assert issued(order) == [("INV-000001", 1450, 0)]
    view = order.invoices.get().view
    assert [(one["method"], one["amount_minor"]) for one in view["paid"]] == [("Cash", 450), ("Cash", 1000)]
    assert (view["due_minor"], view["order_number"]) == (0, order.number)
    assert view["issued_on"] == view["paid"][0]["on"]


@pytest.mark.parametrize(("setting", "numbers"), [("sent", ["INV-000001"]), ("paid", [])])
def test_on_delivery_it_goes_with_the_goods_or_waits_for_the_money(
    shop: Shop, ada: Shopper, settings: Any, setting: str, numbers: list[str]
) -> None:
    settings.INVOICE_ON_DELIVERY_ISSUED = setting
    order = place(ada, shop.cash, (shop.cable, 1))
    send_order(order.pk, actor=actors.SYSTEM)
    assert [number for number, _, _ in issued(order)] == numbers
    due = [one.due_minor for one in order.invoices.all()]
    deliver_order(order.pk, actor=actors.SYSTEM)
    pay(order)
    assert [number for number, _, _ in issued(order)] == ["INV-000001"]
    assert due == ([1450] if numbers else [])
    assert order.invoices.get().due_minor == (1450 if numbers else 0)


def test_a_coupon_that_covers_all_is_invoiced_as_it_is_placed(shop: Shop, ada: Shopper) -> None:
    coupon = Coupon.objects.create(name="All", kind="percent", percent_ppm=1_000_000)
    CouponCode.objects.create(code="ALL", coupon=coupon)
    free = shops.add_delivery("Free", 0, cash_on_delivery=True)
    order = place(ada, free, (shop.cable, 1), coupon_code="ALL")
    assert (order.status, order.total_minor) == ("paid", 0)
    assert issued(order) == [("INV-000001", 0, 0)]
    assert (order.invoices.get().view["paid"], order.invoices.get().due_minor) == ([], 0)
    assert [one.kind for one in order.notices.all()] == ["confirmation"]


def test_what_was_paid_too_much_is_no_part_of_the_invoice(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    double = dataclasses.replace(payment(request, "captured", "2"))
    settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured", "1"), double))
    assert Refund.objects.get().surplus_minor == order.total_minor
    assert issued(order) == [("INV-000001", order.total_minor, 0)]
    assert sum(one["amount_minor"] for one in order.invoices.get().view["paid"]) == order.total_minor


def test_a_refund_by_lines_has_a_credit_note_with_them_and_their_tax(shop: Shop, ada: Shopper) -> None:
    rate("New York", "US", 40_000, state="NY")
    rate("New York City", "US", 45_000, state="NY", postcodes="100*")
    order = pay(buy(ada, shop, (shop.headphones, 2), (shop.cable, 3)))
    wish = RefundWish(RefundKind.LINES, "Broken", lines=(LineWish(1, 1),), delivery=True)
    request_refund(order.pk, wish, actor=actors.SYSTEM)
    assert issued(order)[1] == ("CN-000001", 19999 + 1700 + 1085, 1785)
    note = order.invoices.get(kind="credit_note")
    assert note.corrects == order.invoices.get(kind="invoice")
    assert [(line["title"], line["quantity"], line["net_minor"]) for line in note.view["lines"]] == [
        ("Premium Headphones", 1, 19999),
        ("Anywhere", 1, 1000),
    ]
    assert (note.view["corrects"], note.view["reason"]) == (note.corrects.number, "Broken")


def test_refunds_of_money_and_as_credit_have_notes_that_add_up_to_the_invoice(shop: Shop, ada: Shopper) -> None:
    rate("VAT", "US", 190_000)
    order = pay(buy(ada, shop, (shop.cable, 3)))
    give_back(order.pk, Money(1_001, "USD"), reason="sorry")
    wish = RefundWish(RefundKind.GOODWILL, "late", Money(333, "USD"), destination=RefundDestination.CREDIT)
    request_refund(order.pk, wish, actor=actors.SYSTEM)
    request_refund(order.pk, RefundWish(RefundKind.FULL, "returned"), actor=actors.SYSTEM)
    documents = issued(order)
    assert [number for number, _, _ in documents] == ["INV-000001", "CN-000001", "CN-000002", "CN-000003"]
    assert sum(total for _, total, _ in documents[1:]) == documents[0][1]
    assert sum(tax for _, _, tax in documents[1:]) == documents[0][2] == order.tax_minor


def test_a_refund_that_waits_for_a_second_person_has_no_note_yet(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:0")
    order = pay(place(ada, shop.cash, (shop.cable, 1)))
    give_back(order.pk, Money(100, "USD"))
    assert [number for number, _, _ in issued(order)] == ["INV-000001"]


def test_a_paid_order_that_is_called_off_is_credited_whole(shop: Shop, ada: Shopper) -> None:
    order = pay(place(ada, shop.cash, (shop.cable, 2)))
    give_back(order.pk, Money(100, "USD"))
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert issued(order) == [("INV-000001", 2400, 0), ("CN-000001", 100, 0), ("CN-000002", 2300, 0)]


def failing(shop: Shop, ada: Shopper, *, sent: bool) -> tuple[Order, Any, Any]:
    """An order paid at a gateway, all of it given back, and the gateway's report that this failed after all."""
    order, request = asked(ada, shop)
    captured = payment(request, "captured")
    settle(order.pk, actor=actors.GATEWAY, report=report(request, captured))
    if sent:
        send_order(order.pk, actor=actors.SYSTEM)
    request_refund(order.pk, RefundWish(RefundKind.FULL, "returned"), actor=actors.SYSTEM)
    key = str(Refund.objects.get().pk)
    done = dataclasses.replace(captured, refunds=(refund(request, "a", order.total_minor, key=key),))
    settle(order.pk, actor=actors.GATEWAY, report=report(request, done))
    failed = dataclasses.replace(captured, refunds=(refund(request, "a", order.total_minor, "failed", key=key),))
    return order, report(request, failed), key


def test_a_refund_that_failed_of_goods_that_were_sent_is_charged_again_by_a_debit_note(
    shop: Shop, ada: Shopper, settings: Any
) -> None:
    settings.REFUND_APPROVAL_ABOVE = {}
    order, failed, _ = failing(shop, ada, sent=True)
    total = order.total_minor
    for _ in range(2):
        settle(order.pk, actor=actors.GATEWAY, report=failed)
        assert issued(order) == [("INV-000001", total, 0), ("CN-000001", total, 0), ("DN-000001", total, 0)]
    debit = order.invoices.get(kind="debit_note")
    assert debit.corrects == order.invoices.get(kind="invoice")
    # And given back once more, it has another credit note.
    request_refund(
        order.pk,
        RefundWish(RefundKind.FULL, "once more", destination=RefundDestination.CREDIT),
        actor=actors.SYSTEM,
    )
    assert issued(order)[-1] == ("CN-000002", total, 0)


def test_a_refund_that_failed_of_an_order_that_stays_called_off_charges_nothing_again(
    shop: Shop, ada: Shopper, settings: Any
) -> None:
    settings.REFUND_APPROVAL_ABOVE = {}
    order, failed, _ = failing(shop, ada, sent=False)
    settle(order.pk, actor=actors.GATEWAY, report=failed)
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert issued(order) == [("INV-000001", order.total_minor, 0), ("CN-000001", order.total_minor, 0)]


def test_an_order_from_before_needs_none_until_somebody_asks(shop: Shop, ada: Shopper) -> None:
    old = place(ada, shop.cash, (shop.cable, 1))
    Order.objects.filter(pk=old.pk).update(needs_invoice=False)
    pay(old)
    assert issued(old) == []
    for _ in range(2):
        call_command("issue_invoices", verbosity=0)
        assert issued(old) == [("INV-000001", 1450, 0)]


def test_a_part_of_a_refund_that_had_failed_before_the_invoice_is_in_no_note(
    shop: Shop, ada: Shopper, settings: Any
) -> None:
    settings.REFUND_APPROVAL_ABOVE = {}
    order, request = asked(ada, shop)
    Order.objects.filter(pk=order.pk).update(needs_invoice=False)
    rest = order.total_minor - 9_000
    first = payment(request, "captured", "1", captured_minor=9_000)
    second = payment(request, "captured", "2", captured_minor=rest)
    settle(order.pk, actor=actors.GATEWAY, report=report(request, first, second))
    send_order(order.pk, actor=actors.SYSTEM)
    request_refund(order.pk, RefundWish(RefundKind.FULL, "returned"), actor=actors.SYSTEM)
    keys = {part.amount_minor: str(part.pk) for part in Refund.objects.all()}
    gone = dataclasses.replace(first, refunds=(refund(request, "a", 9_000, key=keys[9_000]),))
    failed = dataclasses.replace(second, refunds=(refund(request, "b", rest, "failed", key=keys[rest]),))
    settle(order.pk, actor=actors.GATEWAY, report=report(request, gone, failed))
    assert issued(order) == []

    call_command("issue_invoices", verbosity=0)

    for _ in range(2):
        assert issued(order) == [("INV-000001", order.total_minor, 0), ("CN-000001", 9_000, 0)]
        settle(order.pk, actor=actors.SYSTEM)


def test_gst_names_the_place_of_supply_and_splits_the_tax(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.SELLER = dataclasses.replace(settings.SELLER, country="IN", state="KA", tax_number="29AAGCB7383J1Z4")
    rate("GST", "IN", 180_000)
    Product.objects.filter(pk=shop.cable.product_id).update(hsn_code="85444299")
    view = pay(buy(ada, shop, (shop.cable, 2), to=("IN", "Karnataka", "560001"))).invoices.get().view
    assert (view["title"], view["place_of_supply"], view["is_gst"]) == ("Tax invoice", "29-Karnataka", True)
    assert [(levy["name"], levy["ppm"]) for levy in view["lines"][0]["levies"]] == [("CGST", 90_000), ("SGST", 90_000)]
    assert view["lines"][0]["hsn_code"] == "85444299"
    assert view["seller"]["tax_number"] == "29AAGCB7383J1Z4"
    abroad = pay(buy(ada, shop, (shop.cable, 1), to=("US", "NY", "10001"))).invoices.get().view
    assert abroad["place_of_supply"] == "96-Foreign country"
    assert any("export under bond" in note for note in abroad["notes"])


def test_reverse_charge_is_said_in_the_words_of_the_law(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.SELLER = dataclasses.replace(settings.SELLER, country="DE", tax_number="DE136695976")
    rate("VAT", "FR", 200_000)
    to = ("FR", "", "75001")
    goods = pay(buy(ada, shop, (shop.cable, 1), to=to, tax_number="FR40303265045")).invoices.get().view
    service = pay(buy(ada, shop, (shop.flyer, 1), to=to, tax_number="FR40303265045")).invoices.get().view
    assert [line["category"] for line in goods["lines"]] == ["K", "K"]
    assert [line["category"] for line in service["lines"]] == ["AE", "AE"]
    assert any("Article 138" in note for note in goods["notes"])
    assert any(note.startswith("Reverse charge") for note in service["notes"])


def test_the_counter_is_the_last_thing_that_is_locked(shop: Shop, ada: Shopper) -> None:
    """After it the transaction writes new rows alone: it waits for nobody."""
    order = place(ada, shop.cash, (shop.cable, 1))
    told: list[str] = []

    def listen(run: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        told.append(" ".join(sql.split()))
        return run(sql, parameters, many, context)

    with connection.execute_wrapper(listen):
        pay(order)
    counter = next(index for index, sql in enumerate(told) if "orders_invoicecounter" in sql)
    after = [sql for sql in told[counter + 1 :] if not sql.startswith("SELECT")]
    assert len(after) == 2
    assert after[0].startswith('INSERT INTO "orders_invoice"')
    assert "outgoing_outgoingevent" in after[1]


def test_whatever_else_lessens_the_sale_in_the_ledger_has_a_note(shop: Shop, ada: Shopper) -> None:
    order = pay(place(ada, shop.cash, (shop.cable, 1)))
    legs = (Leg(Account.REFUNDS, 70, order.pk), Leg(Account.SUSPENSE, -70, order.pk))
    with transaction.atomic():
        ledger.post(source="mine", kind=TransferKind.RESOLUTION, currency="USD", legs=legs)
        issue_due(order)
        issue_due(order)
    assert issued(order) == [("INV-000001", 1450, 0), ("CN-000001", 70, 0)]
    books.empty()


def test_asking_again_of_an_order_that_is_paid_costs_three_statements(shop: Shop, ada: Shopper) -> None:
    order = pay(place(ada, shop.cash, (shop.cable, 1)))
    with statements() as told:
        issue_due(order)
    assert len(told) == 3
