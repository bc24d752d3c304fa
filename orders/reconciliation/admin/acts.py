"""What staff may do about a discrepancy: each act with its form, when it makes sense, and how it is done.

The acts themselves are `payments.reconciliation.resolving`, `payments.settlements.taking_back` and
`orders.reconciliation.reviewing`; nothing is decided here. None of them may be called inside a transaction.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from orders.reconciliation.reviewing import look_again
from payments.reconciliation import resolving
from payments.reconciliation.models import PAYMENT_KINDS, Discrepancy, DiscrepancyState, Resolution
from payments.settlements.taking_back import can_be_taken_back, take_back


class ReasonForm(forms.Form):
    """Why it is dealt with like that."""

    reason = forms.CharField(
        max_length=500, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}), help_text="Stays in the audit."
    )


@dataclass(frozen=True, slots=True)
class Act:
    """One button. `perform` returns what to say when it is done; raises DomainError or GatewayError when it is not."""

    title: str
    explanation: str
    makes_sense: Callable[[Discrepancy], bool]
    perform: Callable[[Discrepancy, Mapping[str, Any], uuid.UUID], str]
    form: type[forms.Form] = forms.Form
    is_drastic: bool = False


def _is_open(discrepancy: Discrepancy) -> bool:
    return discrepancy.state == DiscrepancyState.OPEN


def _assign(discrepancy: Discrepancy, told: Mapping[str, Any], user_id: uuid.UUID) -> str:
    resolving.assign(discrepancy.pk, to=user_id)
    return "It is yours."


def _look(discrepancy: Discrepancy, told: Mapping[str, Any], user_id: uuid.UUID) -> str:
    is_gone = look_again(discrepancy)
    resolving.note_looked(discrepancy, by=user_id)
    return "It is gone: both sides agree." if is_gone else "It is still so."


def _resolve(as_: Resolution, discrepancy: Discrepancy, told: Mapping[str, Any], user_id: uuid.UUID) -> str:
    resolving.resolve(discrepancy.pk, as_=as_, by=user_id, reason=told["reason"])
    return f"{as_.label}."


def _take_back(discrepancy: Discrepancy, told: Mapping[str, Any], user_id: uuid.UUID) -> str:
    take_back(discrepancy.pk, by=user_id, reason=told["reason"])
    return "Nothing of it is booked any more."


ACTS: Mapping[str, Act] = {
    "assign": Act(
        title="Assign to me",
        explanation="Others see that you are at it.",
        makes_sense=_is_open,
        perform=_assign,
    ),
    "look": Act(
        title="Look again",
        explanation="Asks the gateway how it stands now, and takes over what is certain. If both sides agree then, "
        "it is gone.",
        makes_sense=lambda discrepancy: _is_open(discrepancy) and discrepancy.kind in PAYMENT_KINDS,
        perform=_look,
    ),
    "accept": Act(
        title="Accept as known",
        explanation="It stays as it is, and is right so. It is not filed again unless something about it changes.",
        makes_sense=_is_open,
        perform=partial(_resolve, Resolution.ACCEPTED),
        form=ReasonForm,
    ),
    "close": Act(
        title="Resolve",
        explanation="It has been put right elsewhere. If a reconciliation still finds it, it is filed again.",
        makes_sense=_is_open,
        perform=partial(_resolve, Resolution.CLOSED),
        form=ReasonForm,
    ),
    "take_back": Act(
        title="Take back",
        explanation="Only a file has said it, and the gateway has no such settlement: its lines count no more, and the "
        "ledger posts back what they had moved. Should the gateway pay it out after all, a reconciliation books it.",
        makes_sense=lambda discrepancy: _is_open(discrepancy) and can_be_taken_back(discrepancy),
        perform=_take_back,
        form=ReasonForm,
        is_drastic=True,
    ),
    "write_off": Act(
        title="Write off",
        explanation="The ledger gives the amount up: it leaves suspense for good.",
        makes_sense=lambda discrepancy: _is_open(discrepancy) and resolving.can_be_written_off(discrepancy),
        perform=partial(_resolve, Resolution.WRITTEN_OFF),
        form=ReasonForm,
        is_drastic=True,
    ),
}
REFUSALS: Mapping[str, str] = {
    "not_open": "Somebody has dealt with it already.",
    "no_reason": "Say why.",
    "not_in_suspense": "The amount does not lie in suspense.",
    "not_booked": "Nothing of it is booked.",
}
