"""Credit that staff give to customers for nothing, and take from them again: asked for, approved, refused, revoked.

Above a limit a second person has to approve, whoever calls these acts; nobody grants credit to themselves, or agrees to
it. Locks the account of whoever grants, so that two of their grants at once count together, then the grant, then the
customer's credit.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from customers.models import Customer, User
from kit import clock
from kit.errors import DomainError, Fault
from kit.money import Money
from orders import second_person
from orders.actors import Actor
from orders.approval_limits import limit_minor
from orders.models import CreditGrant, CreditRevocation
from payments import ledger
from payments.credits import terms
from payments.ledger import Leg
from payments.models import Account, TransferKind

APPROVE = "orders.approve_credit"
COUNTS_FOR = timedelta(days=30)
"""What one person grants a customer by themselves within this time counts together: many small grants are one large
one."""


@dataclass(frozen=True, slots=True)
class GrantWish:
    """What somebody wishes to grant, good until `expires_at` or for ever. `key` names this one wish: sent twice, it is
    one grant."""

    customer_id: uuid.UUID
    amount: Money
    reason: str
    expires_at: datetime | None = None
    key: uuid.UUID | None = None


def grant_credit(wish: GrantWish, *, actor: Actor) -> CreditGrant:
    """The customer has the credit, or it waits for a second person. The same `wish.key` again changes nothing.

    Raises Customer.DoesNotExist, and DomainError: `grant_amount_invalid`, `grant_in_the_past`, `own_account`, and
    `key_used` for a key of another grant; then nothing was written.
    """
    with transaction.atomic(durable=True):
        if actor.user_id is not None:
            list(User.objects.select_for_update(no_key=True).filter(pk=actor.user_id).values_list("pk"))
        known = CreditGrant.objects.filter(request_key=wish.key).first() if wish.key else None
        if known is not None:
            _check_key(known, wish)
            return known
        _check(wish, actor)
        grant = CreditGrant.objects.create(
            customer_id=wish.customer_id,
            currency=wish.amount.currency,
            amount_minor=wish.amount.minor,
            reason=wish.reason,
            expires_at=wish.expires_at,
            request_key=wish.key,
            requested_by_id=actor.user_id,
            requested_at=clock.now(),
            needs_approval=_needs_approval(wish, actor),
        )
        if grant.is_in_force:
            _post(grant)
    return grant


def approve_grant(grant_id: uuid.UUID, *, actor: Actor) -> CreditGrant:
    """A second person has agreed: the customer has the credit.

    Raises CreditGrant.DoesNotExist and DomainError: `approval_not_allowed` without the right, `second_person_needed`
    for whoever asked for it, `own_account`, `already_decided`, and `grant_in_the_past` when it would be over at once.
    """
    with transaction.atomic(durable=True):
        grant = _to_decide(grant_id)
        if second_person.check_right(actor, APPROVE) == grant.requested_by_id:
            raise DomainError([Fault("second_person_needed", {"what": "grant"})])
        _refuse_own(grant.customer_id, actor)
        _refuse_past(grant.expires_at)
        grant.approved_by_id, grant.decided_at = actor.user_id, clock.now()
        grant.save(update_fields=["approved_by", "decided_at"])
        _post(grant)
    return grant


def refuse_grant(grant_id: uuid.UUID, *, actor: Actor, reason: str) -> CreditGrant:
    """The credit will not be given; whoever asked for it may take that back.

    Raises CreditGrant.DoesNotExist and DomainError: `approval_not_allowed`, `already_decided`.
    """
    with transaction.atomic(durable=True):
        grant = _to_decide(grant_id)
        if actor.user_id is None or actor.user_id != grant.requested_by_id:
            second_person.check_right(actor, APPROVE)
        grant.refused_by_id, grant.decided_at = actor.user_id, clock.now()
        grant.refused_because = reason[:200]
        grant.save(update_fields=["refused_by", "decided_at", "refused_because"])
    return grant


def revoke_grant(
    grant_id: uuid.UUID, *, amount: Money, reason: str, actor: Actor, key: uuid.UUID | None = None
) -> CreditRevocation:
    """So much of a grant is not the customer's any more; never more than is left of that very grant.

    Raises CreditGrant.DoesNotExist and DomainError: `grant_not_in_force`, `grant_amount_invalid`, `revoked_too_much`
    when the rest is spent, over, or revoked already, and `key_used` for a key of another revocation.
    """
    with transaction.atomic(durable=True):
        grant = CreditGrant.objects.select_for_update().get(pk=grant_id)
        known = CreditRevocation.objects.filter(request_key=key).first() if key else None
        if known is not None:
            if (known.grant_id, known.amount_minor) != (grant.pk, amount.minor):
                raise DomainError([Fault("key_used", at=("key",))])
            return known
        if not grant.is_in_force:
            raise DomainError([Fault("grant_not_in_force")])
        if amount.currency != grant.currency or amount.minor <= 0:
            raise DomainError([Fault("grant_amount_invalid", at=("amount",))])
        terms.lock(grant.customer_id, grant.currency)
        left = left_of(grant)
        if amount.minor > left.minor:
            raise DomainError([Fault("revoked_too_much", {"left": left}, at=("amount",))])
        revocation = CreditRevocation.objects.create(
            grant=grant, amount_minor=amount.minor, reason=reason, request_key=key, revoked_by_id=actor.user_id
        )
        _post_revoked(grant, revocation)
    return revocation


def left_of(grant: CreditGrant) -> Money:
    """What of a grant is neither spent nor over nor revoked. One statement."""
    return Money(terms.left_minor(_source(grant)), grant.currency)


def _source(grant: CreditGrant) -> str:
    return f"credit-granted:{grant.pk}"


def _post(grant: CreditGrant) -> None:
    whose = grant.customer_id
    ledger.post(
        source=_source(grant),
        kind=TransferKind.CREDIT_GRANTED,
        currency=grant.currency,
        memo=grant.reason,
        legs=(
            Leg(Account.CREDITS_GRANTED, grant.amount_minor),
            Leg(Account.CUSTOMER_CREDIT, -grant.amount_minor, customer_id=whose, expires_at=grant.expires_at),
        ),
    )


def _post_revoked(grant: CreditGrant, revocation: CreditRevocation) -> None:
    legs = [Leg(Account.CREDITS_GRANTED, -revocation.amount_minor)]
    rest = revocation.amount_minor
    for term in terms.brought_by(_source(grant)):
        part = min(rest, term.left_minor)
        legs.append(Leg(Account.CUSTOMER_CREDIT, part, customer_id=grant.customer_id, term_id=term.term_id))
        rest -= part
    ledger.post(
        source=f"credit-revoked:{revocation.pk}",
        kind=TransferKind.CREDIT_REVOKED,
        currency=grant.currency,
        memo=revocation.reason,
        legs=legs,
    )


def _check(wish: GrantWish, actor: Actor) -> None:
    if wish.amount.minor <= 0:
        raise DomainError([Fault("grant_amount_invalid", at=("amount",))])
    _refuse_past(wish.expires_at)
    _refuse_own(wish.customer_id, actor)


def _check_key(known: CreditGrant, wish: GrantWish) -> None:
    same = (known.customer_id, known.amount, known.reason, known.expires_at)
    if same != (wish.customer_id, wish.amount, wish.reason, wish.expires_at):
        raise DomainError([Fault("key_used", at=("key",))])


def _refuse_past(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= clock.now():
        raise DomainError([Fault("grant_in_the_past", at=("last_day",))])


def _refuse_own(customer_id: uuid.UUID, actor: Actor) -> None:
    if Customer.objects.get(pk=customer_id).user_id == actor.user_id:
        raise DomainError([Fault("own_account", at=("customer",))])


def _needs_approval(wish: GrantWish, actor: Actor) -> bool:
    limit = limit_minor(settings.CREDIT_APPROVAL_ABOVE, wish.amount.currency)
    if limit is None:
        return False
    alone = CreditGrant.objects.filter(
        customer_id=wish.customer_id,
        currency=wish.amount.currency,
        requested_by=actor.user_id,
        needs_approval=False,
        requested_at__gt=clock.now() - COUNTS_FOR,
    )
    granted: int = alone.aggregate(sum=Sum("amount_minor", default=0))["sum"]
    return granted + wish.amount.minor > limit


def _to_decide(grant_id: uuid.UUID) -> CreditGrant:
    """The grant, locked; raises DomainError (`already_decided`) unless a second person has yet to decide."""
    grant = CreditGrant.objects.select_for_update().get(pk=grant_id)
    if not grant.is_pending:
        raise DomainError([Fault("already_decided", {"what": "grant"})])
    return grant
