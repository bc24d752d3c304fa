"""Mails to members: that their membership ends soon, and that it has ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.db.models import QuerySet
from django.template.loader import render_to_string

from customers import outbox
from customers.models import Membership, MembershipNotice, MembershipNoticeKind, MembershipState
from customers.outbox import Outbox
from kit import clock

_SUBJECTS = {
    MembershipNoticeKind.REMINDER: "Your {package} ends {when}",
    MembershipNoticeKind.ENDED: "Your {package} has ended",
}


def want_ended(membership: Membership) -> None:
    """That it has ended is to be mailed, in the caller's transaction. Asking again changes nothing."""
    MembershipNotice.objects.bulk_create(
        [MembershipNotice(membership=membership, kind=MembershipNoticeKind.ENDED, ends_at=membership.ends_at)],
        ignore_conflicts=True,
    )


def send_due() -> int:
    """Send a batch of what is due; returns how many notices were tried."""
    return outbox.send_due(_OUTBOX)


def _notices() -> QuerySet[MembershipNotice]:
    return MembershipNotice.objects.select_related("membership__customer__user", "membership__product")


def _mail(notice: MembershipNotice) -> EmailMessage | None:
    membership, customer = notice.membership, notice.membership.customer
    if not _is_still_true(notice):
        return None
    kind = MembershipNoticeKind(notice.kind)
    context: dict[str, Any] = {
        "name": customer.first_name,
        "shop": settings.SELLER.name,
        "package": membership.product.title,
        "ends_on": notice.ends_at.astimezone(settings.SHOP_TIME_ZONE).date(),
        "when": _in_days(notice.ends_at - clock.now()),
    }
    context["title"] = _SUBJECTS[kind].format(**context)
    mail = EmailMultiAlternatives(
        context["title"], render_to_string(f"mails/{kind}.txt", context), to=[customer.user.email]
    )
    mail.attach_alternative(render_to_string(f"mails/{kind}.html", context), "text/html")
    return mail


def _is_still_true(notice: MembershipNotice) -> bool:
    """Not if the end is another by now, or the customer a member again."""
    membership = notice.membership
    if notice.kind == MembershipNoticeKind.REMINDER:
        return membership.state == MembershipState.ACTIVE and membership.ends_at == notice.ends_at
    members = Membership.objects.filter(customer=membership.customer_id, state=MembershipState.ACTIVE)
    return membership.state == MembershipState.EXPIRED and not members.exists()


def _in_days(left: timedelta) -> str:
    days = -(-left // timedelta(days=1))
    return "today" if days < 1 else "tomorrow" if days == 1 else f"in {days} days"


_OUTBOX = Outbox(_notices, _mail)
