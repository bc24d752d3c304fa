"""What customers are written: each mail once, as text and as HTML, and nothing that a customer typed is markup."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import Any

from django.core import mail
from django.core.mail import EmailMultiAlternatives

from kit import clock
from kit.money import Money
from orders import actors, cancellation, notifications
from orders.invoices.links import invoice_url
from orders.models import Notice, Order, RefundKind
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from orders.settlement import settle
from payments.models import RefundDestination
from tests.orders.invoices.test_issuing import pay
from tests.orders.taxes.test_orders import buy, rate
from tests.payments.reports import asked, payment, report
from tests.shop import Shop, Shopper, give_back, place


def sent() -> list[Any]:
    """What goes out now, the oldest first."""
    mail.outbox.clear()
    with clock.turned(timedelta(minutes=1)):
        while notifications.send_due():
            pass
    return list(mail.outbox)


def html_of(message: EmailMultiAlternatives) -> str:
    (alternative,) = message.alternatives
    assert alternative[1] == "text/html"
    return str(alternative[0])


def test_a_confirmation_a_payment_and_each_refund_are_told_of_once(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 2))
    assert [one.subject for one in sent()] == [f"Your order {order.number}"]
    pay(order)
    (paid,) = sent()
    assert paid.subject == f"Payment received for your order {order.number}"
    for text in (str(paid.body), html_of(paid).replace("&amp;", "&")):
        assert invoice_url(order) in text
        assert "$24.00" in text
    for amount in (100, 200):
        give_back(order.pk, Money(amount, "USD"))
    refunds = sent()
    assert [one.subject for one in refunds] == [f"Refund for your order {order.number}"] * 2
    assert [re.search(r"You get (\S+) back", str(one.body))[1] for one in refunds] == ["$1.00", "$2.00"]  # type: ignore[index]
    settle(order.pk, actor=actors.SYSTEM)
    assert sent() == []


def test_a_refund_as_credit_says_how_much_credit_there_is(shop: Shop, ada: Shopper) -> None:
    order = pay(place(ada, shop.cash, (shop.cable, 1)))
    sent()
    for amount in (300, 400):
        wish = RefundWish(RefundKind.GOODWILL, "late", Money(amount, "USD"), destination=RefundDestination.CREDIT)
        request_refund(order.pk, wish, actor=actors.SYSTEM)
        (message,) = sent()
    for text in (str(message.body), html_of(message)):
        assert "$4.00" in text
        assert "$7.00" in text
        assert "Banks" not in text


def test_a_cancelled_order_that_was_paid_is_told_of_its_refund(shop: Shop, ada: Shopper) -> None:
    order, request = asked(ada, shop)
    settle(order.pk, actor=actors.GATEWAY, report=report(request, payment(request, "captured")))
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    kinds = [one.kind for one in Notice.objects.order_by("pk")]
    assert kinds == ["confirmation", "payment", "refund"]


def test_taxes_are_shown_by_rate(shop: Shop, ada: Shopper) -> None:
    rate("New York", "US", 40_000, state="NY")
    rate("New York City", "US", 45_000, state="NY", postcodes="100*")
    order = pay(buy(ada, shop, (shop.headphones, 1)))
    for message in sent():
        for text in (str(message.body), html_of(message)):
            assert "New York 4\N{NO-BREAK SPACE}%" in text
            assert "New York City 4.5\N{NO-BREAK SPACE}%" in text
    assert order.tax_minor == 800 + 900 + 40 + 45


def test_nothing_that_a_customer_typed_is_markup_or_a_header(shop: Shop, ada: Shopper) -> None:
    order = place(ada, shop.cash, (shop.cable, 1), notes="\r\nBcc: eve@example.com")
    Order.objects.filter(pk=order.pk).update(street="<b>1 & 2</b>\r\nBcc: eve@example.com", city="<i>x</i>")
    (message,) = sent()
    raw = message.message()
    assert raw["Bcc"] is None
    assert raw["To"] == "ada@example.com"
    assert "&lt;b&gt;1 &amp; 2&lt;/b&gt;" in html_of(message)
    assert "<b>" not in html_of(message)
    assert "<b>1 & 2</b>" in str(message.body)


def test_the_shops_name_is_on_it(shop: Shop, ada: Shopper, settings: Any) -> None:
    settings.SELLER = dataclasses.replace(settings.SELLER, name="Möbel & Söhne")
    place(ada, shop.cash, (shop.cable, 1))
    (message,) = sent()
    assert "Möbel & Söhne" in str(message.body)
    assert "Möbel &amp; Söhne" in html_of(message)
