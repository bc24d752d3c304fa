"""What customers owe, given up through the back office: by one person or two, shown with its history."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client

from kit.money import Money
from orders import actors
from orders.approval_limits import read_limits
from orders.cash import collect_cash
from orders.fulfilment import send_order
from orders.models import Order, OrderWriteOff
from tests import shop
from tests.admin.conftest import SignIn, cash_order, messages_of, page
from tests.shop import Shop, Shopper

LIST = "/admin/orders/orderwriteoff/"


@pytest.fixture
def order(ada: Shopper, goods: Shop) -> Order:
    """14.50 USD on their way, and nobody has paid."""
    return send_order(cash_order(ada, goods).pk, actor=actors.SYSTEM)


def filled(client: Client, order: Order, **changes: Any) -> dict[str, Any]:
    """What a browser would send of the form, with some fields filled in."""
    form = client.get(page(order, "write_off")).context["form"]
    return {
        "amount": str(form["amount"].value()),
        "reason": "Moved away",
        "receipt": str(form["receipt"].value()),
        **changes,
    }


def address(one: OrderWriteOff, what: str = "change") -> str:
    """The address of a write-off's page or of one of its acts."""
    return f"{LIST}{one.pk}/{what}/"


def figures(client: Client, order: Order) -> dict[str, str]:
    """What the order's page says in figures."""
    return dict(client.get(page(order)).context["page"]["figures"])


def test_what_is_owed_is_written_off_and_paid_after_all(sign_in: SignIn, order: Order) -> None:
    clerk = sign_in("accounting")
    assert page(order, "write_off") in clerk.get(page(order)).content.decode()

    answer = clerk.post(page(order, "write_off"), filled(clerk, order), follow=True)

    assert messages_of(answer) == ["14.50 USD written off."]
    content = answer.content.decode()
    assert "Moved away" in content
    assert page(order, "write_off") not in content
    assert figures(clerk, order)["Written off"] == "14.50 USD"
    assert figures(clerk, order)["Still due"] == "0.00 USD"
    assert "Written off" in clerk.get(LIST).content.decode()

    door = sign_in("warehouse")
    assert door.get(page(order, "collect_cash")).context["form"]["amount"].value() == "14.50"
    collect_cash(order.pk, amount=Money(1000, "USD"), receipt=uuid.uuid4(), actor=actors.SYSTEM)
    assert "Paid after it was written off" in clerk.get(page(order)).content.decode()
    assert figures(clerk, order) == {
        "Total": "14.50 USD",
        "Collected": "10.00 USD",
        "Refunded": "0.00 USD",
        "Still due": "0.00 USD",
        "Written off": "4.50 USD",
    }


def test_above_the_limit_somebody_else_approves(sign_in: SignIn, root: Client, order: Order, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:10,*:1")
    clerk = sign_in("accounting")
    assert "Above 10.00 USD" in clerk.get(page(order, "write_off")).content.decode()
    answer = clerk.post(page(order, "write_off"), filled(clerk, order), follow=True)
    assert messages_of(answer) == ["14.50 USD wait for a second person to approve."]
    one = OrderWriteOff.objects.get()
    listed = clerk.get(LIST).content.decode()
    assert "1 write-off waits" in listed
    assert address(one) in listed

    assert address(one, "approve") not in clerk.get(address(one)).content.decode()
    before = shop.written()
    answer = clerk.post(address(one, "approve"), follow=True)
    assert messages_of(answer) == ["You have asked for this write-off yourself: somebody else has to approve it."]
    assert sign_in("support").post(address(one, "approve")).status_code == 403
    assert shop.written() == before

    assert messages_of(root.post(address(one, "approve"), follow=True)) == ["14.50 USD are approved."]
    assert "approved by superuser@example.com" in root.get(page(order)).content.decode()
    assert "waits" not in clerk.get(LIST).content.decode()
    answer = root.post(address(one, "refuse"), {"reason": "x"}, follow=True)
    assert messages_of(answer) == ["This write-off waits for nobody: it was decided already."]


def test_a_refused_one_says_by_whom_and_why(sign_in: SignIn, root: Client, order: Order, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:1")
    clerk = sign_in("accounting")
    clerk.post(page(order, "write_off"), filled(clerk, order))
    one = OrderWriteOff.objects.get()
    assert root.post(address(one, "refuse"), {"reason": ""}).context["form"].errors["reason"]
    answer = root.post(address(one, "refuse"), {"reason": "Ask <b>once</b> more"}, follow=True)
    assert messages_of(answer) == ["14.50 USD are refused."]
    assert (
        "refused by superuser@example.com: Ask &lt;b&gt;once&lt;/b&gt; more" in root.get(page(order)).content.decode()
    )
    assert page(order, "write_off") in root.get(page(order)).content.decode()


def test_one_form_sent_twice_is_one_write_off(root: Client, order: Order) -> None:
    chosen = filled(root, order, amount="4.50")
    for _ in range(2):
        assert root.post(page(order, "write_off"), chosen).status_code == 302
    assert OrderWriteOff.objects.get().amount_minor == 450


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": ""}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "14.51"}, "amount"),
        ({"amount": "1.234"}, "amount"),
        ({"reason": ""}, "reason"),
        ({"reason": "  "}, "reason"),
    ],
)
def test_what_cannot_be_written_off_stays_on_the_form(
    root: Client, order: Order, changes: dict[str, str], field: str
) -> None:
    chosen, before = filled(root, order, **changes), shop.written()
    answer = root.post(page(order, "write_off"), chosen)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert shop.written() == before


def test_goods_that_are_still_here_are_cancelled_instead(root: Client, ada: Shopper, goods: Shop) -> None:
    order = cash_order(ada, goods)
    assert page(order, "write_off") not in root.get(page(order)).content.decode()
    before = shop.written()
    answer = root.post(page(order, "write_off"), {"amount": "1.00", "reason": "x", "receipt": str(uuid.uuid4())})
    assert messages_of(root.get(answer["Location"])) == ["The goods are still here: cancel the order instead."]
    assert shop.written() == before


@pytest.mark.parametrize("key", [str(uuid.UUID(int=7)), "nonsense", "%00"])
def test_a_write_off_that_does_not_exist_leads_back(root: Client, key: str) -> None:
    for what in ("change", "approve", "refuse"):
        assert root.get(f"{LIST}{key}/{what}/").status_code == 302
