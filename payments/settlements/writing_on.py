"""What was written off, and need not be given up after all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from payments import ledger
from payments.models import TransferKind
from payments.reconciliation.models import Discrepancy, DiscrepancyKind, Resolution


def write_on_again(
    gateway: str, kinds: Sequence[DiscrepancyKind], things: Iterable[str], *, but: int | None = None
) -> None:
    """Undo what was written off of these things, once, unless it is still this amount. In the caller's transaction."""
    given_up = Discrepancy.objects.filter(
        gateway=gateway, gateway_id__in=list(things), kind__in=kinds, resolution=Resolution.WRITTEN_OFF
    )
    if but is not None:
        given_up = given_up.exclude(amount_minor=but)
    for key in given_up.values_list("pk", flat=True):
        ledger.reverse(source=f"resolution-undone:{key}", of=[f"resolution:{key}"], kind=TransferKind.RESOLUTION)
