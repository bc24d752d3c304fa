"""Lists and lines as the gateways' documentation has them and the sandbox does not, or as nobody documents them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import stripe as sdk

from payments.gateways.base import DisputeOutcome, LineKind, OutcomeUnknown, Settlement
from payments.gateways.stripe_reports import dispute_report
from tests.gateways.conftest import make
from tests.gateways.test_odd_answers import answering

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)


DEBIT = {"debit": 500, "credit": 0, "fee": 0, "tax": 0}
DISPUTED = {"dispute_id": "disp_1", "payment_id": "pay_1"}


def query_of(path: str) -> dict[str, int]:
    return {name: int(values[0]) for name, values in parse_qs(urlsplit(path).query).items() if values[0].isdigit()}


def stripe_list(things: list[dict[str, Any]], *, has_more: bool = False) -> bytes:
    return json.dumps({"object": "list", "url": "/v1/x", "has_more": has_more, "data": things}).encode()


def entry(**more: Any) -> dict[str, Any]:
    """A balance transaction as Stripe documents it, of a charge of 100.00 with fees of 3.20."""
    return {
        "object": "balance_transaction",
        "id": "txn_1",
        "amount": 10000,
        "fee": 320,
        "net": 9680,
        "currency": "usd",
        "fee_details": [{"amount": 320, "type": "stripe_fee", "currency": "usd"}],
        "type": "charge",
        "reporting_category": "charge",
        "source": {"object": "charge", "id": "ch_1"},
        "created": int(NOON.timestamp()),
        **more,
    }


def line(**more: Any) -> dict[str, Any]:
    """A line of Razorpay's settlement report as it documents it: the fee has the tax in it."""
    return {
        "entity_id": "pay_1",
        "type": "payment",
        "debit": 0,
        "credit": 97100,
        "amount": 100000,
        "currency": "INR",
        "fee": 2900,
        "tax": 442,
        "settled_at": int(NOON.timestamp()),
        "settlement_id": "setl_1",
        "notes": "{}",
        "payment_id": None,
        "dispute_id": None,
        **more,
    }


def test_tax_on_stripes_fee_is_told_apart_from_the_fee() -> None:
    parts = [{"amount": 270, "type": "stripe_fee"}, {"amount": 50, "type": "tax"}]
    answer = stripe_list([entry(fee_details=parts)])

    with answering(lambda path: answer) as (base, _):
        (found,) = make("stripe", base=base).list_settlement_lines(Settlement("po_1", 9680, "USD", NOON, "", NOON))

    assert (found.gross_minor, found.fee_minor, found.tax_minor, found.net_minor) == (10000, 270, 50, 9680)


@pytest.mark.parametrize(
    ("type_", "category", "kind"),
    [
        ("payment", "charge", LineKind.PAYMENT),
        ("payment_refund", "refund", LineKind.REFUND),
        ("payment_failure_refund", "refund_failure", LineKind.REFUND_FAILURE),
        ("adjustment", "dispute", LineKind.DISPUTE),
        ("adjustment", "dispute_reversal", LineKind.DISPUTE_REVERSAL),
        ("stripe_fee", "fee", LineKind.FEE),
        ("adjustment", "other_adjustment", LineKind.OTHER),
        ("invented_tomorrow", "invented", LineKind.OTHER),
    ],
)
def test_each_of_stripes_transactions_is_of_a_kind(type_: str, category: str, kind: LineKind) -> None:
    answer = stripe_list([entry(type=type_, reporting_category=category, source=None)])

    with answering(lambda path: answer) as (base, _):
        (found,) = make("stripe", base=base).list_settlement_lines(Settlement("po_1", 9680, "USD", NOON, "", NOON))

    assert (found.kind, found.wire_kind, found.entity_id) == (kind, type_, "")


@pytest.mark.parametrize(
    ("given", "kind", "entity_id", "payment_id", "net"),
    [
        ({"type": "transfer", "entity_id": "trf_1", **DEBIT}, "other", "trf_1", "", -500),
        ({"type": "adjustment", "entity_id": "adj_1", "fee": None, "tax": None}, "other", "adj_1", "", 97100),
        ({"type": "adjustment", "entity_id": "adj_1", **DISPUTED, **DEBIT}, "dispute", "disp_1", "pay_1", -500),
        ({"type": "adjustment", "entity_id": "adj_1", **DISPUTED}, "dispute_reversal", "disp_1", "pay_1", 97100),
        ({"type": "refund", "entity_id": "rfnd_1", "payment_id": "pay_1", **DEBIT}, "refund", "rfnd_1", "pay_1", -500),
        ({"type": "invented", "entity_id": "x_1"}, "other", "x_1", "", 97100),
    ],
)
def test_each_of_razorpays_lines_is_of_a_kind(
    given: dict[str, Any], kind: str, entity_id: str, payment_id: str, net: int
) -> None:
    answer = json.dumps({"items": [line(**given)]}).encode()

    with answering(lambda path: answer) as (base, _):
        (found,) = make("razorpay", base=base).list_settlement_lines(Settlement("setl_1", net, "INR", NOON, "", NOON))

    assert (found.kind, found.entity_id, found.payment_id, found.net_minor) == (kind, entity_id, payment_id, net)
    assert found.line_id == f"{given['type']}:{given['entity_id']}"
    assert found.gross_minor - found.fee_minor - found.tax_minor == net


def test_lines_of_other_settlements_of_the_day_and_those_not_settled_yet_are_left_out() -> None:
    items = [line(), line(entity_id="pay_2", settlement_id="setl_2"), line(entity_id="pay_3", settlement_id=None)]

    with answering(lambda path: json.dumps({"items": items}).encode()) as (base, _):
        found = make("razorpay", base=base).list_settlement_lines(Settlement("setl_1", 97100, "INR", NOON, "", NOON))
        assert [each.entity_id for each in found] == ["pay_1"]


@pytest.mark.parametrize(("reported_on", "calls"), [(1, 1), (2, 2)])
def test_a_settlement_made_before_midnight_in_india_may_be_reported_on_the_next_day(
    reported_on: int, calls: int
) -> None:
    before_midnight = datetime(2026, 3, 1, 18, 29, 59, tzinfo=UTC)

    def answer(path: str) -> bytes:
        return json.dumps({"items": [line()] if query_of(path)["day"] == reported_on else []}).encode()

    with answering(answer) as (base, heard):
        gateway = make("razorpay", base=base)
        paid_out = Settlement("setl_1", 97100, "INR", before_midnight, "", before_midnight)
        found = list(gateway.list_settlement_lines(paid_out))

    assert ([each.entity_id for each in found], len(heard)) == (["pay_1"], calls)


def test_a_settlement_that_names_no_currency_is_in_rupees_and_only_one_that_is_processed_counts() -> None:
    settlement = {
        "id": "setl_1",
        "amount": 97100,
        "status": "processed",
        "utr": "U1",
        "created_at": int(NOON.timestamp()),
    }
    items = [settlement, {**settlement, "id": "setl_2", "status": "created"}]

    with answering(lambda path: json.dumps({"items": items}).encode()) as (base, _):
        found = list(make("razorpay", base=base).list_settlements(NOON, NOON + AN_HOUR))

    assert found == [Settlement("setl_1", 97100, "INR", NOON, "U1", NOON)]


def test_razorpay_is_never_asked_to_count_far_down_a_list() -> None:
    """10,000 payments, ten a second, as Razorpay would list them."""
    seconds = [int(NOON.timestamp()) + number // 10 for number in range(10_000)]

    def answer(path: str) -> bytes:
        query = query_of(path)
        inside = [number for number, second in enumerate(seconds) if query["from"] <= second <= query["to"]][::-1]
        page = inside[query["skip"] : query["skip"] + query["count"]]
        payment = {"entity": "payment", "amount": 100, "currency": "INR", "status": "captured", "captured": True}
        items = [{**payment, "id": f"pay_{number}", "created_at": seconds[number]} for number in page]
        return json.dumps({"items": items}).encode()

    with answering(answer) as (base, heard):
        listed = list(make("razorpay", base=base).list_payments(NOON, NOON + AN_HOUR))

    assert {each.payment.payment_id for each in listed} == {f"pay_{number}" for number in range(10_000)}
    assert len(listed) == 10_000
    assert max(query_of(path)["skip"] for path in heard) <= 2000
    assert len(heard) < 150


@pytest.mark.parametrize("more", ["null", '"yes"', "1"])
def test_a_page_that_does_not_say_whether_it_is_the_last_is_not_taken_for_the_last(more: str) -> None:
    body = f'{{"object": "list", "url": "/v1/charges", "has_more": {more}, "data": []}}'.encode()

    with answering(lambda path: body) as (base, _), pytest.raises(OutcomeUnknown):
        list(make("stripe", base=base).list_payments(NOON, NOON + AN_HOUR))


def test_an_empty_page_before_the_last_is_not_taken_for_the_end() -> None:
    with answering(lambda path: stripe_list([], has_more=True)) as (base, _), pytest.raises(OutcomeUnknown):
        list(make("stripe", base=base).list_payments(NOON, NOON + AN_HOUR))


@pytest.mark.parametrize("deducted", [0, 500])
def test_a_dispute_that_was_closed_is_lost_if_it_cost_money(deducted: int) -> None:
    dispute = {
        "id": "disp_1",
        "payment_id": "pay_1",
        "amount": 500,
        "currency": "INR",
        "amount_deducted": deducted,
        "status": "closed",
        "respond_by": None,
        "created_at": int(NOON.timestamp()),
    }

    with answering(lambda path: json.dumps(dispute).encode()) as (base, _):
        found = make("razorpay", base=base).fetch_dispute("disp_1")

    assert found.outcome == (DisputeOutcome.LOST if deducted else DisputeOutcome.WON)
    assert (found.withdrawn_minor, found.reason, found.respond_by) == (deducted, "", None)


@pytest.mark.parametrize(
    ("entries", "withdrawn"),
    [
        ([], 0),
        ([("usd", -10000)], 10000),
        ([("usd", -10000), ("usd", 10000)], 0),
        # The account's own currency is another: there is only a sign to go by.
        ([("eur", -9234)], 10000),
        ([("eur", -9234), ("eur", 9101)], 0),
        ([("eur", -9234), ("eur", 9300)], 0),
    ],
)
def test_what_a_dispute_keeps_back_is_told_in_its_own_currency(entries: list[tuple[str, int]], withdrawn: int) -> None:
    dispute = {
        "object": "dispute",
        "id": "du_1",
        "amount": 10000,
        "currency": "usd",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "reason": "fraudulent",
        "status": "needs_response",
        "created": int(NOON.timestamp()),
        "evidence_details": {"due_by": None},
        "balance_transactions": [entry(currency=currency, amount=amount) for currency, amount in entries],
    }
    report = dispute_report(sdk.Dispute.construct_from(dispute, "sk_test"))
    assert (report.amount_minor, report.currency, report.withdrawn_minor) == (10000, "USD", withdrawn)
