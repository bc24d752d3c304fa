"""Settlements, their lines and the files they came from: there to look at, for those who check the money."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.gateways import base
from payments.gateways.base import LineKind
from payments.settlements import booking, reconciling, staging
from payments.settlements.models import Settlement, SettlementImport, SettlementLine, Source
from tests.admin.conftest import SignIn

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def line(number: int) -> base.SettlementLine:
    """A line of a payment that nobody knows: 100.00 INR, less 2.00 and 0.36 of tax."""
    return base.SettlementLine(
        line_id=f"payment:pay_Nobody{number}",
        settlement_id="setl_1",
        kind=LineKind.PAYMENT,
        wire_kind="payment",
        entity_id=f"pay_Nobody{number}",
        payment_id=f"pay_Nobody{number}",
        currency="INR",
        gross_minor=10000,
        fee_minor=200,
        tax_minor=36,
        net_minor=9764,
        settled_at=AT,
    )


@pytest.fixture
def settlement(db: None) -> Settlement:
    """A settlement of thirty lines, one of which the gateway has not paid out."""
    with reconciling.session():
        paid_out = base.Settlement("setl_1", 29 * 9764, "INR", AT, "UTR0001", AT)
        staging.tell_settlements("razorpay", [paid_out])
        staging.tell_lines("razorpay", [line(number) for number in range(30)])
        (header,) = staging.headers("razorpay")
        booking.book("razorpay", header, source=Source.API)
    SettlementImport.objects.create(
        gateway="razorpay", file_name="recon.csv", sha256="0" * 64, rows=30, imported_by="clerk"
    )
    return Settlement.objects.get()


@pytest.fixture
def clerk(sign_in: SignIn) -> Client:
    """Somebody who checks the money."""
    return sign_in("accounting")


def test_a_settlement_shows_what_was_paid_out_and_what_its_lines_add_up_to(
    clerk: Client, settlement: Settlement
) -> None:
    text = clerk.get(f"/admin/settlements/settlement/{settlement.pk}/change/").content.decode()
    for shown in ("setl_1", "UTR0001", "Differs", "2,831.56 INR", "2,929.20 INR", "60.00 INR", "10.80 INR"):
        assert shown in text, shown
    (lines,) = set(re.findall(r'href="([^"]+settlement__id__exact=\d+)"', text))
    assert clerk.get(lines).content.decode().count("payment:pay_Nobody") >= 30


def test_a_line_shows_what_of_it_is_explained(clerk: Client, settlement: Settlement) -> None:
    row = SettlementLine.objects.filter(settlement=settlement).earliest("pk")
    text = clerk.get(f"/admin/settlements/settlementline/{row.pk}/change/").content.decode()
    for shown in ("payment:pay_Nobody0", "setl_1", "Unknown", "100.00 INR", "0.00 INR", "97.64 INR", "not known"):
        assert shown in text, shown


def test_the_pages_find_by_the_gateways_ids(clerk: Client, settlement: Settlement) -> None:
    found = clerk.get("/admin/settlements/settlement/?q=setl_1").content.decode()
    assert f"/admin/settlements/settlement/{settlement.pk}/change/" in found
    assert "setl_1" not in clerk.get("/admin/settlements/settlement/?q=setl_2").content.decode().partition("<table")[2]
    lines = clerk.get("/admin/settlements/settlementline/?q=payment:pay_Nobody7").content.decode()
    assert ("payment:pay_Nobody7" in lines, "payment:pay_Nobody8" in lines) == (True, False)
    assert "recon.csv" in clerk.get("/admin/settlements/settlementimport/").content.decode()


@pytest.mark.parametrize("page", ["settlement/", "settlementline/", "settlementline/?finding=unknown"])
def test_a_list_costs_the_same_however_long_it_is(clerk: Client, settlement: Settlement, page: str) -> None:
    address = f"/admin/settlements/{page}"
    clerk.get(address)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert clerk.get(address).status_code == 200
    assert len(queries) <= 9


def test_nobody_writes_on_these_pages(clerk: Client, settlement: Settlement) -> None:
    address = f"/admin/settlements/settlement/{settlement.pk}/change/"
    assert clerk.post(address, {"state": "complete"}).status_code == 403
    settlement.refresh_from_db()
    assert settlement.state == "differs"
