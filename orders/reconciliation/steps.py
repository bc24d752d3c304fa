"""What a reconciliation does, one thing at a time: the plan of a dry run and the report of a real one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from kit.money import Money
from payments.reconciliation.comparing import Difference
from payments.reconciliation.discrepancies import Finding
from payments.reconciliation.models import Discrepancy


class Deed(StrEnum):
    """One thing that is done, or would be."""

    HEAL = "heal"  # what the gateway says is taken over
    CAPTURE = "capture"  # held money that was meant to be taken is taken
    CHASE = "chase"  # what was cut off, or has an unknown outcome, is asked about or sent
    FILE = "file"  # put before a person
    CLEAR = "clear"  # what was put before a person is no longer so


@dataclass(frozen=True, slots=True)
class Step:
    """One deed, and what it is about. `why` is the kind of what differed; `amount` what the gateway has beyond us."""

    deed: Deed
    gateway: str
    why: str
    gateway_id: str
    subject_id: str = ""
    amount: str = ""

    def as_json(self) -> Mapping[str, str]:
        """The step for a machine."""
        return {
            "act": self.deed.value,
            "gateway": self.gateway,
            "kind": self.why,
            "gateway_id": self.gateway_id,
            "subject": self.subject_id,
            "difference": self.amount,
        }

    def __str__(self) -> str:
        about = f" of {self.subject_id}" if self.subject_id else ""
        by = f", by {self.amount}" if self.amount else ""
        return f"{self.deed:<8} {self.gateway:<8} {self.why}: {self.gateway_id}{about}{by}"


def of_difference(deed: Deed, difference: Difference) -> Step:
    """A step about something that differs."""
    return _step(deed, difference.finding, str(difference.request.subject_id) if difference.request else "")


def of_finding(finding: Finding) -> Step:
    """Something is put before a person."""
    return _step(Deed.FILE, finding, str(finding.ours.get("subject", "")))


def of_discrepancy(deed: Deed, discrepancy: Discrepancy) -> Step:
    """A step about what a person was to look at."""
    subject = str(discrepancy.ours.get("subject", ""))
    return Step(deed, discrepancy.gateway, discrepancy.kind, discrepancy.gateway_id, subject)


def _step(deed: Deed, finding: Finding, subject_id: str) -> Step:
    amount = str(Money(finding.amount_minor, finding.currency)) if finding.amount_minor else ""
    return Step(deed, finding.gateway, finding.kind.value, finding.gateway_id, subject_id, amount)
