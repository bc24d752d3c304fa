"""What a refunded order had given is undone, whatever has come on top of it.

The rule: an order gave so many days to one membership, and these are taken off its end again. Nothing else is touched:
days that other orders gave stay, and so does what has passed. Then, if no time is left:

- an active membership ends now, as undone; one that had ended before stays as it is;
- if it had come by an upgrade, and that is undone, the membership that it replaced comes back, as long as its own
  time lasts; if that one came by an upgrade that is undone, too, and has no time left, the one before it, and so on.

If time is left, because later orders had renewed it, it goes on until then, and the one that it replaced comes back
after that. So in whatever order several orders are undone, the same is left.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from customers.locking import lock_customer
from customers.memberships.acts import end, find_active, resume_replaced, write_down
from customers.models import Membership, MembershipEvent, MembershipHistory, MembershipState
from customers.models.memberships import GRANTS
from kit import clock


@dataclass(frozen=True, slots=True)
class Reversed:
    """What was undone: the membership that has lost days, and the one that came back."""

    membership: Membership
    changed: bool
    resumed: Membership | None = None


def reverse(order_id: uuid.UUID, *, by_id: uuid.UUID | None = None) -> Reversed | None:
    """The order has given nothing. None if it never had; not `changed` if it was undone before. Locks the customer."""
    given = MembershipHistory.objects.select_related("membership").filter(order_id=order_id, event__in=GRANTS).first()
    if given is None:
        return None
    lock_customer(given.membership.customer_id)
    if MembershipHistory.objects.filter(order_id=order_id, event=MembershipEvent.REVERSED).exists():
        return Reversed(given.membership, False)
    # What has run out in the meantime has run out first.
    find_active(given.membership.customer_id)
    membership, now = Membership.objects.get(pk=given.membership_id), clock.now()
    ends_from = membership.ends_at
    membership.ends_at -= timedelta(days=given.days)
    membership.end_set_at = now
    membership.save(update_fields=["ends_at", "end_set_at"])
    if membership.state == MembershipState.ACTIVE and membership.ends_at <= now:
        end(membership, MembershipState.REVERSED, at=now)
    write_down(
        membership, MembershipEvent.REVERSED, days=-given.days, ends_from=ends_from, order_id=order_id, by_id=by_id
    )
    is_over = find_active(membership.customer_id) is None
    return Reversed(membership, True, resume_replaced(membership, order_id=order_id) if is_over else None)
