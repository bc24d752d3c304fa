"""A refund that its gateway will not send, given up by a person. Asks the gateway first, outside any transaction."""

from __future__ import annotations

import uuid

from kit.errors import DomainError, Fault
from orders import subjects
from orders.actors import GATEWAY, Actor
from orders.second_person import APPROVE_REFUND, check_right
from payments import collecting, refunding
from payments.models import Refund, RefundState

_GIVEN_UP = (RefundState.APPROVED, RefundState.UNKNOWN)


def give_up_refund(refund_id: uuid.UUID, *, actor: Actor, reason: str) -> Refund:
    """The gateway is not asked for this refund again, and its money counts as kept: people may send it back anew, or
    give it as credit; by itself it is not promised again.

    Raises Refund.DoesNotExist, GatewayError when the gateway cannot be asked what it knows of it, and DomainError:
    `approval_not_allowed` without the right, `refund_not_waiting` when the gateway has it after all or it is over,
    `refund_in_flight` while the gateway is being asked for it.
    """
    by = check_right(actor, APPROVE_REFUND)
    refund = Refund.objects.select_related("attempt__request").get(pk=refund_id)
    _check_waiting(refund)
    request = refund.attempt.request
    subjects.settle(request, actor=GATEWAY, report=collecting.fetch(request))
    with subjects.acting_on(request, actor=actor):
        refund.refresh_from_db()
        _check_waiting(refund)
        given_up = refunding.give_up(refund_id, by=by, because=reason)
        if given_up is None:
            raise DomainError([Fault("refund_in_flight")])
    return given_up


def _check_waiting(refund: Refund) -> None:
    if refund.state not in _GIVEN_UP:
        raise DomainError([Fault("refund_not_waiting")])
