"""Money back through the back office: by pieces or amounts, agreed to by somebody else, shown with its history."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders import actors, cancellation
from orders.approval_limits import read_limits
from orders.cash import collect_cash
from orders.confirmation import ask_gateway
from orders.fulfilment import deliver_order, send_order
from orders.models import Order, OrderRefund, OrderWriteOff
from orders.queries import WAITING_FIRST
from payments.models import CreditBalance, Refund
from payments.models.refunds import REQUESTED_FIRST
from tests import shop
from tests.admin.conftest import SignIn, messages_of, page, paid_order
from tests.gateway_process import SandboxProcess
from tests.shop import Shop, Shopper


@pytest.fixture
def order(ada: Shopper, goods: Shop) -> Order:
    """Three cables and a shirt, 55.50 USD with the delivery, paid and with the customer."""
    placed = shop.place(ada, goods.cash, (goods.cable, 3), (goods.shirt_large, 1))
    collect_cash(placed.pk, amount=placed.total, receipt=uuid.uuid4(), actor=actors.SYSTEM)
    send_order(placed.pk, actor=actors.SYSTEM)
    return deliver_order(placed.pk, actor=actors.SYSTEM)


def filled(client: Client, order: Order, **changes: Any) -> dict[str, Any]:
    """What a browser would send of the form, with some fields filled in."""
    form = client.get(page(order, "refund")).context["form"]
    empty = {"kind": "lines", "destination": "original", "reason": "Broken", "amount": ""}
    return {**empty, "receipt": str(form["receipt"].value()), **changes}


def refund_page(refund: OrderRefund, what: str = "change") -> str:
    """The address of a refund's page or of one of its acts."""
    return f"/admin/orders/orderrefund/{refund.pk}/{what}/"


def test_pieces_go_back_with_their_goods(sign_in: SignIn, order: Order, goods: Shop) -> None:
    clerk = sign_in("support")
    chosen = filled(clerk, order, quantity_1="2", restock_1="on", delivery="on")
    answer = clerk.post(page(order, "refund"), chosen, follow=True)
    assert messages_of(answer) == ["24.00 USD are on their way back."]
    content = answer.content.decode()
    assert "2 x Cable, back into stock" in content
    assert "2 given back" in content
    assert shop.left(goods.cable) == 999
    refund = OrderRefund.objects.get()
    assert (refund.amount_minor, refund.delivery_minor, refund.requested_by.email) == (  # type: ignore[union-attr]
        2400,
        500,
        "support@example.com",
    )
    again = clerk.get(page(order, "refund")).content.decode()
    assert "1 of 3" in again
    assert "31.50 USD" in again
    assert "The delivery" not in again


@pytest.mark.parametrize(
    ("changes", "amount", "kind"),
    [
        ({"kind": "partial", "amount": "7.00", "quantity_1": "1"}, 700, "partial"),
        ({"kind": "goodwill", "amount": "7.00"}, 700, "goodwill"),
        ({"kind": "full"}, 5550, "full"),
        ({"quantity_2": "1", "amount": "20.00"}, 2000, "lines"),
    ],
)
def test_amounts_and_everything_go_back(
    sign_in: SignIn, order: Order, changes: dict[str, str], amount: int, kind: str
) -> None:
    clerk = sign_in("accounting")
    assert clerk.post(page(order, "refund"), filled(clerk, order, **changes)).status_code == 302
    refund = OrderRefund.objects.get()
    assert (refund.amount_minor, refund.kind, refund.lines.count()) == (amount, kind, int("quantity_2" in changes))


def test_credit_is_on_its_own_page(sign_in: SignIn, order: Order, ada: Shopper) -> None:
    clerk = sign_in("accounting")
    given = filled(clerk, order, kind="goodwill", amount="7.00", destination="credit")
    answer = clerk.post(page(order, "refund"), given, follow=True)
    assert messages_of(answer) == ["7.00 USD are the customer's credit."]
    balance = CreditBalance.objects.get()
    listed = clerk.get("/admin/payments/creditbalance/", {"q": "ada@"}).content.decode()
    shown = clerk.get(f"/admin/payments/creditbalance/{balance.pk}/change/").content.decode()
    assert "7.00 USD" in listed
    assert page(order) in shown


def test_one_form_sent_twice_is_one_refund(root: Client, order: Order) -> None:
    chosen = filled(root, order, quantity_1="1")
    for _ in range(2):
        assert root.post(page(order, "refund"), chosen).status_code == 302
    assert OrderRefund.objects.count() == 1
    answer = root.post(page(order, "refund"), {**chosen, "reason": "Something else"}, follow=True)
    assert messages_of(answer)[-1] == "This form was sent already, with something else in it. Open it anew."
    assert OrderRefund.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "kind"),
        ({"quantity_1": "4"}, "quantity_1"),
        ({"quantity_1": "-1"}, "quantity_1"),
        ({"quantity_1": "x"}, "quantity_1"),
        ({"quantity_1": "1", "reason": ""}, "reason"),
        ({"quantity_1": "1", "amount": "9.51"}, "amount"),
        ({"kind": "partial"}, "amount"),
        ({"kind": "partial", "amount": "55.51"}, "amount"),
        ({"kind": "partial", "amount": "1.234"}, "amount"),
        ({"kind": "partial", "amount": "-1"}, "amount"),
        ({"kind": "full", "amount": "1.00"}, "amount"),
        ({"kind": "all"}, "kind"),
        ({"kind": "full", "destination": "cash"}, "destination"),
    ],
)
def test_what_cannot_go_back_stays_on_the_form(root: Client, order: Order, changes: dict[str, str], field: str) -> None:
    chosen = filled(root, order, **changes)
    before = shop.written()
    answer = root.post(page(order, "refund"), chosen)
    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert shop.written() == before


def test_above_the_limit_somebody_else_approves(sign_in: SignIn, root: Client, order: Order, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("USD:20,*:1")
    clerk = sign_in("accounting")
    assert "Above 20.00 USD" in clerk.get(page(order, "refund")).content.decode()
    answer = clerk.post(page(order, "refund"), filled(clerk, order, kind="full"), follow=True)
    assert messages_of(answer) == ["55.50 USD wait for a second person to approve."]
    refund = OrderRefund.objects.get()
    waiting = clerk.get("/admin/orders/orderrefund/", {"decision": "waiting"}).content.decode()
    assert refund_page(refund) in waiting

    own = clerk.get(refund_page(refund)).content.decode()
    assert refund_page(refund, "approve") not in own
    before = shop.written()
    answer = clerk.post(refund_page(refund, "approve"), follow=True)
    assert messages_of(answer) == ["You have asked for this refund yourself: somebody else has to approve it."]
    assert sign_in("support").post(refund_page(refund, "approve")).status_code == 403
    assert sign_in("warehouse").post(refund_page(refund, "refuse"), {"reason": "x"}).status_code == 403
    assert root.get(refund_page(refund, "approve")).status_code == 200
    assert shop.written() == before

    assert refund_page(refund, "approve") in root.get(refund_page(refund)).content.decode()
    assert messages_of(root.post(refund_page(refund, "approve"), follow=True)) == ["55.50 USD are approved."]
    shown = root.get(page(order)).content.decode()
    assert "approved by superuser@example.com" in shown
    order.refresh_from_db()
    assert order.status == "refunded"
    assert refund_page(refund, "approve") not in root.get(refund_page(refund)).content.decode()
    answer = root.post(refund_page(refund, "refuse"), {"reason": "x"}, follow=True)
    assert messages_of(answer) == ["This refund waits for nobody: it was decided already."]


def test_what_waits_comes_first_however_old_it_is(sign_in: SignIn, root: Client, order: Order, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:5")
    clerk = sign_in("support")
    for amount in ("5.01", "5.02"):
        clerk.post(page(order, "refund"), filled(clerk, order, kind="goodwill", amount=amount))
    for amount in ("0.10", "0.20"):
        root.post(page(order, "refund"), filled(root, order, kind="goodwill", amount=amount))

    def listed() -> list[int]:
        return [refund.amount_minor for refund in root.get("/admin/orders/orderrefund/").context["cl"].result_list]

    assert listed() == [502, 501, 20, 10]
    content = root.get("/admin/orders/orderrefund/").content.decode()
    assert "2 order refunds wait for a second person</a>: first in this list." in content
    root.post(refund_page(OrderRefund.objects.get(amount_minor=502), "refuse"), {"reason": "no"})
    assert listed() == [501, 20, 10, 502]
    assert "1 order refund waits for a second person" in root.get("/admin/orders/orderrefund/").content.decode()
    root.post(refund_page(OrderRefund.objects.get(amount_minor=501), "approve"))
    assert listed() == [20, 10, 502, 501]
    assert "for a second person</a>" not in root.get("/admin/orders/orderrefund/").content.decode()


def test_what_waits_is_first_among_all_refunds_too(root: Client, order: Order, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:5")
    for amount in ("5.01", "0.10"):
        root.post(page(order, "refund"), filled(root, order, kind="goodwill", amount=amount))
    listed = root.get("/admin/payments/refund/").context["cl"].result_list
    assert [(refund.amount_minor, refund.state) for refund in listed] == [(501, "requested"), (10, "succeeded")]


def test_indexes_stand_in_the_order_of_the_lists(root: Client, order: Order) -> None:
    root.post(page(order, "refund"), filled(root, order, kind="goodwill", amount="0.10"))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        plans = {
            "order_refund_waiting_first": OrderRefund.objects.order_by(*WAITING_FIRST)[:50].explain(),
            "order_write_off_waiting_first": OrderWriteOff.objects.order_by(*WAITING_FIRST)[:50].explain(),
            "refund_requested_first": Refund.objects.order_by(*REQUESTED_FIRST)[:50].explain(),
        }
    for name, plan in plans.items():
        assert f"using {name}" in plan, plan
        assert "Sort" not in plan, plan


def test_a_refused_refund_says_by_whom_and_why(sign_in: SignIn, root: Client, order: Order, settings: Any) -> None:
    settings.REFUND_APPROVAL_ABOVE = read_limits("*:1")
    clerk = sign_in("support")
    clerk.post(page(order, "refund"), filled(clerk, order, kind="full"))
    refund = OrderRefund.objects.get()
    assert root.post(refund_page(refund, "refuse"), {"reason": ""}).context["form"].errors["reason"]
    answer = root.post(refund_page(refund, "refuse"), {"reason": "Not <b>seen</b>"}, follow=True)
    assert messages_of(answer) == ["55.50 USD are refused."]
    content = root.get(page(order)).content.decode()
    assert "refused by superuser@example.com: Not &lt;b&gt;seen&lt;/b&gt;" in content


@pytest.mark.parametrize("key", [str(uuid.UUID(int=7)), "nonsense", "%00"])
def test_a_refund_that_does_not_exist_leads_back(root: Client, key: str) -> None:
    for what in ("change", "approve", "refuse"):
        assert root.get(f"/admin/orders/orderrefund/{key}/{what}/").status_code == 302


def test_a_list_of_refunds_costs_the_same_however_many_there_are(root: Client, order: Order) -> None:
    counts = []
    for number in (1, 6):
        for _ in range(number):
            root.post(page(order, "refund"), filled(root, order, kind="goodwill", amount="0.10"))
        with CaptureQueriesContext(connection) as captured:
            assert root.get("/admin/orders/orderrefund/").status_code == 200
        counts.append(len(captured.captured_queries))
    assert counts[0] == counts[1]
    found = root.get("/admin/orders/orderrefund/", {"q": str(order.number)}).content.decode()
    assert found.count("Goodwill") >= 7
    assert "Goodwill" not in root.get("/admin/orders/orderrefund/", {"q": "1"}).content.decode()


def test_what_the_gateway_will_not_send_is_given_up(
    sign_in: SignIn, goods: Shop, ada: Shopper, sandbox: SandboxProcess
) -> None:
    placed, _ = paid_order(ada, goods, sandbox)
    ask_gateway(placed)
    cancellation.cancel_order(placed.pk, actor=actors.SYSTEM)
    refund = Refund.objects.get()
    address = f"/admin/payments/refund/{refund.pk}/"
    boss, clerk = sign_in("accounting"), sign_in("support")
    assert "Give up" not in clerk.get(f"{address}change/").content.decode()
    assert clerk.post(f"{address}give_up/", {"reason": "x"}).status_code == 403
    assert "Give up" in boss.get(f"{address}change/").content.decode()
    assert "is asked once more" in boss.get(f"{address}give_up/").content.decode()

    answer = boss.post(f"{address}give_up/", {"reason": "The card is closed"}, follow=True)

    assert messages_of(answer) == ["69.50 USD are given up."]
    content = answer.content.decode()
    assert "The card is closed" in content
    assert "Give up" not in content
    refused = boss.post(f"{address}give_up/", {"reason": "again"}, follow=True)
    assert messages_of(refused) == ["This refund does not wait for its gateway any more."]
    assert Refund.objects.get().state == "failed"
