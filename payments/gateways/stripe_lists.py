"""What Stripe has in its books: lists in pages of 100, one page in memory at a time.

Stripe lists newest first and pages by the last object seen, so nothing shifts while a list is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

import stripe as sdk

from payments.gateways.base import DisputeReport, ListedPayment, ListedRefund, NotKnown, Settlement, SettlementLine
from payments.gateways.reading import first_second, read, the_one
from payments.gateways.stripe_calls import call
from payments.gateways.stripe_reports import (
    dispute_report,
    is_release,
    listed_payment,
    listed_refund,
    settlement_line,
    settlement_report,
)

_PAGE = 100


class StripeLists:
    """The listing verbs of the port."""

    _client: sdk.StripeClient

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment]:
        window = _window(since, until)
        return _each(lambda: self._client.v1.charges.list({"created": window, "limit": _PAGE}), listed_payment)

    def list_refunds(self, since: datetime, until: datetime) -> Iterator[ListedRefund]:
        window = _window(since, until)
        refunds = _each(
            lambda: self._client.v1.refunds.list({"created": window, "limit": _PAGE}),
            lambda refund: None if is_release(refund) else listed_refund(refund),
        )
        return (refund for refund in refunds if refund is not None)

    def list_disputes(self, since: datetime, until: datetime) -> Iterator[DisputeReport]:
        window = _window(since, until)
        return _each(lambda: self._client.v1.disputes.list({"created": window, "limit": _PAGE}), dispute_report)

    def fetch_dispute(self, dispute_id: str) -> DisputeReport:
        return call(lambda: dispute_report(self._client.v1.disputes.retrieve(dispute_id)))

    def list_settlements(self, since: datetime, until: datetime) -> Iterator[Settlement]:
        window = _window(since, until)
        return _each(
            lambda: self._client.v1.payouts.list({"created": window, "status": "paid", "limit": _PAGE}),
            settlement_report,
        )

    def find_settlement(self, settlement_id: str) -> Settlement | None:
        if not settlement_id.startswith("po_"):
            return None
        try:
            payout = call(lambda: self._client.v1.payouts.retrieve(settlement_id))
        except NotKnown:
            return None
        return read(lambda: settlement_report(the_one(payout, settlement_id)) if payout.status == "paid" else None)

    def list_settlement_lines(self, settlement: Settlement) -> Iterator[SettlementLine]:
        entries = _each(
            # A refund names its charge only when it is whole.
            lambda: self._client.v1.balance_transactions.list(
                {"payout": settlement.settlement_id, "limit": _PAGE, "expand": ["data.source"]}
            ),
            lambda entry: None if entry.type == "payout" else settlement_line(entry, settlement),
        )
        return (line for line in entries if line is not None)


def _window(since: datetime, until: datetime) -> Any:
    """The value of the filter `created`."""
    return {"gte": first_second(since), "lt": first_second(until)}


def _each[Result](first: Callable[[], sdk.ListObject[Any]], report: Callable[[Any], Result]) -> Iterator[Result]:
    """Every object of a list, page by page."""
    page, more = call(first), True
    while more:
        reports, more = read(partial(_reports, report, page))
        yield from reports
        if more:
            page = call(page.next_page)


def _reports[Result](report: Callable[[Any], Result], page: sdk.ListObject[Any]) -> tuple[list[Result], bool]:
    """What is on a page, and whether there is another."""
    if type(page.has_more) is not bool:
        raise TypeError("not a page")
    return [report(thing) for thing in page.data], page.has_more
