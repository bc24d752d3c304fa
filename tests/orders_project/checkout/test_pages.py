"""The checkout page's own refusals and headers, without a browser: where payers are sent, and what may run there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from orders import actors, cancellation
from tests import merchants
from tests.faults.buying import buy
from tests.gateway_process import SandboxProcess
from tests.merchants import Integration, enrol, hear
from tests.orders.test_verification import handed_out, sign
from tests.shop import Shop, Shopper, written

CALLBACK = "https://books.example/paid"
OTHER = "https://books.example/other?x=1&y=2"


@pytest.fixture
def books(db: None) -> Integration:
    """A merchant whose payers may be sent to two addresses."""
    return enrol(callback_urls=[CALLBACK, OTHER])


def page(path: str, method: str = "GET", **fields: str) -> HttpResponse:
    """A page, without JavaScript."""
    client = Client()
    return client.get(path, fields) if method == "GET" else client.post(path, fields)  # type: ignore[return-value]


def text(response: HttpResponse, status: int = 200) -> str:
    assert response.status_code == status, response.content
    assert response["Content-Type"].startswith("text/html")
    return response.content.decode()


def csp(response: HttpResponse) -> dict[str, list[str]]:
    """The page's policy."""
    parts = [part.split() for part in response["Content-Security-Policy"].split(";") if part.strip()]
    return {name: values for name, *values in parts}


def test_the_page_says_what_is_paid_to_whom_and_may_be_in_no_cache(sandbox: SandboxProcess, books: Integration) -> None:
    made = merchants.order(books, 123456, receipt="secret-receipt", notes={"secret": "note"})

    response = page(f"/checkout/{made['id']}")

    shown = text(response)
    assert "Payment to Bangalore Books" in shown
    assert "1234.56" in shown
    assert "secret" not in shown
    assert "no-store" in response["Cache-Control"]
    assert (response["Referrer-Policy"], response["X-Robots-Tag"]) == ("no-referrer", "noindex")
    assert "razorpay.com" not in response["Content-Security-Policy"]


def test_with_live_keys_it_opens_razorpays_checkout_under_a_policy_of_its_own(
    sandbox: SandboxProcess, books: Integration, settings: Any
) -> None:
    made = merchants.order(books)
    settings.SANDBOX, settings.RAZORPAY_KEY_ID = False, "rzp_live_abc"

    response = page(f"/checkout/{made['id']}")

    shown = text(response)
    assert '<script src="https://checkout.razorpay.com/v1/checkout.js"></script>' in shown
    assert 'data-key="rzp_live_abc"' in shown
    assert settings.RAZORPAY_KEY_SECRET not in shown
    assert "/sandbox/pay" not in shown
    policy = csp(response)
    assert "https://checkout.razorpay.com" in policy["script-src"]
    assert "'unsafe-inline'" not in policy["script-src"]
    assert "'unsafe-eval'" not in policy["script-src"]
    assert policy["frame-src"] == ["https://*.razorpay.com"]
    # On this page alone.
    assert "razorpay.com" not in Client().get("/")["Content-Security-Policy"]
    assert "razorpay.com" not in page("/checkout/order_00000000000000")["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/checkout/order_00000000000000", "/checkout/order_00000000000000/return"])
def test_an_unknown_order_has_no_page(db: None, path: str) -> None:
    response = page(path, "POST" if path.endswith("return") else "GET", razorpay_order_id="order_00000000000000")
    assert text(response, 400 if path.endswith("return") else 404)


@pytest.mark.parametrize(
    "callback",
    [
        "https://evil.example/",
        "https://books.example/paid/",
        "https://books.example/paid?x",
        "https://books.example.evil.example/paid",
        "https://books.example@evil.example/paid",
        "HTTPS://books.example/paid",
        "//books.example/paid",
        "javascript:alert(1)",
        "/checkout/x",
        " https://books.example/paid",
        CALLBACK + "\n",
        CALLBACK + "#",
    ],
)
def test_no_payer_is_sent_to_an_address_that_is_not_registered(
    sandbox: SandboxProcess, books: Integration, callback: str
) -> None:
    made = merchants.order(books)
    told = handed_out(sandbox.pay(made["id"]))
    hear()

    shown = text(page(f"/checkout/{made['id']}", callback_url=callback), 400)
    assert "The address to return to is not registered." in shown
    assert "evil" not in shown
    handed = page(f"/checkout/{made['id']}/return", "POST", callback_url=callback, **told)
    assert "The address to return to is not registered." in text(handed, 400)
    assert "Location" not in handed


def test_a_shops_order_has_nowhere_to_send_its_payer(sandbox: SandboxProcess, shop: Shop, ada: Shopper) -> None:
    _, reference = buy(ada, shop, "razorpay")
    assert "259.99" in text(page(f"/checkout/{reference}"))
    text(page(f"/checkout/{reference}", callback_url=CALLBACK), 400)
    told = handed_out(sandbox.pay(reference))
    hear()
    text(page(f"/checkout/{reference}/return", "POST", **told), 400)


@pytest.mark.parametrize("callback", [CALLBACK, OTHER, ""])
def test_a_settled_payment_is_handed_on_in_the_merchants_own_signature(
    sandbox: SandboxProcess, books: Integration, callback: str
) -> None:
    made = merchants.order(books)
    told = handed_out(sandbox.pay(made["id"]))
    hear()
    before = written()

    response = page(f"/checkout/{made['id']}/return", "POST", callback_url=callback, **told)

    shown = text(response).replace("&amp;", "&")
    assert f'action="{callback or CALLBACK}"' in shown
    fields = dict(re.findall(r'name="(razorpay_\w+)" value="([^"]*)"', shown))
    assert fields == sign(made["id"], told["razorpay_payment_id"], books.secret)
    assert csp(response)["form-action"] == ["https:"]
    assert written() == before


def test_nothing_is_handed_on_that_is_not_signed_or_not_settled(sandbox: SandboxProcess, books: Integration) -> None:
    made = merchants.order(books)
    failed = sandbox.pay(made["id"], "fail")["payment"]
    told = handed_out(sandbox.pay(made["id"], webhook="none"))
    path = f"/checkout/{made['id']}/return"

    assert "The payment is not settled yet." in text(page(path, "POST", **told), 409)
    sandbox.pay(merchants.order(books)["id"])
    hear()
    other = merchants.order(books)
    forged = {**told, "razorpay_signature": "0" * 64}
    assert "This was not signed by the gateway." in text(page(path, "POST", **forged), 400)
    assert "This was not signed by the gateway." in text(page(f"/checkout/{other['id']}/return", "POST", **told), 400)
    # A failed try that somebody signed for is no payment, though another try of the same order has paid.
    merchants.call("GET", f"/v1/payments/{told['razorpay_payment_id']}", by=books)
    assert merchants.row(made).status == "paid"
    signed = sign(made["id"], failed, books.secret)
    assert "The payment is not settled yet." in text(page(path, "POST", **signed), 409)
    assert text(page(path, "POST", **told))


def test_the_page_of_an_order_that_is_paid_or_over_offers_no_payment(
    sandbox: SandboxProcess, books: Integration, shop: Shop, ada: Shopper
) -> None:
    made = merchants.order(books)
    assert 'data-state="unpaid"' in text(page(f"/checkout/{made['id']}"))
    sandbox.pay(made["id"])
    hear()
    assert 'data-state="paid"' in text(page(f"/checkout/{made['id']}"))
    order, reference = buy(ada, shop, "razorpay")
    cancellation.cancel_order(order.pk, actor=actors.SYSTEM)
    assert 'data-state="over"' in text(page(f"/checkout/{reference}"))


def test_what_the_checkout_posts_back_is_shown_as_being_checked(sandbox: SandboxProcess, books: Integration) -> None:
    made = merchants.order(books)
    told = handed_out(sandbox.pay(made["id"], webhook="none"))
    path = f"/checkout/{made['id']}"

    assert 'data-state="checking"' in text(page(path, "POST", **told))
    assert 'data-state="failed"' in text(page(path, "POST", **{"error[code]": "BAD_REQUEST_ERROR"}))
    other = merchants.order(books)["id"]
    assert "This is about another payment." in text(page(f"/checkout/{other}", "POST", **told), 400)
    assert merchants.row(made).status == "created"  # The page decides nothing.


def test_names_are_escaped(sandbox: SandboxProcess) -> None:
    evil = enrol('<img src=x onerror="alert(1)">')
    shown = text(page(f"/checkout/{merchants.order(evil)['id']}"))
    assert "<img" not in shown
    assert "&lt;img" in shown


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_not_allowed(db: None, method: str) -> None:
    assert getattr(Client(), method)("/checkout/order_00000000000000").status_code == 405
