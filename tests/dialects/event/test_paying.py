"""An entry's order is paid on the checkout page, or on the event's site, which shows what the checkout handed out."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from catalog.events import change_event
from catalog.models import Event
from customers.models import EventProfile
from kit import clock
from kit.money import Money
from orders import jobs
from orders.models import Invoice, Order
from tests import merchants
from tests.dialects.event.test_entering import enter, order_id, places_left
from tests.events import add_event, add_profile, plan
from tests.gateway_process import SandboxProcess
from tests.jobs import assert_books_agree, deliver, settle_down, work
from tests.orders.test_verification import handed_out, refused, sign, standing, status, verify
from tests.shop import Shopper, send, written


@pytest.fixture
def event(db: None) -> Event:
    """An open event."""
    return add_event()


@pytest.fixture
def profile(event: Event, ada: Shopper) -> EventProfile:
    """Ada's entry in it."""
    return add_profile(ada, event)


def page(reference: str, **posted: str) -> str:
    """The checkout page, or what it says to an outcome that the checkout sends back to it."""
    path = f"/checkout/{reference}"
    response = Client().post(path, posted) if posted else Client().get(path)
    assert response.status_code == 200, response.content
    return response.content.decode()


def is_entered(profile: EventProfile) -> bool:
    profile.refresh_from_db()
    return profile.entered_by is not None


def test_the_verify_call_alone_enters_the_profile(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    reference = order_id(enter(profile, ada))
    told = handed_out(sandbox.pay(reference, webhook="none"))
    assert (standing(reference), is_entered(profile)) == ("unpaid", False)

    assert status(verify(told)) == "paid"

    order = Order.objects.get()
    assert (order.status, is_entered(profile), profile.entered_by, places_left(event)) == ("paid", True, order.pk, 9)
    assert Invoice.objects.filter(order=order).count() == 1
    assert enter(profile, ada).status_code == 409
    before = written()
    assert status(verify(told)) == "paid"
    assert written() == before
    entry = json.loads(send("GET", f"/api/v1/entries/{profile.pk.hex}/", by=ada).content)
    assert (entry["entered"], entry["order"]["number"]) == (True, order.number)
    assert_books_agree(sandbox)


def test_the_webhook_and_the_verify_call_enter_it_once(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper
) -> None:
    told = handed_out(sandbox.pay(order_id(enter(profile, ada))))
    deliver()
    assert status(verify(told)) == "paid"
    work()
    assert (is_entered(profile), Order.objects.get().collected_minor, Invoice.objects.count()) == (True, 50000, 1)
    assert_books_agree(sandbox)


def test_a_forged_signature_enters_nobody(sandbox: SandboxProcess, profile: EventProfile, ada: Shopper) -> None:
    reference = order_id(enter(profile, ada))
    told = handed_out(sandbox.pay(reference, webhook="none"))
    payment, signature = told["razorpay_payment_id"], told["razorpay_signature"]
    merchant = merchants.enrol()

    for forged in (
        {**told, "razorpay_signature": "0" * 64},
        {**told, "razorpay_signature": signature.upper()},
        {**told, "razorpay_payment_id": "pay_00000000000000"},
        # A merchant's secret signs for nobody's orders but its own.
        sign(reference, payment, merchant.secret),
        sign(reference, payment, settings.RAZORPAY_KEY_ID),
    ):
        refused(forged)

    assert (Order.objects.get().status, is_entered(profile)) == ("payment_pending", False)


def test_the_signature_of_a_cheap_event_enters_no_dear_one(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper
) -> None:
    cheap = add_profile(ada, add_event(slug="a-walk", price=Money(100, "INR")))
    dear, told = order_id(enter(profile, ada)), handed_out(sandbox.pay(order_id(enter(cheap, ada)), webhook="none"))

    refused({**told, "razorpay_order_id": dear})

    assert (is_entered(profile), is_entered(cheap), standing(dear)) == (False, False, "unpaid")
    assert status(verify(told)) == "paid"
    assert (is_entered(profile), is_entered(cheap)) == (False, True)
    # Even well signed, another order's payment pays for nothing of this one.
    before = written()
    signed = sign(dear, told["razorpay_payment_id"], settings.RAZORPAY_KEY_SECRET)
    assert status(verify(signed), 202) == "checking"
    assert (written(), is_entered(profile)) == (before, False)


def test_while_the_gateway_does_not_answer_the_entry_is_being_checked(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper
) -> None:
    reference = order_id(enter(profile, ada))
    told = handed_out(sandbox.pay(reference, webhook="none"))
    sandbox.arm("razorpay", "retrieve", "error_500")
    before = written()

    shown = page(reference, **told)
    assert 'data-state="checking"' in shown
    assert '<p data-for="checking">We are checking your payment.' in shown
    assert '<p data-for="paid" hidden>' in shown
    response = verify(told)

    assert (status(response, 202), response["Retry-After"], written()) == ("checking", "2", before)
    assert status(verify(told)) == "paid"
    assert is_entered(profile)
    assert 'data-state="paid"' in page(reference)


def test_the_page_leads_to_the_sandbox(sandbox: SandboxProcess, profile: EventProfile, ada: Shopper) -> None:
    reference = order_id(enter(profile, ada))
    shown = page(reference)
    assert "500.00 INR" in shown
    assert f'href="/sandbox/pay?payment={reference}&amp;callback=%2Fcheckout%2F{reference}"' in shown
    assert "checkout.razorpay.com" not in shown
    assert "Admin Profile" not in shown
    assert ada.user.email not in shown


def test_with_live_keys_the_page_opens_razorpays_checkout_in_the_sellers_name(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, settings: Any
) -> None:
    reference = order_id(enter(profile, ada))
    settings.SANDBOX, settings.RAZORPAY_KEY_ID = False, "rzp_live_abc"

    shown = page(reference)

    assert '<script src="https://checkout.razorpay.com/v1/checkout.js"></script>' in shown
    assert f'data-key="rzp_live_abc" data-order="{reference}" data-amount="50000" data-currency="INR"' in shown
    assert 'data-name="Example Shop"' in shown
    assert "/sandbox/pay" not in shown
    assert settings.RAZORPAY_KEY_SECRET not in shown


def test_paid_over_an_old_price_it_goes_back_and_is_not_called_paid(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    old = order_id(enter(profile, ada))
    change_event(event, dataclasses.replace(plan(), price=Money(60000, "INR")))
    new = order_id(enter(profile, ada))
    assert ('data-state="over"' in page(old), 'data-state="unpaid"' in page(new)) == (True, True)
    assert 'id="pay"' in page(new)

    assert status(verify(handed_out(sandbox.pay(old, webhook="none")))) == "refunded"

    settle_down()
    assert (is_entered(profile), sandbox.books("razorpay")["totals"]["INR"]["refunded"]) == (False, 50000)
    assert_books_agree(sandbox)


def test_paid_after_the_event_closed_it_goes_back_and_is_not_called_paid(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    reference = order_id(enter(profile, ada))
    with clock.turned(timedelta(days=2)):
        jobs.expire_orders(timestamp=0)
        assert status(verify(handed_out(sandbox.pay(reference, webhook="none")))) == "refunded"
        settle_down()
    assert (Order.objects.get().status, is_entered(profile), places_left(event)) == ("cancelled", False, 10)
    assert_books_agree(sandbox)


def test_once_the_price_has_changed_nobody_enters_at_the_old_one(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    old = order_id(enter(profile, ada))
    change_event(event, dataclasses.replace(plan(), price=Money(60000, "INR")))

    assert status(verify(handed_out(sandbox.pay(old, webhook="none")))) == "refunded"

    settle_down()
    assert (Order.objects.get().status, is_entered(profile), places_left(event)) == ("cancelled", False, 10)
    assert sandbox.books("razorpay")["totals"]["INR"]["refunded"] == 50000
    assert_books_agree(sandbox)


def test_once_the_event_has_closed_nobody_enters_though_the_order_has_not_expired_yet(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper, event: Event
) -> None:
    reference = order_id(enter(profile, ada))
    Event.objects.filter(pk=event.pk).update(closes_at=clock.now() - timedelta(seconds=1))

    assert enter(profile, ada).status_code != 200
    assert status(verify(handed_out(sandbox.pay(reference, webhook="none")))) == "refunded"

    settle_down()
    assert (Order.objects.get().status, is_entered(profile), places_left(event)) == ("cancelled", False, 10)
    assert_books_agree(sandbox)


def test_an_entry_is_paid_where_its_site_sends_the_payer(
    sandbox: SandboxProcess, profile: EventProfile, ada: Shopper
) -> None:
    reference = order_id(enter(profile, ada))
    before = written()
    path = f"/api/v1/orders/{Order.objects.get().pk}/payments/"

    assert send("POST", path, {"gateway": "stripe"}, by=ada).status_code == 400

    assert (written(), order_id(enter(profile, ada))) == (before, reference)
