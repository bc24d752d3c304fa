"""Credit in the back office: granted by one or two people, revoked, and shown with its terms and all its entries."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from kit import clock
from kit.ids import new_id
from kit.money import Money
from orders import actors
from orders.approval_limits import read_limits
from orders.credits.granting import revoke_grant
from orders.models import CreditGrant
from payments.models import CreditBalance
from tests.admin.conftest import SignIn, messages_of
from tests.orders.credits.wallet import buy_credit, grant, spendable
from tests.shop import Shop, Shopper, place, written
from tests.statements import statements

GRANT = "/admin/orders/creditgrant/grant/"


@pytest.fixture(autouse=True)
def limit(settings: Any) -> None:
    """Up to 20.00 USD one person is enough."""
    settings.CREDIT_APPROVAL_ABOVE = read_limits("USD:20", setting="CREDIT_APPROVAL_ABOVE")


def page(of: CreditGrant, what: str = "change") -> str:
    return f"/admin/orders/creditgrant/{of.pk}/{what}/"


def account(shopper: Shopper, what: str = "change") -> str:
    """The page of a customer's credit."""
    balance = CreditBalance.objects.get(customer=shopper.customer)
    return f"/admin/payments/creditbalance/{balance.pk}/{what}/"


def form(**fields: Any) -> dict[str, Any]:
    """What the form sends."""
    return {
        "customer": "ada@example.com",
        "amount": "15.00",
        "currency": "USD",
        "reason": "We were late",
        "last_day": "",
        "receipt": str(new_id()),
        **fields,
    }


def test_credit_is_granted_at_once_up_to_the_limit(sign_in: SignIn, ada: Shopper) -> None:
    clerk, sent = sign_in("support"), form(customer=" ADA@example.com ")
    for _ in range(2):
        assert messages_of(clerk.post(GRANT, sent, follow=True)) == ["15.00 USD are the customer's credit."]
    given = CreditGrant.objects.get()
    assert (given.amount_minor, given.reason, given.expires_at, spendable(ada)) == (1500, "We were late", None, 1500)
    assert given.requested_by is not None
    assert given.requested_by.email == "support@example.com"


def test_above_the_limit_somebody_else_approves(sign_in: SignIn, ada: Shopper) -> None:
    clerk, second = sign_in("support"), sign_in("accounting")
    answer = clerk.post(GRANT, form(amount="20.01"), follow=True)
    assert messages_of(answer) == ["20.01 USD wait for a second person to approve."]
    given = CreditGrant.objects.get()
    assert spendable(ada) == 0
    assert "Waits for approval" in clerk.get(page(given)).content.decode()
    assert clerk.post(page(given, "approve")).status_code == 403
    answer = second.post(page(given, "approve"), follow=True)
    assert messages_of(answer) == ["20.01 USD are the customer's credit."]
    assert spendable(ada) == 2001
    assert "approved by accounting@example.com" in second.get(page(given)).content.decode()
    again = second.post(page(given, "approve"), follow=True)
    assert messages_of(again) == ["This grant waits for nobody: it was decided already."]


def test_nobody_is_offered_to_agree_with_themselves(sign_in: SignIn, ada: Shopper) -> None:
    second = sign_in("accounting")
    second.post(GRANT, form(amount="50"))
    given = CreditGrant.objects.get()
    assert "/approve" not in second.get(page(given)).content.decode()
    answer = second.post(page(given, "approve"), follow=True)
    assert messages_of(answer) == ["You have asked for this grant yourself: somebody else has to approve it."]
    assert messages_of(second.post(page(given, "refuse"), {"reason": "a slip"}, follow=True)) == [
        "50.00 USD are refused."
    ]


def test_the_last_day_is_the_shops(sign_in: SignIn, ada: Shopper, settings: Any) -> None:
    settings.SHOP_TIME_ZONE = ZoneInfo("America/Chicago")
    sign_in("support").post(GRANT, form(last_day="2030-01-31"))
    ends = CreditGrant.objects.get().expires_at
    assert ends == datetime(2030, 2, 1, tzinfo=settings.SHOP_TIME_ZONE)


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"customer": "nobody@example.com"}, "customer", "No customer has this e-mail."),
        ({"amount": "0"}, "amount", "Enter an amount above zero."),
        ({"amount": "-1"}, "amount", "An amount cannot be below zero."),
        ({"amount": "1.001"}, "amount", "Enter an amount such as"),
        ({"reason": ""}, "reason", "This field is required."),
        ({"last_day": date(2020, 1, 1).isoformat()}, "last_day", "Choose a day that is not over yet, or none."),
        ({"currency": "XXX"}, "currency", "Select a valid choice."),
    ],
)
def test_what_cannot_be_granted_is_refused_at_its_field(
    sign_in: SignIn, ada: Shopper, fields: dict[str, str], field: str, text: str
) -> None:
    clerk, before = sign_in("support"), written()
    errors = clerk.post(GRANT, form(**fields)).context["form"].errors
    assert list(errors) == [field]
    assert errors[field][0].startswith(text)
    assert written() == before


def test_what_was_wrong_is_revoked(sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    clerk = sign_in("support")
    clerk.post(GRANT, form(amount="20.00"))
    given = CreditGrant.objects.get()
    place(ada, goods.cash, (goods.cable, 1), use_credits=True)
    assert clerk.get(page(given, "revoke")).context["form"]["amount"].value() == "5.50"
    sent = {"amount": "5.51", "reason": "Not theirs", "receipt": str(new_id())}
    refused = clerk.post(page(given, "revoke"), sent)
    assert refused.context["form"].errors == {
        "amount": ["Of this grant 5.50 USD are not spent, and no more than that can be revoked."]
    }
    for _ in range(2):
        answer = clerk.post(page(given, "revoke"), {**sent, "amount": "5.50"}, follow=True)
        assert messages_of(answer) == ["5.50 USD are revoked."]
    assert (spendable(ada), given.revocations.count()) == (0, 1)
    assert "Not theirs" in clerk.get(page(given)).content.decode()


@pytest.mark.parametrize("role", ["warehouse", "catalogue", "marketing", "integrations"])
def test_others_grant_nothing(sign_in: SignIn, ada: Shopper, role: str) -> None:
    given = grant(ada, 100)
    before = written()
    client = sign_in(role)
    assert client.post(GRANT, form()).status_code == 403
    for what in ("approve", "refuse", "revoke"):
        assert (
            client.post(page(given, what), {"reason": "x", "amount": "1", "receipt": str(new_id())}).status_code == 403
        )
    assert written() == before


# --- a customer's credit --------------------------------------------------------------------------------------------


def test_the_page_of_a_customers_credit_shows_terms_and_what_each_entry_was(
    sign_in: SignIn, ada: Shopper, goods: Shop
) -> None:
    given = grant(ada, 2000, days=30)
    revoke_grant(given.pk, amount=Money(100, "USD"), reason="x", actor=actors.SYSTEM)
    bought = buy_credit(ada, goods.standard)
    place(ada, goods.cash, (goods.cable, 1), use_credits=True)
    text = sign_in("support").get(account(ada)).content.decode()
    ends = given.expires_at
    assert ends is not None
    for said in ("4.50 USD", "100.00 USD", "for ever", f"until {ends:%-d %b %Y}", "a gift"):
        assert said in text
    assert [what in text for what in ("Granted", "Revoked", "Bought", "Spent")] == [True] * 4
    assert f"/admin/orders/order/{bought.pk}/change/" in text
    with clock.turned(timedelta(days=31)):
        assert ": over" in sign_in("support").get(account(ada)).content.decode()


def test_the_statement_is_read_a_page_at_a_time(sign_in: SignIn, ada: Shopper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.admin.balances.SHOWN", 2)
    for minor in (101, 102, 103, 104, 105):
        grant(ada, minor)
    clerk = sign_in("accounting")
    assert account(ada, "statement") in clerk.get(account(ada)).content.decode()
    seen, query = [], ""
    for _ in range(3):
        text = clerk.get(account(ada, "statement") + query).content.decode()
        seen += re.findall(r">(1\.0\d) USD<", text)
        following = re.search(r'href="(\?before=\d+)"', text)
        query = following[1] if following else ""
    assert (seen, query) == (["1.05", "1.04", "1.03", "1.02", "1.01"], "")


def test_a_customers_credit_is_read_in_as_many_statements_however_much_there_was(root: Client, ada: Shopper) -> None:
    grant(ada, 100)
    for address in (account(ada), account(ada, "statement")):
        root.get(address)
        with statements() as few:
            root.get(address)
        for days in (1, 2, 3):
            grant(ada, 100, days=days)
        with statements() as many:
            root.get(address)
        assert len(many) == len(few)


def test_others_see_no_customers_credit(sign_in: SignIn, ada: Shopper) -> None:
    grant(ada, 100)
    for role in ("warehouse", "marketing"):
        for what in ("change", "statement"):
            assert sign_in(role).get(account(ada, what)).status_code == 403


def test_an_order_shows_what_came_back_of_its_credits(sign_in: SignIn, ada: Shopper, goods: Shop) -> None:
    grant(ada, 2000)
    order = place(ada, goods.cash, (goods.cable, 1), use_credits=True)
    clerk = sign_in("support")
    address = f"/admin/orders/order/{order.pk}"
    form_text = clerk.get(f"{address}/refund/").content.decode()
    assert "14.50 USD</span> can still go back" in form_text
    assert "14.50 USD of it as credits" in form_text
    sent = {
        "kind": "partial",
        "amount": "4.50",
        "destination": "original",
        "reason": "late",
        "receipt": str(new_id()),
    }
    answer = clerk.post(f"{address}/refund/", sent, follow=True)
    assert messages_of(answer) == ["4.50 USD are the customer's credit."]
    text = answer.content.decode()
    assert "Credits given back" in text
    assert "4.50 USD of it as credits" in text
