"""A flyer campaign, from the picture to the last mail, and the paper that proves it: the way that docs/campaigns.md
tells."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from django.core import mail
from django.http import HttpResponse

from kit.money import Money
from orders import actors, jobs
from orders.campaigns.scheduling import schedule_campaign
from orders.cash import collect_cash
from orders.models import Order, RefundKind
from orders.returns import request_refund
from orders.returns.plans import RefundWish
from tests import jobs as background
from tests.flyers import campaigns, flyer_order, issue_key, paid_order, picture, report, schedule_all
from tests.flyers import upload as upload_image
from tests.gateway_process import SandboxProcess
from tests.orders.taxes.test_orders import rate
from tests.orders.test_api_flyers import ENTERED
from tests.orders.test_api_placing import ADDRESS
from tests.shop import Shop, Shopper, send, written
from tests.stories.test_buy import Browser

CLERK = actors.SYSTEM


def _retrieved(browser: Browser, number: int) -> dict[str, Any]:
    shown: dict[str, Any] = browser.call("GET", f"/api/order/{number}")
    return shown


def _follow(link: str, more: str = "", **headers: str) -> HttpResponse:
    """What a link in an answer or in a mail leads to, for somebody who is not signed in."""
    parts = urlsplit(link)
    return send("GET", f"{parts.path}?{parts.query}{more}", headers=headers)


def _mails() -> list[str]:
    """The subjects of the mails that go out now."""
    mail.outbox.clear()
    jobs.send_notices(0)
    return [str(one.subject) for one in mail.outbox]


def test_bought_paid_sent_and_proved(shop: Shop, sandbox: SandboxProcess) -> None:
    browser = Browser()
    rate("CA sales tax", "US", 100_000, state="CA")
    browser.register("owen@example.com")
    (found,) = browser.call("GET", "/api/v1/products/?search=flyer")["results"]
    image = json.loads(upload_image(picture(), browser.token).content)["main_image"]
    wanted = {
        "items": [{"product_id": found["id"], "quantity": 2, "flyer": {**ENTERED, "main_image": image}}],
        "address": ADDRESS,
        "first_name": "Owen",
        "last_name": "Salkin",
        "phone": "310-850-0283",
    }
    bought = browser.call("POST", "/api/v1/orders/", wanted, expect=201)
    number = bought["number"]
    shown = _retrieved(browser, number)
    assert (shown["status"], shown["cost"], shown["tax"], shown["total"], shown["net_total"]) == (
        *("Payment Pending", 98, 9.8, 107.8, 0),
    )
    link = shown["invoice_url"]
    assert "<h1>Pro-forma invoice</h1>" in _follow(link).content.decode()

    sandbox.pay(bought["payment"]["client_secret"], last4="0504")
    background.settle_down()
    shown = _retrieved(browser, number)
    assert (shown["status"], shown["net_total"], shown["payment_method"]) == ("Paid", 107.8, "Card ending in 0504")
    assert _mails() == [f"Your order {number}", f"Payment received for your order {number}"]
    assert all(link in str(one.body) for one in mail.outbox[1:])

    order = Order.objects.get()
    key = issue_key()
    first, second = campaigns(order)
    for campaign in (first, second):
        schedule_campaign(campaign.pk, actor=CLERK)
    report(first, key, delivered=23520, opened=9876, clicked=1234, percentage_completed=100)
    report(second, key, delivered=5)
    shown = _retrieved(browser, number)
    assert [one["status"] for one in shown["products"]["flyers"]] == ["Completed", "Sending"]
    assert shown["status"] == "Paid"
    report(second, key, percentage_completed=100)
    shown = _retrieved(browser, number)
    assert shown["status"] == "Completed"
    assert shown["products"]["items"] == 1
    flyer = shown["products"]["flyers"][0]
    assert (flyer["delivered"], flyer["opened"], flyer["clicked"], flyer["percentage_completed"]) == (
        *(23520, 9876, 1234, 100),
    )
    assert (flyer["main_image"], flyer["prop_price"], flyer["scheduled"]) == (
        *(image, "$835,500", "2030-11-06T14:23:00-06:00"),
    )
    assert send("GET", flyer["main_image"])["Content-Type"] == "image/jpeg"

    # One invoice, issued when it was paid; the link is the same from the first day on.
    (document,) = browser.call("GET", f"/api/v1/orders/{number}/")["documents"]
    assert (document["kind"], document["total"], document["url"]) == ("invoice", "107.80", link)
    assert shown["invoice_url"] == link
    page = _follow(link).content.decode()
    for text in ("<h1>Invoice</h1>", document["number"], "Owen Salkin", "Flyer Campaign", "CA sales tax", "$107.80"):
        assert text in page, text
    for answer in (_follow(link, "&format=pdf"), _follow(link, Accept="application/pdf")):
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF-")
    assert _mails() == []


def test_the_link_of_another_order_or_with_another_signature_leads_nowhere(shop: Shop, ada: Shopper) -> None:
    links = []
    for order in (paid_order(ada, shop), flyer_order(ada, shop)):
        links.append(json.loads(send("GET", f"/api/order/{order.number}", by=ada).content)["invoice_url"])
    link, other = links
    address, _, signature = link.rpartition("=")
    unknown = link.replace(f"/{order.number - 1}/", f"/{order.number + 1}/")
    assert unknown != link
    changed = [
        f"{address}={signature[:at]}{'1' if signature[at] == '0' else '0'}{signature[at + 1 :]}" for at in range(64)
    ]
    before = written()
    refusals = [
        _follow(wrong, more)
        for wrong in (
            *changed,
            unknown,
            address,
            f"{address}={signature[:-1]}",
            f"{address}={signature}0",
            f"{address}={signature.upper()}",
            f"{address}={other.rpartition('=')[2]}",
            link.partition("?")[0],
        )
        for more in ("", "&format=pdf")
    ]
    # The rest of the page has a nonce.
    assert {(one.status_code, one.content.partition(b"<main>")[2]) for one in refusals} == {
        (403, b"<h1>This link is not valid</h1><p>Ask the shop for a new one.</p></main></body>\n</html>\n")
    }
    assert [_follow(one).status_code for one in links] == [200, 200]
    assert written() == before


def test_flyers_that_are_paid_on_delivery_have_their_invoice_once_they_are_sent(shop: Shop, ada: Shopper) -> None:
    order = flyer_order(ada, shop)
    (campaign,) = schedule_all(order)
    key = issue_key()
    report(campaign, key, delivered=1)
    assert not order.invoices.exists()
    report(campaign, key, percentage_completed=100)
    order.refresh_from_db()
    invoice = order.invoices.get()
    assert (order.status, order.fulfilment, invoice.due_minor) == ("payment_pending", "delivered", 4900)
    assert _mails() == [f"Your order {order.number}"]
    collect_cash(order.pk, amount=order.total, receipt=order.pk, actor=CLERK)
    order.refresh_from_db()
    assert (order.status, order.invoices.get()) == ("completed", invoice)
    assert _mails() == [f"Payment received for your order {order.number}"]


def test_flyers_that_are_paid_back_are_not_sent_and_have_their_credit_note(shop: Shop, ada: Shopper) -> None:
    order = paid_order(ada, shop, (shop.flyer, 2))
    first, _ = schedule_all(order)
    report(first, issue_key(), delivered=1)
    _mails()
    request_refund(order.pk, RefundWish(RefundKind.PARTIAL, "late", Money(900, "USD")), actor=CLERK)
    assert [one.status for one in campaigns(order)] == ["sending", "scheduled"]
    request_refund(order.pk, RefundWish(RefundKind.FULL, "no"), actor=CLERK)
    order.refresh_from_db()
    assert (order.status, {one.status for one in campaigns(order)}) == ("refunded", {"cancelled"})
    notes = order.invoices.filter(kind="credit_note").order_by("serial")
    assert [note.total_minor for note in notes] == [900, 8900]
    assert _mails() == [f"Refund for your order {order.number}"] * 2
