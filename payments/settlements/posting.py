"""What settlements mean in the ledger.

What a gateway pays out leaves its clearing account for the bank and for its fees. Whatever nobody can explain goes
through suspense: lines of nothing of ours, and the difference between a settlement and its lines. As long as the
gateway has not said what it paid out, what its lines add up to waits there, too.

The entries name no payment: of a payment the clearing account tells what was collected, not what was paid out.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from payments import ledger
from payments.ledger import Leg
from payments.models import Account, TransferKind
from payments.settlements.models import Settlement, SettlementState


@dataclass(frozen=True, slots=True)
class LineTotals:
    """What lines add up to, in minor units. gross = explained + unexplained + own_fee + own_tax: the last two are of
    lines that are fees themselves."""

    count: int = 0
    net: int = 0
    fee: int = 0
    tax: int = 0
    explained: int = 0
    unexplained: int = 0
    own_fee: int = 0
    own_tax: int = 0

    def __neg__(self) -> LineTotals:
        return LineTotals(*(-each for each in astuple(self)))


def count_in(settlement: Settlement, lines: LineTotals) -> None:
    """Lines have become known: the settlement's totals and state, which the caller saves."""
    settlement.lines_count += lines.count
    settlement.net_minor += lines.net
    settlement.fee_minor += lines.fee - lines.own_fee
    settlement.tax_minor += lines.tax - lines.own_tax
    if settlement.amount_minor is None:
        settlement.state = SettlementState.UNCONFIRMED
    else:
        adds_up = settlement.amount_minor == settlement.net_minor
        settlement.state = SettlementState.COMPLETE if adds_up else SettlementState.DIFFERS


def post_lines(settlement: Settlement, lines: LineTotals, *, paid_out_minor: int) -> None:
    """Lines have become known, and, unless zero, what was paid out. In the transaction that writes them, under the
    settlement's lock; counts the transfer on the settlement, which the caller saves."""
    _post(
        settlement,
        Leg(Account.BANK, paid_out_minor),
        Leg(Account.GATEWAY_FEES, lines.fee - lines.own_fee),
        Leg(Account.FEE_TAX, lines.tax - lines.own_tax),
        Leg(ledger.clearing(settlement.gateway), -lines.explained),
        Leg(Account.SUSPENSE, lines.net - paid_out_minor - lines.unexplained),
    )


def post_explained(settlement: Settlement, minor: int) -> None:
    """Lines that were kept before are explained by so much more now."""
    _post(settlement, Leg(Account.SUSPENSE, minor), Leg(ledger.clearing(settlement.gateway), -minor))


def _post(settlement: Settlement, *legs: Leg) -> None:
    number = settlement.transfers + 1
    if ledger.post(
        source=f"settlement:{settlement.gateway}:{settlement.gateway_settlement_id}:{number}",
        kind=TransferKind.SETTLEMENT,
        currency=settlement.currency,
        legs=legs,
        memo=settlement.bank_reference,
    ):
        settlement.transfers = number
