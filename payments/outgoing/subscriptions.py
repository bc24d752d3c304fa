"""Subscribing: admit, rotate the secret, disable, enable. A secret is returned once, by the act that makes it."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from django.db import transaction

from kit import clock
from payments.outgoing import targets
from payments.outgoing.models import Subscription, is_overlapping
from payments.outgoing.targets import Resolve
from payments.sealing import Sealer

# Recognised by `kit.secrets`, wherever one turns up by mistake.
_PREFIX = "whsec_"
_sealer = Sealer("payments.outgoing.sealing")
OVERLAP = timedelta(hours=24)


def check_target(url: str, *, resolve: Resolve = targets.look_up) -> list[str]:
    """The target's addresses. Raises TargetRefused if nothing may be sent there, OSError if it has no address now."""
    return targets.pinned(targets.allowed(url), resolve)


def admit(subscription: Subscription, *, secret: str = "", resolve: Resolve = targets.look_up) -> str:
    """The new subscription is saved and active; returns its secret, which nobody can read again: a new one, unless one
    is brought along.

    Raises TargetRefused or OSError, and then nothing was written.
    """
    check_target(subscription.url, resolve=resolve)
    secret = secret or _new_secret()
    subscription.sealed_secret = _sealer.seal(secret)
    subscription.save(force_insert=True)
    return secret


def rotate(subscription_id: int, *, instead_of: str | None = None) -> str | None:
    """A new secret signs from now on, beside the present one for OVERLAP; returns the new one, shown this once.

    With `instead_of`, the fingerprint of the secret that the caller knows of, a second click of the same button changes
    nothing: None. A third secret never signs: rotated again within OVERLAP, the oldest is out at once.
    """
    with transaction.atomic():
        subscription = Subscription.objects.select_for_update(no_key=True).get(pk=subscription_id)
        if instead_of is not None and instead_of != fingerprint(subscription):
            return None
        secret = _new_secret()
        subscription.sealed_previous_secret = subscription.sealed_secret
        subscription.previous_secret_until = clock.now() + OVERLAP
        subscription.sealed_secret = _sealer.seal(secret)
        subscription.save(update_fields=["sealed_secret", "sealed_previous_secret", "previous_secret_until"])
    return secret


def fingerprint(subscription: Subscription) -> str:
    """Tells the secrets of a subscription apart and says nothing about them: when the last one was replaced."""
    until = subscription.previous_secret_until
    return until.isoformat() if until else ""


def signing_secrets(subscription: Subscription) -> list[str]:
    """The secrets that sign now, the newest first. Raises Unsealable."""
    sealed = [subscription.sealed_secret]
    if is_overlapping(subscription, clock.now()):
        sealed.append(subscription.sealed_previous_secret)
    return [_sealer.unseal(one) for one in sealed]


def signing_secret_at(subscription: Subscription, moment: datetime) -> str:
    """The one secret that signs what happened at that moment: the newest, and until the end of a rotation the previous
    one for what happened before it. Raises Unsealable."""
    until = subscription.previous_secret_until
    is_before = until is not None and moment < until - OVERLAP
    secrets_ = signing_secrets(subscription)
    return secrets_[-1 if is_before else 0]


def disable(subscription_id: int, *, because: str) -> bool:
    """It hears nothing from now on; False if it did not before. What waits for it is kept, for as long as usual."""
    active = Subscription.objects.filter(pk=subscription_id, active=True)
    return bool(active.update(active=False, disabled_at=clock.now(), disabled_because=because[:200]))


def enable(subscription_id: int) -> bool:
    """It hears again, with a clean slate, of what happens and of what still waits; False if it did already."""
    disabled = Subscription.objects.filter(pk=subscription_id, active=False)
    return bool(
        disabled.update(
            active=True,
            disabled_at=None,
            disabled_because="",
            failures_in_a_row=0,
            failing_since=None,
            paused_until=None,
        )
    )


def reseal() -> None:
    """Every secret that can still be opened is sealed with the newest key; a previous one whose time is over is gone.

    After this a key that was replaced may leave SECRET_KEY. Locks all subscriptions for a moment.
    """
    with transaction.atomic():
        rows = list(Subscription.objects.select_for_update(no_key=True).order_by("pk"))
        for row in rows:
            row.sealed_secret = _sealer.reseal(row.sealed_secret)
            kept = is_overlapping(row, clock.now())
            row.sealed_previous_secret = _sealer.reseal(row.sealed_previous_secret) if kept else ""
        Subscription.objects.bulk_update(rows, ["sealed_secret", "sealed_previous_secret"], batch_size=500)


def _new_secret() -> str:
    return _PREFIX + secrets.token_hex(32)
