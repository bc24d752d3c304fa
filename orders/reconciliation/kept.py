"""Orders, merchants' too, that keep money which they may not keep, and of which nothing is on its way back: a gateway
has failed to send it back too often, or a bank disputes the payment. Nothing heals that by itself, so a person is told.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from itertools import batched
from typing import Any

from django.db import connection, transaction

from kit.ids import parse_id
from orders.reconciliation.steps import Step
from orders.reconciliation.work import BATCH, Work
from payments.models import OwedTo
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, ProposedAct

# What of each payment is with us for good: neither back nor promised back, nor with the payer's bank. Money in another
# currency counts for nothing, so none of it may be kept. Told once, of the gateway of the newest payment that has any.
_KEPT = """
WITH kept AS (
    SELECT o.id, o.name, o.owed_to, o.status, o.total_minor, a.currency, a.currency <> o.currency AS is_strange,
           a.gateway, a.gateway_payment_id, a.created_at, f.failed, d.open, coalesce(f.lessened, 0) AS lessened,
           a.captured_minor - coalesce(f.promised, 0) - coalesce(d.withdrawn, 0) AS minor
    FROM (
        SELECT id, number::text AS name, 'receivable' AS owed_to, status, total_minor, currency,
               collected_minor - refunded_minor
               > CASE WHEN status = 'cancelled' THEN 0 ELSE total_minor END AS is_suspect
        FROM orders_order
        UNION ALL
        SELECT id, reference, 'merchant_funds', CASE WHEN given_up THEN 'cancelled' ELSE status END, amount_minor,
               currency, attempts > 1 OR given_up
        FROM merchants_merchantorder
    ) o JOIN payments_paymentrequest r ON r.subject_id = o.id
    JOIN payments_paymentattempt a ON a.request_id = r.id AND a.captured_minor > 0
    LEFT JOIN LATERAL (
        SELECT sum(amount_minor - excess_minor) FILTER (WHERE state <> 'failed') AS promised,
               sum(amount_minor - surplus_minor - excess_minor)
                   FILTER (WHERE state NOT IN ('requested', 'failed')) AS lessened,
               count(*) FILTER (WHERE state = 'failed') AS failed
        FROM payments_refund WHERE attempt_id = a.id
    ) f ON true
    LEFT JOIN LATERAL (
        SELECT sum(withdrawn_minor) AS withdrawn, count(*) FILTER (WHERE state NOT IN ('won', 'lost')) AS open
        FROM payments_dispute WHERE attempt_id = a.id
    ) d ON true
    WHERE {which}
)
SELECT id, name, owed_to, status, currency, is_strange, sum(minor)::bigint,
       CASE WHEN is_strange OR status = 'cancelled' THEN 0 ELSE total_minor - sum(lessened) END::bigint,
       (array_agg(gateway_payment_id ORDER BY created_at DESC) FILTER (WHERE minor > 0))[1],
       sum(failed)::bigint, sum(open)::bigint
FROM kept GROUP BY id, name, owed_to, status, total_minor, currency, is_strange
HAVING sum(minor) > CASE WHEN is_strange OR status = 'cancelled' THEN 0 ELSE total_minor - sum(lessened) END
   AND (array_agg(gateway ORDER BY created_at DESC) FILTER (WHERE minor > 0))[1] = %s
ORDER BY id
"""
_ANY = "(o.is_suspect OR a.currency <> o.currency)"
_THIS = "o.id = %s"


def find_all(work: Work) -> Iterator[Step]:
    """Put every such order of the gateway before a person."""
    for batch in batched(_read(work, _ANY), BATCH):
        yield from work.file(batch)


def review(work: Work, discrepancy: Discrepancy) -> Iterator[Step]:
    """Look again at an order."""
    subject_id = parse_id(discrepancy.ours.get("subject"))
    if subject_id is not None:
        found = _read(work, _THIS, subject_id)
        yield from work.file([each for each in found if each.gateway_id == discrepancy.gateway_id])


def _read(work: Work, which: str, *values: uuid.UUID) -> list[Finding]:
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # One pass over the orders, without a lock on anybody's rows: as long as it takes.
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(_KEPT.format(which=which), [*values, work.name])
        return [_finding(work, *row) for row in cursor.fetchall()]


def _finding(
    work: Work,
    order_id: uuid.UUID,
    name: str | None,
    owed_to: str,
    status: str,
    currency: str,
    is_strange: bool,
    kept: int,
    may_keep: int,
    payment: str,
    failed: int,
    disputes: int,
) -> Finding:
    ours: dict[str, Any] = {
        "subject": str(order_id),
        **({"order": name, "owed_to": owed_to} if owed_to == OwedTo.MERCHANT_FUNDS else {"order": int(name or 0)}),
        "status": status,
        "payment": payment,
        "kept_minor": kept,
        "may_keep_minor": may_keep,
        "refunds_failed": failed,
        "open_disputes": disputes,
    }
    return Finding(
        kind=DiscrepancyKind.NOT_SENT_BACK,
        gateway=work.name,
        gateway_id=f"{order_id}:{currency}" if is_strange else str(order_id),
        currency=currency,
        amount_minor=kept - may_keep,
        ours=ours,
        theirs={},
        # While a bank looks into it, gateways send nothing back.
        proposed=ProposedAct.LOOK_AGAIN if disputes else ProposedAct.SEND_BACK,
    )
