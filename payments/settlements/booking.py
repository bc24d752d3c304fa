"""What was told of a settlement becomes ours: its row, its lines, their postings.

In transactions of so many lines each, every one of which leaves books that add up and may be the last: whoever comes
after a crash goes on where it stopped. Locks the settlement's row and nothing else.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from kit import clock
from kit.crashpoints import Seam, crashpoint
from payments.settlements import contradictions, filing, lacking, staging, superseding
from payments.settlements.matching import OURS, SUMS
from payments.settlements.models import Settlement, SettlementState, Source
from payments.settlements.posting import LineTotals, count_in, post_lines
from payments.settlements.staging import Header

_WRITTEN = (
    "amount_minor",
    "bank_reference",
    "paid_out_at",
    "state",
    "lines_count",
    "net_minor",
    "fee_minor",
    "tax_minor",
    "transfers",
)

_KEEP_LINES = f"""
WITH kept AS (
    INSERT INTO settlements_settlementline AS l (settlement_id, gateway, line_id, kind, wire_kind, entity_id,
        payment_id, currency, gross_minor, fee_minor, tax_minor, net_minor, settled_at, attempt_id, refund_id,
        dispute_id, finding, explained_minor, told_by)
    SELECT %(settlement)s, l.gateway, l.line_id, l.kind, l.wire_kind, l.entity_id, l.payment_id, l.currency,
        l.gross_minor, l.fee_minor, l.tax_minor, l.net_minor, l.settled_at, a.id, r.id, d.id, found.finding,
        found.explained_minor, l.source
    FROM told_line l {OURS}
    WHERE {staging.CHUNK} AND l.problem = '' AND NOT l.is_payout AND l.currency = %(currency)s
    ORDER BY l.number
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT {SUMS}, min(l.id), max(l.id) FROM kept l
"""  # noqa: S608 - put together of constants of ours


def book(gateway: str, header: Header, *, source: Source) -> int:
    """Keep and post what was told of a settlement, and put before a person what does not add up; how many lines are
    new. Harmless to repeat.

    Where the gateway's own lines are there to their end already, nothing of a file is booked.
    """
    new = 0
    for first, last in staging.chunks(gateway, header.settlement_id, source):
        with transaction.atomic():
            settlement = _locked(gateway, header, source)
            if source == Source.FILE and settlement.read_at is not None:
                return new
            _take_currency(settlement, header)
            chunk = _chunk(settlement, source, first, last)
            if source == Source.API:
                superseding.supersede_told(settlement, chunk)
            new += _keep(settlement, header, chunk)
            if source == Source.API:
                contradictions.file_told(chunk)
        crashpoint(Seam.SETTLEMENT_BOOKED)
    with transaction.atomic():
        settlement = _locked(gateway, header, source)
        _take_currency(settlement, header)
        _keep(settlement, header, None)
        if source == Source.API:
            _end_reading(settlement)
        filing.file_sum(settlement, header)
    crashpoint(Seam.SETTLEMENT_BOOKED)
    return new


def is_read(gateway: str, header: Header) -> bool:
    """Whether the gateway's lines of a settlement are ours, to their end, and add up to what it says."""
    return Settlement.objects.filter(
        gateway=gateway,
        gateway_settlement_id=header.settlement_id,
        state=SettlementState.COMPLETE,
        amount_minor=header.amount_minor,
        read_at__isnull=False,
    ).exists()


def _end_reading(settlement: Settlement) -> None:
    """The gateway's own lines are there to their end."""
    superseding.supersede_untold(settlement)
    if settlement.read_at is not None:
        lacking.file_no_longer_listed(settlement)
    lacking.clear_not_paid_out(settlement.gateway, [settlement.gateway_settlement_id])
    settlement.read_at = clock.now()
    settlement.save(update_fields=["read_at"])


def _locked(gateway: str, header: Header, source: Source) -> Settlement:
    named = Settlement.objects.filter(gateway=gateway, gateway_settlement_id=header.settlement_id)
    return named.select_for_update().first() or Settlement.objects.create(
        gateway=gateway,
        gateway_settlement_id=header.settlement_id,
        currency=header.currency,
        bank_reference=header.bank_reference,
        paid_out_at=header.paid_out_at,
        source=source,
        state=SettlementState.UNCONFIRMED,
    )


def _chunk(settlement: Settlement, source: Source, first: int, last: int) -> dict[str, Any]:
    """What names a chunk of the told lines of a settlement to the statements over them."""
    return {
        "settlement": settlement.pk,
        "gateway": settlement.gateway,
        "name": settlement.gateway_settlement_id,
        "currency": settlement.currency,
        "source": source.value,
        "first": first,
        "last": last,
    }


def _keep(settlement: Settlement, header: Header, chunk: dict[str, Any] | None) -> int:
    """Keep a chunk's lines that are new, if there is a chunk, and what the gateway says it has paid out, if that is;
    post both by one transfer. Returns how many lines are new."""
    paid_out = _learn(settlement, header)
    lines, first, last = _keep_lines(chunk) if chunk else (LineTotals(), None, None)
    count_in(settlement, lines)
    post_lines(settlement, lines, paid_out_minor=paid_out)
    settlement.save(update_fields=_WRITTEN)
    if first is not None and last is not None:
        filing.file_unmatched(settlement.pk, first=first, last=last)
    return lines.count


def _keep_lines(chunk: dict[str, Any]) -> tuple[LineTotals, int | None, int | None]:
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_LINES, chunk)
        *totals, first, last = cursor.fetchone()
    return LineTotals(*totals), first, last


def _take_currency(settlement: Settlement, header: Header) -> None:
    """A file alone may have named another currency than the gateway's."""
    if settlement.amount_minor is None and header.amount_minor is not None and header.currency != settlement.currency:
        superseding.supersede_all(settlement)
        settlement.currency = header.currency
        settlement.save(update_fields=["currency"])


def _learn(settlement: Settlement, header: Header) -> int:
    """Note what the gateway says of a settlement that only a file had named; what it has paid out, if that is news."""
    if settlement.amount_minor is not None or header.amount_minor is None or header.currency != settlement.currency:
        return 0
    settlement.amount_minor, settlement.paid_out_at = header.amount_minor, header.paid_out_at
    settlement.bank_reference = header.bank_reference or settlement.bank_reference
    return header.amount_minor
