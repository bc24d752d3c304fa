"""The checkout page as a payer meets it: a real browser, the running server, the sandbox's checkout."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from django.conf import settings

from orders.models import Order
from payments.merchants.models import MerchantOrder
from payments.models import PaymentAttempt, PaymentRequest
from tests import browser as browsers
from tests import merchants
from tests.browser import Browser, Page
from tests.events import add_event, add_profile
from tests.gateway_process import SandboxProcess
from tests.jobs import work
from tests.merchants import Integration, enrol
from tests.server_process import ServerProcess
from tests.shop import Shop, Shopper, item, order_with_payment, send


class Site:
    """A merchant's own site: what payers bring along."""

    def __init__(self) -> None:
        self.brought: list[dict[str, str]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                site.brought.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<h1>Thank you for the book order</h1>")

            def do_GET(self) -> None:
                self.send_response(404)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/paid"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    """A merchant's site."""
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests here."""
    with browsers.browser() as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Page:
    """A tab of its own."""
    browser.complaints.clear()
    return browser.page()


@pytest.fixture
def books(server: ServerProcess, site: Site) -> Integration:
    """A merchant whose payers may be sent to its site."""
    return enrol(callback_urls=[site.url])


def pay_in_sandbox(page: Page, outcome: str) -> None:
    """What the payer does at the sandbox's checkout. No webhook tells us of it."""
    page.click("#pay")
    page.wait_for_text("Sandbox payment")
    page.ask("document.querySelector('select[name=webhook]').value = 'none'")
    page.click(f"button[value={outcome}]")


def test_a_payer_pays_and_comes_to_the_merchant_with_the_merchants_own_signature(
    server: ServerProcess, books: Integration, site: Site, page: Page
) -> None:
    made = merchants.order(books, 123456)
    page.open(f"{server.base_url}/checkout/{made['id']}")
    assert "Payment to Bangalore Books" in page.wait_for_text("1234.56 INR")

    pay_in_sandbox(page, "succeed")

    assert "Paid." in page.wait_for_text("Thank you: the payment has arrived")
    page.wait_for_text("Thank you for the book order")
    payment = PaymentAttempt.objects.get()
    message = f"{made['id']}|{payment.gateway_payment_id}".encode()
    assert site.brought == [
        {
            "razorpay_payment_id": payment.gateway_payment_id,
            "razorpay_order_id": made["id"],
            "razorpay_signature": hmac.new(books.secret.encode(), message, hashlib.sha256).hexdigest(),
        }
    ]
    assert merchants.row(made).status == "paid"
    assert page.complaints == []


def test_the_page_says_that_it_is_checking_as_long_as_nobody_knows(
    server: ServerProcess, sandbox: SandboxProcess, books: Integration, site: Site, page: Page
) -> None:
    made = merchants.order(books)
    page.open(f"{server.base_url}/checkout/{made['id']}")
    sandbox.arm("razorpay", "retrieve", "error_500")

    pay_in_sandbox(page, "succeed")

    page.wait_for_text("We are checking your payment")
    assert "Paid." not in page.text()
    assert (MerchantOrder.objects.get().status, site.brought) == ("created", [])
    page.wait_for_text("Thank you for the book order")
    assert MerchantOrder.objects.get().status == "paid"


def test_a_payment_that_failed_may_be_tried_again(
    server: ServerProcess, books: Integration, site: Site, page: Page
) -> None:
    made = merchants.order(books)
    page.open(f"{server.base_url}/checkout/{made['id']}")
    pay_in_sandbox(page, "fail")
    page.wait_for_text("did not go through")
    pay_in_sandbox(page, "succeed")
    page.wait_for_text("Thank you for the book order")
    assert merchants.row(made).attempts == 2


def test_who_gives_up_finds_the_page_as_it_was(server: ServerProcess, books: Integration, page: Page) -> None:
    made = merchants.order(books)
    page.open(f"{server.base_url}/checkout/{made['id']}")
    pay_in_sandbox(page, "abandon")
    page.wait_for_text("Payment to Bangalore Books")
    assert page.ask("document.getElementById('checkout').dataset.state") == "unpaid"


def test_money_that_is_only_authorized_is_not_called_paid(
    server: ServerProcess, books: Integration, site: Site, page: Page
) -> None:
    made = merchants.order(books, payment_capture=0)
    page.open(f"{server.base_url}/checkout/{made['id']}")
    pay_in_sandbox(page, "succeed")
    assert "Paid." not in page.wait_for_text("Authorized.")
    page.wait_for_text("Thank you for the book order")
    assert (merchants.row(made).status, merchants.row(made).authorized) == ("attempted", True)


def test_a_forged_outcome_is_called_what_it_is(server: ServerProcess, books: Integration, page: Page) -> None:
    made = merchants.order(books)
    page.open(f"{server.base_url}/checkout/{made['id']}")
    page.wait_for_text("Payment to")
    page.ask(
        "(() => { const form = document.createElement('form'); form.method = 'post'; form.action = location.href;"
        f" const told = {{razorpay_payment_id: 'pay_00000000000000', razorpay_order_id: '{made['id']}',"
        " razorpay_signature: 'forged'}; for (const [name, value] of Object.entries(told)) {"
        " const input = document.createElement('input'); input.name = name; input.value = value; form.append(input); }"
        " document.body.append(form); form.submit(); })()"
    )
    page.wait_for_text("was not signed by the gateway")
    assert merchants.row(made).status == "created"


def test_the_address_to_return_to_is_chosen_among_those_that_are_registered(
    server: ServerProcess, site: Site, page: Page
) -> None:
    books = enrol("Books", callback_urls=["https://books.example/first", site.url])
    made = merchants.order(books)
    page.open(f"{server.base_url}/checkout/{made['id']}?callback_url={quote(site.url, safe='')}")
    pay_in_sandbox(page, "succeed")
    page.wait_for_text("Thank you for the book order")


def test_an_order_of_the_shop_is_paid_on_the_same_page(
    server: ServerProcess, shop: Shop, ada: Shopper, page: Page
) -> None:
    answer = order_with_payment(ada, shop, item(shop.cable), paymentProvider="razorpay")
    reference = answer["razorpayOrderId"]
    page.open(f"{server.base_url}/checkout/{reference}")
    page.wait_for_text("69.50 USD")
    pay_in_sandbox(page, "succeed")
    page.wait_for_text("Thank you: the payment has arrived")
    assert PaymentRequest.objects.get(gateway_reference=reference).state == "paid"
    assert page.ask("document.getElementById('handover')") is None
    assert settings.SANDBOX
    work()


def test_an_entry_is_paid_on_the_same_page_which_waits_for_the_gateway(
    server: ServerProcess, sandbox: SandboxProcess, ada: Shopper, page: Page
) -> None:
    profile = add_profile(ada, add_event())
    handed = json.loads(send("POST", f"/order/{profile.event.slug}/{profile.pk.hex}", by=ada).content)
    page.open(f"{server.base_url}/checkout/{handed['order']['id']}")
    page.wait_for_text("500.00 INR")
    sandbox.arm("razorpay", "retrieve", "error_500")
    pay_in_sandbox(page, "succeed")
    page.wait_for_text("We are checking your payment")
    profile.refresh_from_db()
    assert ("Paid." in page.text(), profile.entered_by) == (False, None)
    page.wait_for_text("Thank you: the payment has arrived")
    profile.refresh_from_db()
    assert profile.entered_by == Order.objects.get().pk
    assert page.complaints == []
    work()
