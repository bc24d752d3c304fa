"""The queue of discrepancies in the back office: seen by accounting, dealt with by buttons that ask why."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.reconciliation import discrepancies
from payments.reconciliation.models import Discrepancy, DiscrepancyAct, DiscrepancyKind, ProposedAct
from tests import shop
from tests.admin.conftest import EVERYBODY, SUPERUSER, SignIn, messages_of
from tests.gateway_process import SandboxProcess
from tests.reconciling import reconcile
from tests.shop import Shop, Shopper

LIST = "/admin/reconciliation/discrepancy/"
ACTS = ("assign", "look", "accept", "close", "write_off")
MAY = {"accounting", SUPERUSER}


@pytest.fixture
def clerk(sign_in: SignIn) -> Client:
    """An accountant's browser."""
    return sign_in("accounting")


def found(gateway_id: str = "ch_1", kind: DiscrepancyKind = DiscrepancyKind.PAYMENT_UNKNOWN) -> Discrepancy:
    discrepancies.file(
        kind=kind,
        gateway="stripe",
        gateway_id=gateway_id,
        currency="USD",
        amount_minor=12_345,
        ours={"reference": "pi_<b>"},
        theirs={"captured_minor": 12_345},
        proposed=ProposedAct.SEND_BACK,
    )
    return Discrepancy.objects.get(gateway_id=gateway_id)


def page(discrepancy: Discrepancy, what: str = "change") -> str:
    return f"{LIST}{discrepancy.pk}/{what}/"


def test_the_queue_and_a_page_show_what_differs(clerk: Client) -> None:
    discrepancy = found()
    listed = clerk.get(LIST).content.decode()
    assert "Payment of no order of ours" in listed
    assert "123.45" in listed
    shown = clerk.get(page(discrepancy)).content.decode()
    assert "captured_minor: 12345" in shown
    assert "pi_&lt;b&gt;" in shown
    assert "Send the money back at the gateway" in shown


def test_the_queue_is_filtered_by_state_kind_and_gateway_and_searched_by_id(clerk: Client) -> None:
    one, other = found("ch_1"), found("ch_2", DiscrepancyKind.AMOUNT_DIFFERS)
    discrepancies.clear(kind=DiscrepancyKind.PAYMENT_UNKNOWN, gateway="stripe", gateway_ids=["ch_1"])
    for query, seen in (
        ({"state": "open"}, {other}),
        ({"state": "gone"}, {one}),
        ({"kind": "amount_differs"}, {other}),
        ({"gateway": "razorpay"}, set()),
        ({"q": "ch_1"}, {one}),
        ({"state": "nonsense"}, {one, other}),
    ):
        content = clerk.get(LIST, query).content.decode()
        assert {each for each in (one, other) if page(each) in content} == seen, query


def test_the_queue_costs_the_same_however_long_it_is(clerk: Client) -> None:
    found("ch_0")
    clerk.get(LIST)
    with CaptureQueriesContext(connection) as few:
        clerk.get(LIST)
    for number in range(1, 30):
        found(f"ch_{number}")
    with CaptureQueriesContext(connection) as many:
        clerk.get(LIST)
    assert len(many) == len(few)


def test_it_is_assigned_and_closed_with_a_reason(clerk: Client) -> None:
    discrepancy = found()
    assert messages_of(clerk.post(page(discrepancy, "assign"), follow=True)) == ["It is yours."]
    assert clerk.post(page(discrepancy, "close"), {"reason": ""}).status_code == 200
    assert Discrepancy.objects.get().state == "open"
    told = messages_of(clerk.post(page(discrepancy, "close"), {"reason": "sent back by hand"}, follow=True))
    assert told == ["Closed."]
    discrepancy.refresh_from_db()
    assert (discrepancy.state, discrepancy.reason) == ("resolved", "sent back by hand")
    assert str(discrepancy.assigned_to) == "accounting@example.com"
    assert list(DiscrepancyAct.objects.values_list("deed", "reason")) == [
        ("assigned", ""),
        ("closed", "sent back by hand"),
    ]
    again = messages_of(clerk.post(page(discrepancy, "accept"), {"reason": "no"}, follow=True))
    assert again == ["Somebody has dealt with it already."]


def test_only_buttons_that_make_sense_are_shown(clerk: Client) -> None:
    payment, line = found(), found("txn_1", DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN)
    shown = {
        each: {act for act in ACTS if f'href="{page(each, act)}"' in clerk.get(page(each)).content.decode()}
        for each in (payment, line)
    }
    # Nothing lies in suspense, and settlements are looked at by their own reconciliation.
    assert shown == {payment: {"assign", "look", "accept", "close"}, line: {"assign", "accept", "close"}}


def test_what_does_not_lie_in_suspense_is_not_written_off(clerk: Client) -> None:
    discrepancy = found()
    told = messages_of(clerk.post(page(discrepancy, "write_off"), {"reason": "gone"}, follow=True))
    assert told == ["The amount does not lie in suspense."]
    assert Discrepancy.objects.get().state == "open"


def test_looking_again_asks_the_gateway(clerk: Client, sandbox: SandboxProcess, goods: Shop, ada: Shopper) -> None:
    discrepancy = found(kind=DiscrepancyKind.DISPUTE_UNKNOWN)
    assert messages_of(clerk.post(page(discrepancy, "look"), follow=True)) == ["It is still so."]
    sandbox.arm("stripe", "*", "error_500")
    told = messages_of(clerk.post(page(discrepancy, "look"), follow=True))
    assert told == ["The gateway did not answer. Nothing was changed; try again later."]
    assert list(DiscrepancyAct.objects.values_list("deed", flat=True)) == ["looked_again"]


@pytest.mark.parametrize("role", EVERYBODY)
def test_acts_are_for_accounting_alone(role: str, sign_in: SignIn, db: None) -> None:
    discrepancy, client = found(), sign_in(role)
    if role in MAY:
        assert client.get(page(discrepancy, "accept")).status_code == 200
        return
    before = shop.written()
    for act in ACTS:
        assert client.get(page(discrepancy, act)).status_code in (302, 403)
        assert client.post(page(discrepancy, act), {"reason": "no"}).status_code in (302, 403)
    assert shop.written() == before
    assert Discrepancy.objects.get().state == "open"


def test_runs_are_shown_with_what_came_of_them(clerk: Client, sandbox: SandboxProcess) -> None:
    reconcile()
    content = clerk.get("/admin/reconciliation/reconciliationrun/").content.decode()
    assert content.count("Complete") >= 2
