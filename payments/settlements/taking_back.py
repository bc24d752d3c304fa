"""Taking back what a file alone has booked: the gateway, when asked, has no such settlement.

Done by a person, with a reason: the gateway says the same when we ask it with the keys of another account.
"""

from __future__ import annotations

import uuid

from django.db import transaction
from django.db.models import QuerySet

from payments.reconciliation import discrepancies
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, DiscrepancyState, Resolution
from payments.reconciliation.resolving import NotResolvable, resolve_within
from payments.settlements import filing, superseding
from payments.settlements.models import Settlement, SettlementState
from payments.settlements.writing_on import write_on_again

_SETTLED = (DiscrepancyKind.FILE_LACKS_LINES, DiscrepancyKind.SETTLEMENT_SUM_DIFFERS)


def can_be_taken_back(discrepancy: Discrepancy) -> bool:
    """Whether it is about a settlement that only a file names, and of which something is booked."""
    return discrepancy.kind == DiscrepancyKind.FILE_SETTLEMENT_UNKNOWN and _booked(discrepancy).exists()


def take_back(discrepancy_id: uuid.UUID, *, by: uuid.UUID, reason: str) -> Discrepancy:
    """Nothing of the settlement is booked any more: its lines count no more, what was posted or written off of them is
    posted back, and the discrepancy is resolved. Should the gateway pay it out after all, a reconciliation books it.

    Raises NotResolvable (`not_open`, `no_reason`, `not_booked`) and Discrepancy.DoesNotExist. Locks the settlement,
    then the discrepancy.
    """
    with transaction.atomic(durable=True):
        discrepancy = Discrepancy.objects.get(pk=discrepancy_id)
        if discrepancy.state != DiscrepancyState.OPEN:
            raise NotResolvable("not_open", discrepancy)
        settlement = _booked(discrepancy).select_for_update().first()
        if discrepancy.kind != DiscrepancyKind.FILE_SETTLEMENT_UNKNOWN or settlement is None:
            raise NotResolvable("not_booked", discrepancy)
        superseding.supersede_all(settlement)
        settlement.state = SettlementState.TAKEN_BACK
        settlement.save(update_fields=["state"])
        name = settlement.gateway_settlement_id
        write_on_again(settlement.gateway, filing.SUM_KINDS, [name])
        for kind in _SETTLED:
            discrepancies.clear(kind=kind, gateway=settlement.gateway, gateway_ids=[name])
        return resolve_within(discrepancy_id, as_=Resolution.TAKEN_BACK, by=by, reason=reason)


def _booked(discrepancy: Discrepancy) -> QuerySet[Settlement]:
    return Settlement.objects.filter(
        gateway=discrepancy.gateway,
        gateway_settlement_id=discrepancy.gateway_id,
        state=SettlementState.UNCONFIRMED,
        lines_count__gt=0,
    )
