"""What staff do to orders: once, by their right, and written down under their name."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders.models import OrderHistory
from payments.models import PaymentAttempt
from tests import shop
from tests.admin.conftest import SignIn, cash_order, messages_of, online_order, page, paid_order
from tests.gateway_process import SandboxProcess
from tests.shop import Shop, Shopper


def _receipt(client: Client, address: str) -> str:
    return str(client.get(address).context["form"]["receipt"].value())


def test_an_order_is_sent_delivered_and_paid_for_by_the_warehouse(sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    order, clerk = cash_order(ada, goods), sign_in("warehouse")
    sent = clerk.post(page(order, "send"), {"carrier": "Courier", "tracking_number": "T-1"}, follow=True)
    assert sent.redirect_chain == [(page(order), 302)]
    assert messages_of(sent) == ["The order is on its way."]
    assert messages_of(clerk.post(page(order, "deliver"), follow=True)) == ["The order is delivered."]
    cash = {"amount": "14.50", "receipt": _receipt(clerk, page(order, "collect_cash"))}
    assert messages_of(clerk.post(page(order, "collect_cash"), cash, follow=True)) == ["14.50 USD in cash is recorded."]
    order.refresh_from_db()
    assert (order.status, order.fulfilment, order.carrier, order.tracking_number) == (
        "completed",
        "delivered",
        "Courier",
        "T-1",
    )
    history = OrderHistory.objects.filter(order=order).exclude(event="placed").select_related("actor")
    assert {(row.actor_kind, row.actor and row.actor.email) for row in history} == {("staff", "warehouse@example.com")}
    assert shop.left(goods.cable) == 999


def test_support_cancels_an_order_with_a_reason(sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    answer = sign_in("support").post(page(order, "cancel"), {"reason": "Ordered <b>twice</b>"}, follow=True)
    order.refresh_from_db()
    assert order.status == "cancelled"
    assert shop.left(goods.cable) == 1000
    content = answer.content.decode()
    assert "Ordered &lt;b&gt;twice&lt;/b&gt;" in content
    assert "support@example.com" in content


@pytest.mark.parametrize("act", ["send", "deliver", "collect_cash", "cancel", "ask_gateway"])
def test_looking_at_an_act_does_nothing(act: str, root: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    before = shop.written()
    assert root.get(page(order, act), {"reason": "x", "amount": "14.50"}).status_code == 200
    assert root.head(page(order, act)).status_code == 200
    assert shop.written() == before


def test_what_is_refused_is_said_and_nothing_is_written(root: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    before = shop.written()
    refused = root.post(page(order, "deliver"), follow=True)
    assert messages_of(refused) == ["The order is not on its way: it was not sent yet, or was delivered already."]
    assert shop.written() == before
    root.post(page(order, "cancel"), {"reason": ""}, follow=True)
    before = shop.written()
    assert messages_of(root.post(page(order, "cancel"), follow=True)) == ["The order is cancelled already."]
    assert messages_of(root.post(page(order, "send"), follow=True)) == ["An order that is Cancelled cannot be sent."]
    cash = {"amount": "1.00", "receipt": str(uuid.uuid4())}
    assert messages_of(root.post(page(order, "collect_cash"), cash, follow=True)) == [
        "Nothing is due: the order is Cancelled."
    ]
    assert shop.written() == before


@pytest.mark.parametrize(
    "amount",
    ["", "0", "-1", "1.234", "1,50", "1e2", "NaN", "Infinity", "14.51", "9" * 23, "\u0661", "x"],
)
def test_an_amount_that_is_none_or_too_much_stays_on_the_form(
    amount: str, root: Client, ada: Shopper, goods: Shop
) -> None:
    order = cash_order(ada, goods)
    before = shop.written()
    answer = root.post(page(order, "collect_cash"), {"amount": amount, "receipt": str(uuid.uuid4())})
    assert answer.status_code == 200
    assert answer.context["form"].errors["amount"]
    assert shop.written() == before


def test_a_double_click_records_cash_once(root: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    cash = {"amount": "5.00", "receipt": _receipt(root, page(order, "collect_cash"))}
    for _ in range(2):
        assert root.post(page(order, "collect_cash"), cash).status_code == 302
    order.refresh_from_db()
    assert (order.collected_minor, order.status) == (500, "partially_paid")
    assert PaymentAttempt.objects.count() == 1


def test_two_clicks_at_once_record_cash_once(root: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    cash = {"amount": "14.50", "receipt": _receipt(root, page(order, "collect_cash"))}
    barrier, answers = threading.Barrier(2), list[int]()

    def click() -> None:
        try:
            client = Client()
            client.cookies = root.cookies
            barrier.wait(timeout=10)
            answers.append(client.post(page(order, "collect_cash"), cash).status_code)
        finally:
            connection.close()

    clicks = [threading.Thread(target=click) for _ in range(2)]
    for thread in clicks:
        thread.start()
    for thread in clicks:
        thread.join(timeout=20)
    assert answers == [302, 302]
    order.refresh_from_db()
    assert (order.collected_minor, order.status) == (1450, "paid")
    assert PaymentAttempt.objects.count() == 1


def test_asking_the_gateway_takes_over_its_answer(
    sign_in: SignIn, ada: Shopper, goods: Shop, sandbox: SandboxProcess
) -> None:
    order, request = paid_order(ada, goods, sandbox)
    clerk = sign_in("accounting")
    assert messages_of(clerk.post(page(order, "ask_gateway"), follow=True)) == ["The order is Paid."]
    order.refresh_from_db()
    assert order.status == "paid"
    content = clerk.get(page(order)).content.decode()
    assert str(request.gateway_reference) in content
    assert "0504" in content
    assert request.client_secret
    assert request.client_secret not in content


def test_asking_about_an_order_that_nobody_paid_says_so(
    root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess
) -> None:
    order, _ = online_order(ada, goods)
    assert messages_of(root.post(page(order, "ask_gateway"), follow=True)) == [
        "The order is Payment Pending: nobody has tried to pay yet."
    ]


def test_a_gateway_that_does_not_answer_is_a_message(
    root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess
) -> None:
    order, _ = online_order(ada, goods)
    before = shop.written()
    sandbox.arm("stripe", "retrieve", "error_500", times=9)
    answer = root.post(page(order, "ask_gateway"), follow=True)
    sandbox.arm("stripe", "*", "none")
    assert answer.status_code == 200
    (text,) = messages_of(answer)
    assert "gateway" in text
    assert shop.written() == before


@pytest.mark.parametrize("key", ["9ce8b9dc-3175-4b30-a6ff-8477cc012e9c", "nonsense", "%00", "0" * 36])
def test_an_order_that_does_not_exist_leads_back(key: str, root: Client, goods: Shop) -> None:
    for what in ("change", "cancel", "send"):
        answer = root.get(f"/admin/orders/order/{key}/{what}/")
        assert answer.status_code == 302, what


def test_what_customers_wrote_is_shown_as_text(root: Client, ada: Shopper, goods: Shop) -> None:
    evil = "<script>alert(1)</script>"
    article = shop.add_article(evil, "EVIL-1", 950)
    ada.customer.first_name = evil
    ada.customer.save()
    order = shop.place(ada, goods.cash, (article, 1))
    type(order).objects.filter(pk=order.pk).update(notes=evil, street=evil, city=f'"{evil}')
    for address in (
        page(order),
        page(order, "cancel"),
        "/admin/catalog/product/",
        "/admin/catalog/stock/",
        f"/admin/catalog/stock/{article.variant_id}/change/",
        f"/admin/catalog/stock/{article.variant_id}/count/",
        f"/admin/catalog/product/{article.product_id}/change/",
        "/admin/customers/customer/",
        f"/admin/customers/customer/{ada.customer.pk}/change/",
    ):
        answer = root.get(address)
        assert answer.status_code == 200
        assert evil not in answer.content.decode(), address


def test_the_detail_costs_the_same_however_long_the_order_is(root: Client, ada: Shopper, goods: Shop) -> None:
    def statements(order_page: str) -> int:
        root.get(order_page)
        with CaptureQueriesContext(connection) as captured:
            assert root.get(order_page).status_code == 200
        return len(captured.captured_queries)

    short = shop.place(ada, goods.cash, (goods.cable, 1))
    long = shop.place(
        ada, goods.cash, (goods.cable, 1), (goods.headphones, 1), (goods.shirt_small, 2), (goods.shirt_large, 1)
    )
    for order in (short, long, long, long):
        root.post(page(order, "collect_cash"), {"amount": "1.00", "receipt": str(uuid.uuid4())})
    assert statements(page(long)) == statements(page(short)) <= 18
