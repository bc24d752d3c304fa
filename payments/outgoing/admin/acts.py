"""What staff may do to a subscription: each act with its form, when it makes sense, and how it is done.

The acts themselves are in `payments.outgoing.subscriptions`; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from payments.outgoing import subscriptions
from payments.outgoing.models import Subscription


class ActForm(forms.Form):
    """What an act has to be told; knows the subscription it is for."""

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        self.subscription = subscription
        super().__init__(*args, **kwargs)


class RotateForm(ActForm):
    """`instead_of` names the secret that is replaced: sent twice, it is replaced once."""

    instead_of = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, subscription=subscription, **kwargs)
        self.fields["instead_of"].initial = subscriptions.fingerprint(subscription)


class DisableForm(ActForm):
    reason = forms.CharField(max_length=150, widget=UnfoldAdminTextInputWidget, help_text="Shown beside it.")


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act."""

    says: str
    changed: bool
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One button."""

    title: str
    explanation: str
    makes_sense: Callable[[Subscription], bool]
    perform: Callable[[Subscription, Mapping[str, Any]], Done]
    form: type[ActForm] = ActForm
    is_drastic: bool = False


def _rotate(row: Subscription, told: Mapping[str, Any]) -> Done:
    secret = subscriptions.rotate(row.pk, instead_of=told["instead_of"])
    row.refresh_from_db()
    return Done("The secret had just been replaced; nothing was changed.", secret is not None, secret)


def _disable(row: Subscription, told: Mapping[str, Any]) -> Done:
    changed = subscriptions.disable(row.pk, because=f"By staff: {told['reason']}")
    return Done("It hears nothing from now on." if changed else "It was disabled already.", changed)


def _enable(row: Subscription, told: Mapping[str, Any]) -> Done:
    changed = subscriptions.enable(row.pk)
    return Done("It hears of what happens from now on." if changed else "It was enabled already.", changed)


ACTS: Mapping[str, Act] = {
    "rotate": Act(
        title="Replace the secret",
        explanation="A new secret signs from now on and is shown once. For 24 hours the present one signs as well; one "
        "that was replaced before no longer does.",
        makes_sense=lambda row: True,
        perform=_rotate,
        form=RotateForm,
    ),
    "disable": Act(
        title="Disable",
        explanation="It hears nothing until it is enabled again. What waits for it is kept for three days.",
        makes_sense=lambda row: row.active,
        perform=_disable,
        form=DisableForm,
        is_drastic=True,
    ),
    "enable": Act(
        title="Enable",
        explanation="It hears of what happens from now on, and of what still waits for it.",
        makes_sense=lambda row: not row.active,
        perform=_enable,
    ),
}
