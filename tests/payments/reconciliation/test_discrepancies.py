"""Filing what differs: once for each thing, refreshed while it lasts, gone when it is seen no more."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection

from kit import clock
from payments.reconciliation import discrepancies
from payments.reconciliation.models import (
    Discrepancy,
    DiscrepancyAct,
    DiscrepancyKind,
    DiscrepancyState,
    ProposedAct,
    Resolution,
)
from tests.shop import hire

pytestmark = pytest.mark.django_db

UNKNOWN = DiscrepancyKind.PAYMENT_UNKNOWN


def file(**changes: Any) -> bool:
    facts: dict[str, Any] = {
        "kind": UNKNOWN,
        "gateway": "stripe",
        "gateway_id": "ch_1",
        "currency": "USD",
        "amount_minor": 500,
        "ours": {},
        "theirs": {"captured_minor": 500},
        "proposed": ProposedAct.SEND_BACK,
    }
    return discrepancies.file(**{**facts, **changes})


def resolve(resolution: Resolution) -> None:
    Discrepancy.objects.update(
        state=DiscrepancyState.RESOLVED,
        resolution=resolution,
        resolved_at=clock.now(),
        resolved_by=hire(),
        reason="because",
    )


def test_what_differs_is_filed_with_both_sides_facts() -> None:
    assert file(ours={"captured_minor": 0})

    discrepancy = Discrepancy.objects.get()
    assert (discrepancy.kind, discrepancy.gateway, discrepancy.gateway_id) == ("payment_unknown", "stripe", "ch_1")
    assert (discrepancy.currency, discrepancy.amount_minor) == ("USD", 500)
    assert (discrepancy.ours, discrepancy.theirs) == ({"captured_minor": 0}, {"captured_minor": 500})
    assert (discrepancy.state, discrepancy.proposed) == ("open", "send_back")


def test_filing_the_same_thing_again_refreshes_it() -> None:
    assert file()
    assert not file(amount_minor=700, theirs={"captured_minor": 700})

    discrepancy = Discrepancy.objects.get()
    assert (discrepancy.amount_minor, discrepancy.theirs) == (700, {"captured_minor": 700})
    assert discrepancy.last_seen_at > discrepancy.first_seen_at


def test_another_kind_or_gateway_or_thing_is_another_discrepancy() -> None:
    assert file()
    assert file(kind=DiscrepancyKind.AMOUNT_DIFFERS)
    assert file(gateway="razorpay")
    assert file(gateway_id="ch_2")
    assert Discrepancy.objects.count() == 4


def test_the_same_thing_twice_in_one_statement_is_filed_once() -> None:
    one = discrepancies.Finding(UNKNOWN, "stripe", "ch_1", "USD", 1, {}, {}, ProposedAct.LOOK_AGAIN)
    other = discrepancies.Finding(UNKNOWN, "stripe", "ch_1", "USD", 2, {}, {}, ProposedAct.LOOK_AGAIN)
    assert discrepancies.file_all([one, other]) == [other]
    assert Discrepancy.objects.get().amount_minor == 2


def test_what_is_seen_no_more_is_gone_and_the_audit_says_so() -> None:
    file()
    file(gateway_id="ch_2")
    assert discrepancies.clear(kind=UNKNOWN, gateway="stripe", gateway_ids=["ch_1", "ch_9"]) == 1
    assert discrepancies.clear(kind=UNKNOWN, gateway="stripe", gateway_ids=["ch_1"]) == 0

    assert dict(Discrepancy.objects.values_list("gateway_id", "state")) == {"ch_1": "gone", "ch_2": "open"}
    act = DiscrepancyAct.objects.get()
    assert (act.discrepancy.gateway_id, act.deed, act.by) == ("ch_1", "gone", None)
    assert discrepancies.count_open([UNKNOWN], ["stripe"]) == 1


def test_what_comes_back_after_it_was_gone_is_filed_anew() -> None:
    file()
    discrepancies.clear(kind=UNKNOWN, gateway="stripe", gateway_ids=["ch_1"])
    assert file()
    assert sorted(Discrepancy.objects.values_list("state", flat=True)) == ["gone", "open"]


@pytest.mark.parametrize("resolution", [Resolution.ACCEPTED, Resolution.WRITTEN_OFF])
def test_what_a_person_has_accepted_stays_quiet_until_its_facts_change(resolution: Resolution) -> None:
    file()
    resolve(resolution)
    assert not file()
    assert Discrepancy.objects.count() == 1
    assert file(amount_minor=900)
    assert Discrepancy.objects.count() == 2


def test_what_was_closed_and_is_still_there_is_filed_again() -> None:
    file()
    resolve(Resolution.CLOSED)
    assert file()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM reconciliation_discrepancy",
        "UPDATE reconciliation_discrepancy SET gateway_id = 'ch_2'",
        "UPDATE reconciliation_discrepancy SET state = 'resolved'",
        "UPDATE reconciliation_discrepancyact SET reason = 'another'",
        "DELETE FROM reconciliation_discrepancyact",
    ],
)
def test_the_database_refuses_to_forget(statement: str) -> None:
    file()
    file(gateway_id="ch_0")
    discrepancies.clear(kind=UNKNOWN, gateway="stripe", gateway_ids=["ch_0"])
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(statement)
