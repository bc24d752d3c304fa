"""The queue of discrepancies in the back office: seen by accounting, dealt with by buttons that ask why."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.gateways.base import LineKind, SettlementLine
from payments.reconciliation import discrepancies
from payments.reconciliation.models import Discrepancy, DiscrepancyAct, DiscrepancyKind, ProposedAct
from payments.settlements import booking, claims, lacking, reconciling, staging
from payments.settlements.files.times import exactly
from payments.settlements.models import Settlement, SettlementImport, Source
from tests import shop
from tests.admin.conftest import EVERYBODY, SUPERUSER, SignIn, messages_of
from tests.gateway_process import SandboxProcess
from tests.reconciling import reconcile
from tests.shop import Shop, Shopper

LIST = "/admin/reconciliation/discrepancy/"
ACTS = ("assign", "look", "accept", "close", "take_back", "write_off")
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
    for fact in ("Captured", "123.45 USD", "Payment request at the gateway", "pi_&lt;b&gt;", "Neither"):
        assert (fact in shown) == (fact != "Neither"), fact
    assert "Send the money back at the gateway" in shown


def listed(client: Client, **query: str) -> list[str]:
    """What the list shows, in its order."""
    rows = client.get(LIST, query).context["cl"].result_list
    return [row.gateway_id for row in rows]


def test_the_queue_shows_open_ones_the_most_urgent_first_then_the_oldest(clerk: Client) -> None:
    for name, kind in (
        ("a file", DiscrepancyKind.FILE_LACKS_LINES),
        ("a sum", DiscrepancyKind.SETTLEMENT_SUM_DIFFERS),
        ("a payment", DiscrepancyKind.PAYMENT_UNKNOWN),
        ("another sum", DiscrepancyKind.SETTLEMENT_SUM_DIFFERS),
        ("over", DiscrepancyKind.PAYMENT_UNKNOWN),
    ):
        found(name, kind)
    discrepancies.clear(kind=DiscrepancyKind.PAYMENT_UNKNOWN, gateway="stripe", gateway_ids=["over"])
    assert listed(clerk) == ["a payment", "a sum", "another sum", "a file"]
    assert listed(clerk, state="all") == ["over", "another sum", "a payment", "a sum", "a file"]
    content = clerk.get(LIST).content.decode()
    assert "The most urgent first, then the oldest" in content
    for urgency in ("Now", "Soon", "Later"):
        assert content.count(urgency) >= 1


def test_which_discrepancies_are_shown_is_said_by_tabs_and_kept_by_the_filters(clerk: Client) -> None:
    one, other = found("ch_1"), found("ch_2", DiscrepancyKind.AMOUNT_DIFFERS)
    discrepancies.clear(kind=DiscrepancyKind.PAYMENT_UNKNOWN, gateway="stripe", gateway_ids=["ch_1"])
    for query, seen, tab in (
        ({}, {other}, "Open"),
        ({"state": "open"}, {other}, "Open"),
        ({"state": "gone"}, {one}, "Gone"),
        ({"state": "resolved"}, set(), "Resolved"),
        ({"state": "all"}, {one, other}, "All"),
        ({"state": "nonsense"}, {other}, "Open"),
        ({"kind": "amount_differs"}, {other}, "Open"),
        ({"kind": "payment_unknown"}, set(), "Open"),
        ({"kind": "payment_unknown", "state": "all"}, {one}, "All"),
        ({"gateway": "razorpay"}, set(), "Open"),
        # Whoever searches is shown what there is, open or not.
        ({"q": "ch_1"}, {one}, "All"),
        ({"q": "ch_1", "state": "open"}, set(), "Open"),
    ):
        response = clerk.get(LIST, query)
        content = response.content.decode()
        assert {each for each in (one, other) if page(each) in content} == seen, query
        assert re.findall(r'aria-current="page">([^<]+)</a>', content) == [tab], query
        # The tabs keep the filters, and clearing the filters keeps the tab.
        changelist = response.context["cl"]
        assert changelist.has_active_filters == bool(query.keys() - {"state", "q"}), query
        if "kind" in query:
            assert 'href="?kind=' in content
            assert ("state=all" in changelist.clear_all_filters_qs) == (query.get("state") == "all")


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


def test_what_a_file_alone_had_booked_is_taken_back_with_a_button(clerk: Client, db: None) -> None:
    at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    line = SettlementLine(
        line_id="payment:pay_1",
        settlement_id="setl_1",
        kind=LineKind.PAYMENT,
        wire_kind="payment",
        entity_id="pay_1",
        payment_id="pay_1",
        currency="INR",
        gross_minor=1000,
        fee_minor=100,
        tax_minor=18,
        net_minor=882,
        settled_at=at,
    )
    imported = SettlementImport.objects.create(
        gateway="razorpay", file_name="recon.csv", sha256="0" * 64, rows=1, imported_by="clerk"
    )
    with reconciling.session():
        staging.tell_rows("razorpay", [staging.Row(line, 7, exactly(at))])
        (header,) = staging.named_in_file("razorpay")
        claims.keep(imported, ["setl_1"])
        booking.book("razorpay", header, source=Source.FILE)
        lacking.file_not_paid_out("razorpay", ["setl_1"])
    discrepancy = Discrepancy.objects.get(kind="file_settlement_unknown")
    shown = clerk.get(page(discrepancy)).content.decode()
    settlement = Settlement.objects.get()
    for fact in (
        f'href="/admin/settlements/settlement/{settlement.pk}/change/"',
        f'href="/admin/settlements/settlementimport/{imported.pk}/change/"',
        f'href="{page(discrepancy, "take_back")}"',
        "8.82 INR",
        "Line of the file",
    ):
        assert fact in shown, fact
    assert "recon.csv, line 7" in clerk.get(LIST).content.decode()

    told = messages_of(clerk.post(page(discrepancy, "take_back"), {"reason": "no such thing"}, follow=True))

    assert told == ["Nothing of it is booked any more."]
    discrepancy.refresh_from_db()
    assert (discrepancy.state, discrepancy.resolution) == ("resolved", "taken_back")
    told = messages_of(clerk.post(page(discrepancy, "take_back"), {"reason": "again"}, follow=True))
    assert told == ["Somebody has dealt with it already."]
    other = found()
    told = messages_of(clerk.post(page(other, "take_back"), {"reason": "no"}, follow=True))
    assert told == ["Nothing of it is booked."]


def test_a_page_shows_the_lines_that_a_file_lacks_and_by_how_much_both_sides_differ(clerk: Client) -> None:
    lacks = {"settlement": "setl_1", "currency": "INR", "net_minor": 5000, "lines": 2, "lacks": 21, "told_by": "file"}
    line = {"line": "payment:<i>", "kind": "payment", "payment": "pay_<i>", "currency": "INR", "net_minor": 123}
    discrepancies.file(
        kind=DiscrepancyKind.FILE_LACKS_LINES,
        gateway="razorpay",
        gateway_id="setl_1",
        currency="INR",
        amount_minor=-2583,
        ours={"settlement": "setl_1", "currency": "INR", "net_minor": 7583, "lines": 23, "lacking": [line] * 20},
        theirs={**lacks, "file": "<b>.csv", "settled_at": "2026-11-20T09:00:00+00:00"},
        proposed=ProposedAct.CHECK_GATEWAY,
    )
    shown = clerk.get(page(Discrepancy.objects.get())).content.decode()
    for fact in (
        "75.83 INR",
        "50.00 INR",
        "-25.83 INR",
        "1.23 INR",
        "and 1 more",
        "&lt;b&gt;.csv",
        "payment:&lt;i&gt;",
    ):
        assert fact in shown, fact
    assert "20 Nov 2026, 09:00:00" in shown
    assert shown.count("pay_&lt;i&gt;") == 20


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
