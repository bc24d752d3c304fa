"""What staff do about payments, disputes and events: by their right, once, and written down under their name."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest
from django.test import Client

from orders.models import Order, OrderHistory
from payments.models import Dispute, DisputeNote, EventState, PaymentAttempt, PaymentRequest, WebhookEvent
from tests import shop
from tests.admin.conftest import SUPERUSER, SignIn, messages_of, online_order, page, paid_order
from tests.gateway_process import SandboxProcess
from tests.jobs import deliver, waiting, work
from tests.shop import Shop, Shopper

TOTAL = 950 + 6000


def typed(client: Client, address: str, **changes: Any) -> dict[str, Any]:
    """What a form holds when it is opened, with some of it changed."""
    form = client.get(address).context["form"]
    return {name: str(form[name].value() or "") for name in form.fields} | changes


def press(client: Client, order: Order, act: str, **changes: Any) -> list[str]:
    """Open an act's form and send it; what is said then."""
    address = page(order, act)
    return messages_of(client.post(address, typed(client, address, **changes), follow=True))


def held(clerk: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess) -> Order:
    order, _ = online_order(ada, goods)
    press(clerk, order, "void_payment")
    press(clerk, order, "request_payment", gateway="stripe", hold="on")
    sandbox.pay(str(PaymentRequest.objects.get(hold=True).gateway_reference))
    deliver()
    work()
    return order


def test_a_payment_is_called_off_asked_for_anew_held_and_captured(
    sign_in: SignIn, ada: Shopper, goods: Shop, sandbox: SandboxProcess
) -> None:
    clerk = sign_in("accounting")
    order, _ = online_order(ada, goods)

    assert press(clerk, order, "void_payment") == ["The payment is called off. The order is Payment Pending."]
    assert press(clerk, order, "request_payment", gateway="stripe", hold="on") == [
        "69.50 USD is asked for through Stripe; the customer finds it with the order."
    ]
    sandbox.pay(str(PaymentRequest.objects.get(hold=True).gateway_reference))
    deliver()
    work()
    content = clerk.get(page(order)).content.decode()
    assert "Payment: authorized" in content
    assert f'href="{page(order, "capture_payment")}"' in content
    assert f'href="{page(order, "request_payment")}"' not in content
    assert press(clerk, order, "capture_payment", amount="60.00") == [
        "60.00 USD is captured. The order is Partially Paid."
    ]
    assert "Payment: partially paid" in clerk.get(page(order)).content.decode()
    rows = OrderHistory.objects.filter(order=order, actor_kind="staff").select_related("actor").order_by("pk")
    assert [row.event for row in rows] == ["payment_voided", "payment_requested", "capture_requested", "payment"]
    assert {row.actor and row.actor.email for row in rows} == {"accounting@example.com"}


def test_a_double_click_asks_once(root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess) -> None:
    order, _ = online_order(ada, goods)
    press(root, order, "void_payment")
    address = page(order, "request_payment")
    form = typed(root, address, gateway="razorpay")

    for _ in range(2):
        assert root.post(address, form).status_code == 302

    assert PaymentRequest.objects.filter(gateway="razorpay").count() == 1


@pytest.mark.parametrize("amount", ["", "0", "-1", "1.234", "69.51", "x"])
@pytest.mark.parametrize("act", ["request_payment", "capture_payment"])
def test_an_amount_that_is_none_or_too_much_stays_on_the_form(
    act: str, amount: str, root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess
) -> None:
    if act == "capture_payment":
        order = held(root, ada, goods, sandbox)
    else:
        order, _ = online_order(ada, goods)
        press(root, order, "void_payment")
    address = page(order, act)
    form, before = typed(root, address, amount=amount, gateway="stripe"), shop.written()

    answer = root.post(address, form)

    assert answer.status_code == 200
    assert answer.context["form"].errors["amount"]
    assert shop.written() == before


def test_what_was_changed_meanwhile_is_said(root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess) -> None:
    order = held(root, ada, goods, sandbox)
    void, capture = (typed(root, page(order, act)) for act in ("void_payment", "capture_payment"))
    asks = typed(root, page(order, "request_payment"), gateway="stripe", amount="1.00")
    press(root, order, "capture_payment")
    before = shop.written()

    said = [
        messages_of(root.post(page(order, act), form, follow=True))
        for act, form in (("void_payment", void), ("request_payment", asks))
    ]
    again = root.post(page(order, "capture_payment"), capture)

    assert said == [
        ["No such payment is open any more. Look at the order again."],
        ["Nothing is due: the order is Paid."],
    ]
    assert again.status_code == 200
    assert again.context["form"].errors["attempt"]
    assert shop.written() == before


def test_a_gateway_that_does_not_answer_is_said(
    root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess
) -> None:
    order = held(root, ada, goods, sandbox)
    sandbox.arm("stripe", "capture", "timeout_before")
    assert press(root, order, "capture_payment") == [
        "The gateway has not said whether it captured 69.50 USD. It is asked again until that is known."
    ]
    assert press(root, order, "void_payment") == [
        "A capture of this money is under way: wait until its outcome is known."
    ]


# --- disputes -------------------------------------------------------------------------------------------------------


@pytest.fixture
def disputed(root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess) -> tuple[Order, Dispute]:
    """An order whose payment is disputed."""
    order, request = paid_order(ada, goods, sandbox)
    root.post(page(order, "ask_gateway"))
    sandbox.dispute(str(request.gateway_reference), reason="fraudulent")
    deliver()
    work()
    return order, Dispute.objects.get()


def test_a_dispute_is_seen_with_its_deadline_and_its_order(sign_in: SignIn, disputed: tuple[Order, Dispute]) -> None:
    order, dispute = disputed
    clerk = sign_in("accounting")
    assert dispute.respond_by is not None
    for address in ("/admin/payments/dispute/", f"/admin/payments/dispute/{dispute.pk}/change/"):
        content = clerk.get(address).content.decode()
        assert dispute.gateway_dispute_id in content
        assert f'href="{page(order)}"' in content
    content = clerk.get(page(order)).content.decode()
    assert "Payment: disputed" in content
    assert f"/admin/payments/dispute/{dispute.pk}/change/" in content
    assert "may never be paid for" in sign_in("warehouse").get(page(order, "send")).content.decode()


def test_open_disputes_come_by_deadline_and_closed_ones_when_asked_for(
    root: Client, disputed: tuple[Order, Dispute]
) -> None:
    _, dispute = disputed
    fields = {"attempt": dispute.attempt, "amount_minor": 1, "currency": "USD", "opened_at": dispute.opened_at}
    for name, state, day in (("dp_late", "under_review", 9), ("dp_none", "needs_response", 0), ("dp_won", "won", 1)):
        respond_by = dispute.opened_at.replace(year=2030, month=1, day=day) if day else None
        Dispute.objects.create(gateway_dispute_id=name, state=state, respond_by=respond_by, **fields)

    def listed(**query: str) -> list[str]:
        rows = root.get("/admin/payments/dispute/", query).context["cl"].result_list
        return [row.gateway_dispute_id for row in rows]

    assert listed() == listed(which="open") == [dispute.gateway_dispute_id, "dp_late", "dp_none"]
    assert listed(which="closed") == ["dp_won"]
    assert listed(which="all") == ["dp_won", "dp_none", "dp_late", dispute.gateway_dispute_id]
    assert listed(which="nonsense") == listed()
    assert listed(q="dp_won") == ["dp_won"]
    assert len(listed(q=dispute.attempt.gateway_payment_id)) == 4
    for query, tab, says in (
        ({}, "Open", "The next deadline to answer first"),
        ({"which": "closed"}, "Closed", "Won or lost; the newest first"),
        ({"q": "dp_won"}, "All", "The newest first"),
    ):
        content = root.get("/admin/payments/dispute/", query).content.decode()
        assert re.findall(r'aria-current="page">([^<]+)</a>', content) == [tab]
        assert says in content


def test_evidence_is_noted_once_and_for_good(sign_in: SignIn, disputed: tuple[Order, Dispute]) -> None:
    _, dispute = disputed
    address = f"/admin/payments/dispute/{dispute.pk}/note/"
    clerk = sign_in("accounting")
    assert clerk.get(address).status_code == 200
    assert clerk.post(address, {"text": "  "}).status_code == 200
    assert not DisputeNote.objects.exists()

    said = clerk.post(address, {"text": "Signed for by <b>Ada</b>, parcel 1Z"}, follow=True)

    assert messages_of(said) == ["The note is written down."]
    note = DisputeNote.objects.get()
    assert (note.text, note.author.email) == ("Signed for by <b>Ada</b>, parcel 1Z", "accounting@example.com")
    assert "Signed for by &lt;b&gt;Ada&lt;/b&gt;" in said.content.decode()
    for role in ("support", "warehouse"):
        assert sign_in(role).post(address, {"text": "x"}).status_code == 403
    assert DisputeNote.objects.count() == 1


@pytest.mark.parametrize("key", ["1", str(uuid.UUID(int=7)), "%00"])
def test_a_dispute_that_does_not_exist_leads_back(key: str, root: Client) -> None:
    for what in ("change", "note"):
        assert root.get(f"/admin/payments/dispute/{key}/{what}/").status_code == 302


# --- events ---------------------------------------------------------------------------------------------------------


def stored(state: str) -> WebhookEvent:
    return WebhookEvent.objects.create(
        gateway="stripe", event_key=f"evt_{state}", event_type="charge.updated", state=state, times_tried=12, body=b"{}"
    )


@pytest.mark.parametrize("state", ["failed", "orphaned", "worked"])
def test_an_event_is_worked_again(sign_in: SignIn, state: str) -> None:
    event = stored(state)
    address = f"/admin/payments/webhookevent/{event.pk}/work_again/"
    clerk = sign_in("accounting")
    assert clerk.get(address).status_code == 200
    assert waiting() == []

    said = [messages_of(clerk.post(address, follow=True)) for _ in range(2)]

    assert said == [["The event is worked again in a moment."], ["The event waits to be worked already."]]
    event.refresh_from_db()
    assert (event.state, event.times_tried) == (EventState.RECEIVED, 0)
    assert waiting() == [("orders.work_event", {"event_id": event.pk})]


@pytest.mark.parametrize("role", ["support", "warehouse", "catalogue"])
def test_an_event_is_worked_again_by_nobody_else(sign_in: SignIn, role: str) -> None:
    event = stored("failed")
    client = sign_in(role)
    for method in (client.get, client.post):
        assert method(f"/admin/payments/webhookevent/{event.pk}/work_again/").status_code == 403
    assert waiting() == []


@pytest.mark.parametrize("key", ["1", "9" * 30, "x", "%00"])
def test_an_event_that_does_not_exist_leads_back(key: str, root: Client) -> None:
    assert root.post(f"/admin/payments/webhookevent/{key}/work_again/").status_code == 302


@pytest.mark.parametrize("role", ["support", "warehouse", "accounting", SUPERUSER])
def test_only_who_may_asks_captures_and_lets_go(
    role: str, sign_in: SignIn, root: Client, ada: Shopper, goods: Shop, sandbox: SandboxProcess
) -> None:
    order = held(root, ada, goods, sandbox)
    attempt = PaymentAttempt.objects.get(request__hold=True)
    may = {"request_payment", "capture_payment", "void_payment"} if role in ("accounting", SUPERUSER) else set()
    client, before = sign_in(role), shop.written()
    for act in ("request_payment", "capture_payment", "void_payment"):
        assert client.get(page(order, act)).status_code == (200 if act in may else 403)
        if act not in may:
            form = {"attempt": str(attempt.pk), "amount": "1.00", "gateway": "stripe", "request": str(uuid.uuid4())}
            assert client.post(page(order, act), form).status_code == 403
    assert shop.written() == before
