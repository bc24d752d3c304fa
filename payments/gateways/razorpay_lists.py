"""What Razorpay has in its books: lists in pages, one page in memory at a time.

Razorpay pages by counting (`skip`), so a list shifts when something is added while it is read. The windows are closed,
and what is added is the newest: it can push what was read already into the next page, where it comes twice, and never
pushes anything past us. Counting is slow far down a list, so a long one is read in shorter windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from payments.gateways.base import (
    DisputeReport,
    ListedPayment,
    ListedRefund,
    NotKnown,
    RefundReport,
    Settlement,
    SettlementLine,
)
from payments.gateways.razorpay_calls import RazorpayCalls
from payments.gateways.razorpay_reports import (
    Entity,
    dispute_report,
    listed_payment,
    listed_refund,
    refund_report,
    settlement_line,
    settlement_report,
)
from payments.gateways.reading import first_second, read, the_one, things

# A settlement report is asked for by its day, and the days are Indian ones.
_INDIA = ZoneInfo("Asia/Kolkata")
_PAGE, _REPORT_PAGE = 100, 1000
# No list is counted further down than this, unless so much happened within one second.
_FAR = 2000

# Which of the SDK's methods reads a list.
type _List = Callable[[Any], Callable[..., Any]]


class RazorpayLists:
    """The listing verbs of the port."""

    _calls: RazorpayCalls

    def list_payments(self, since: datetime, until: datetime) -> Iterator[ListedPayment]:
        return self._each(lambda client: client.payment.all, since, until, listed_payment)

    def list_refunds(self, since: datetime, until: datetime) -> Iterator[ListedRefund]:
        return self._each(lambda client: client.refund.all, since, until, listed_refund)

    def list_disputes(self, since: datetime, until: datetime) -> Iterator[DisputeReport]:
        return self._each(lambda client: client.dispute.all, since, until, dispute_report)

    def fetch_dispute(self, dispute_id: str) -> DisputeReport:
        dispute = self._calls.call(lambda client, options: client.dispute.fetch(dispute_id, data={}, **options))
        return read(lambda: dispute_report(dispute))

    def list_settlements(self, since: datetime, until: datetime) -> Iterator[Settlement]:
        paid = self._each(lambda client: client.settlement.all, since, until, _if_paid_out)
        return (settlement for settlement in paid if settlement is not None)

    def find_settlement(self, settlement_id: str) -> Settlement | None:
        # What looks otherwise is no settlement, and may be another address.
        if not settlement_id.startswith("setl_"):
            return None
        try:
            found = self._calls.call(lambda client, options: client.settlement.fetch(settlement_id, data={}, **options))
        except NotKnown:
            return None
        return read(lambda: _if_paid_out(the_one(found, settlement_id)))

    def list_settlement_lines(self, settlement: Settlement) -> Iterator[SettlementLine]:
        # The report is by the day of settling, which for a settlement made before midnight may be the next.
        day, net = settlement.created_at.astimezone(_INDIA), 0
        for line in self._report_of_day(day, settlement):
            net += line.net_minor
            yield line
        if net != settlement.amount_minor:
            yield from self._report_of_day(day + timedelta(days=1), settlement)

    def _refunds_of(self, payment_id: str) -> tuple[RefundReport, ...]:
        """Every refund of a payment, each once."""
        pages = self._pages(lambda client: partial(client.payment.fetch_multiple_refund, payment_id), _PAGE, {})
        found = (refund for page in pages for refund in read(partial(_reports, refund_report, page)))
        return tuple({refund.refund_id: refund for refund in found}.values())

    def _report_of_day(self, day: datetime, settlement: Settlement) -> Iterator[SettlementLine]:
        date = {"year": day.year, "month": day.month, "day": day.day}
        for page in self._pages(lambda client: client.settlement.report, _REPORT_PAGE, date):
            yield from read(partial(_lines_of, settlement, page))

    def _each[Result](
        self, list_: _List, since: datetime, until: datetime, report: Callable[[Entity], Result]
    ) -> Iterator[Result]:
        """Every entity created in the window. Both ends of Razorpay's own windows are in them."""
        windows = [(first_second(since), first_second(until) - 1)]
        while windows:
            first, last = windows.pop()
            if first > last:
                continue
            bounds = {"from": first, "to": last}
            pages = self._pages(list_, _PAGE, bounds)
            page = next(pages)
            if len(page) == _PAGE and first < last and self._page(list_, {**bounds, "count": 1, "skip": _FAR}):
                middle = (first + last) // 2
                windows += [(middle + 1, last), (first, middle)]
                continue
            for each in chain([page], pages):
                yield from read(partial(_reports, report, each))

    def _pages(self, list_: _List, count: int, query: dict[str, int]) -> Iterator[list[Entity]]:
        skip = 0
        while True:
            page = self._page(list_, {**query, "count": count, "skip": skip})
            yield page
            if len(page) < count:
                return
            skip += count

    def _page(self, list_: _List, query: dict[str, int]) -> list[Entity]:
        answer = self._calls.call(lambda client, options: list_(client)(data=query, **options))
        return read(lambda: things(answer))


def _reports[Result](report: Callable[[Entity], Result], page: list[Entity]) -> list[Result]:
    return [report(entity) for entity in page]


def _if_paid_out(settlement: Entity) -> Settlement | None:
    """One that is only created, or failed, has paid nothing out."""
    return settlement_report(settlement) if settlement["status"] == "processed" else None


def _lines_of(settlement: Settlement, page: list[Entity]) -> list[SettlementLine]:
    return [settlement_line(line, settlement) for line in page if line["settlement_id"] == settlement.settlement_id]
