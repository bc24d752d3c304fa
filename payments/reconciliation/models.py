"""What differs between our books and a gateway's, what was done about it, and how far each reconciliation has come."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from kit.ids import new_id
from payments.models import GatewayName


class DiscrepancyKind(models.TextChoices):
    """What is the matter."""

    # Payments.
    PAYMENT_UNKNOWN = "payment_unknown", "Payment of no order of ours"
    PAYMENT_MISSING = "payment_missing", "Payment that the gateway does not have"
    REFERENCE_DIFFERS = "reference_differs", "Payment of another request"
    AMOUNT_DIFFERS = "amount_differs", "Amount differs"
    CURRENCY_DIFFERS = "currency_differs", "Currency differs"
    CAPTURED_DIFFERS = "captured_differs", "Captured amount differs"
    REFUNDED_DIFFERS = "refunded_differs", "Refunded amount differs"
    REFUND_UNKNOWN = "refund_unknown", "Refund of no payment of ours"
    REFUND_MISSING = "refund_missing", "Refund that the gateway does not have"
    DISPUTE_UNKNOWN = "dispute_unknown", "Dispute about no payment of ours"
    DISPUTE_DIFFERS = "dispute_differs", "Dispute differs"
    STUCK = "stuck", "Outcome unknown for long"
    NOT_BROUGHT_IN_LINE = "not_brought_in_line", "Our books do not take what the gateway says"
    NOT_SENT_BACK = "not_sent_back", "Money that an order may not keep, not on its way back"
    # Settlements.
    SETTLEMENT_LINE_UNKNOWN = "settlement_line_unknown", "Settled, and nothing of ours"
    SETTLEMENT_LINE_DIFFERS = "settlement_line_differs", "Settled with another amount"
    SETTLEMENT_SUM_DIFFERS = "settlement_sum_differs", "Settlement is not the sum of its lines"
    SETTLED_TWICE = "settled_twice", "Settled twice"
    UNSETTLED = "unsettled", "Captured long ago, not settled"
    LINE_NO_LONGER_LISTED = "line_no_longer_listed", "Settled line that the gateway lists no longer"
    # Files of settlements.
    FILE_SETTLEMENT_UNKNOWN = "file_settlement_unknown", "Settlement in a file that the gateway has not paid out"
    FILE_LINE_UNKNOWN = "file_line_unknown", "Line in a file that the settlement does not have"
    FILE_LINE_DIFFERS = "file_line_differs", "Line that a file has otherwise"
    FILE_LACKS_LINES = "file_lacks_lines", "File that lacks lines of a settlement"
    # What is written down as it happens, and stays until a person has dealt with it.
    REFUNDED_TWICE = "refunded_twice", "Sent back, and given as credit before"


PAYMENT_KINDS = tuple(DiscrepancyKind)[: list(DiscrepancyKind).index(DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN)]
"""Those that comparing payments, refunds and disputes finds, and finds gone."""

IN_SUSPENSE_KINDS = (
    DiscrepancyKind.SETTLEMENT_LINE_UNKNOWN,
    DiscrepancyKind.SETTLEMENT_LINE_DIFFERS,
    DiscrepancyKind.SETTLEMENT_SUM_DIFFERS,
    DiscrepancyKind.REFUNDED_TWICE,
)
"""Those whose amount lies in suspense, and can be given up there."""


class Urgency(models.IntegerChoices):
    """How soon somebody has to look."""

    NOW = 1, "Now"  # somebody's money is not where it belongs, or a time to answer is running out
    SOON = 2, "Soon"  # the books say that they do not know
    LATER = 3, "Later"  # the books are right, and a file is wrong


_NOW_KINDS = (
    DiscrepancyKind.PAYMENT_UNKNOWN,
    DiscrepancyKind.AMOUNT_DIFFERS,
    DiscrepancyKind.CURRENCY_DIFFERS,
    DiscrepancyKind.CAPTURED_DIFFERS,
    DiscrepancyKind.REFUND_UNKNOWN,
    DiscrepancyKind.DISPUTE_UNKNOWN,
    DiscrepancyKind.DISPUTE_DIFFERS,
    DiscrepancyKind.STUCK,
    DiscrepancyKind.NOT_BROUGHT_IN_LINE,
    DiscrepancyKind.NOT_SENT_BACK,
    DiscrepancyKind.REFUNDED_TWICE,
)
_LATER_KINDS = (
    DiscrepancyKind.FILE_LINE_UNKNOWN,
    DiscrepancyKind.FILE_LINE_DIFFERS,
    DiscrepancyKind.FILE_LACKS_LINES,
)


def urgency_of(kind: DiscrepancyKind) -> Urgency:
    """How soon somebody has to look at a discrepancy of a kind."""
    if kind in _NOW_KINDS:
        return Urgency.NOW
    return Urgency.LATER if kind in _LATER_KINDS else Urgency.SOON


class ProposedAct(models.TextChoices):
    """What a person would do first."""

    LOOK_AGAIN = "look_again", "Look again"  # it may have been a moment's; nothing is known to be wrong yet
    SEND_BACK = "send_back", "Send the money back at the gateway"  # it was paid for nothing that we know of
    CHECK_GATEWAY = "check_gateway", "Compare with the gateway's dashboard"
    ASK_SUPPORT = "ask_support", "Ask the gateway's support"
    WRITE_OFF = "write_off", "Write the difference off"
    TAKE_BACK = "take_back", "Take back what was booked"  # a file alone has said it, and the gateway has no such thing


class DiscrepancyState(models.TextChoices):
    """What became of a discrepancy."""

    OPEN = "open", "Open"
    RESOLVED = "resolved", "Resolved"  # a person has dealt with it and said why
    GONE = "gone", "Gone"  # it was seen no more


class Resolution(models.TextChoices):
    """How a person has dealt with a discrepancy for good."""

    ACCEPTED = "accepted", "Accepted as known"  # stays as it is; not filed again while its facts stay the same
    CLOSED = "closed", "Closed"  # put right elsewhere; if it is seen again, it is filed again
    WRITTEN_OFF = "written_off", "Written off"  # the ledger has given the amount up; quiet like what is accepted
    TAKEN_BACK = "taken_back", "Taken back"  # what a file alone had said is booked no more; quiet like what is accepted


class Discrepancy(models.Model):
    """One thing that our books and a gateway's do not agree on, with both sides' facts.

    `gateway_id` is the gateway's id of the payment, refund, dispute, settlement or line; our own id for what the
    gateway has none of. `amount_minor` is what they, the gateway or a file, have beyond what we have. One thing has at
    most one open discrepancy of a kind.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=32, choices=DiscrepancyKind.choices)
    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    gateway_id = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField("difference, minor units")
    ours = models.JSONField(default=dict)
    theirs = models.JSONField(default=dict)
    proposed = models.CharField("proposed act", max_length=16, choices=ProposedAct.choices)
    state = models.CharField(max_length=16, choices=DiscrepancyState.choices, default=DiscrepancyState.OPEN)
    assigned_to = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    first_seen_at = models.DateTimeField(db_default=models.functions.Now())
    last_seen_at = models.DateTimeField(db_default=models.functions.Now())
    resolution = models.CharField(max_length=16, choices=Resolution.choices, blank=True, default="", db_default="")
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    # Follows from the kind; a column of its own, so that the queue has an index in its order.
    urgency = models.PositiveSmallIntegerField(choices=Urgency.choices, db_default=Urgency.SOON.value)

    class Meta:
        verbose_name_plural = "discrepancies"
        permissions: ClassVar = (("resolve_discrepancy", "Can resolve discrepancies"),)
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=DiscrepancyKind.values), name="discrepancy_kind_known"),
            models.CheckConstraint(condition=Q(proposed__in=ProposedAct.values), name="discrepancy_proposed_known"),
            models.CheckConstraint(condition=Q(urgency__in=Urgency.values), name="discrepancy_urgency_known"),
            models.CheckConstraint(
                condition=Q(state="open", resolved_at__isnull=True, resolved_by__isnull=True, resolution="")
                | Q(state="gone", resolved_at__isnull=False, resolved_by__isnull=True, resolution="")
                | (
                    Q(state="resolved", resolved_at__isnull=False, resolved_by__isnull=False)
                    & Q(resolution__in=Resolution.values)
                    & ~Q(reason="")
                ),
                name="discrepancy_resolved_says_how_and_why",
            ),
            models.UniqueConstraint(
                fields=("kind", "gateway", "gateway_id"), condition=Q(state="open"), name="discrepancy_open_once"
            ),
        )
        indexes = (
            models.Index(fields=("gateway", "gateway_id"), name="discrepancy_thing"),
            models.Index(fields=("id",), condition=Q(state="open"), name="discrepancy_open"),
            models.Index(fields=("urgency", "id"), condition=Q(state="open"), name="discrepancy_queue"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.gateway_id}"


class DiscrepancyDeed(models.TextChoices):
    """What was done about a discrepancy."""

    ASSIGNED = "assigned", "Assigned"
    LOOKED_AGAIN = "looked_again", "Looked again"
    ACCEPTED = "accepted", "Accepted as known"
    CLOSED = "closed", "Closed"
    WRITTEN_OFF = "written_off", "Written off"
    TAKEN_BACK = "taken_back", "Taken back"
    GONE = "gone", "Gone"  # nobody did: it was seen no more
    UNDONE = "undone", "Write-off undone"  # nobody did: what was written off is no longer so


class DiscrepancyAct(models.Model):
    """One thing that somebody did about a discrepancy. Append-only. `by` is nobody where a reconciliation did it."""

    discrepancy = models.ForeignKey(Discrepancy, on_delete=models.PROTECT, related_name="acts")
    deed = models.CharField(max_length=16, choices=DiscrepancyDeed.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=Q(deed__in=DiscrepancyDeed.values), name="discrepancy_act_known"),
        )

    def __str__(self) -> str:
        return self.get_deed_display()


class RunKind(models.TextChoices):
    """What is reconciled."""

    PAYMENTS = "payments", "Payments"
    SETTLEMENTS = "settlements", "Settlements"


class RunState(models.TextChoices):
    """How far a reconciliation has come."""

    UNFINISHED = "unfinished", "Unfinished"  # under way, or cut off: the next one goes on where it stopped
    COMPLETE = "complete", "Complete"


class ReconciliationRun(models.Model):
    """One reconciliation of one gateway over the half-open window [since, until). Everything before `done_until` is
    done. `asked` says that somebody named the window; such a run says nothing about where the next one begins.
    """

    kind = models.CharField(max_length=16, choices=RunKind.choices)
    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    asked = models.BooleanField(default=False)
    since = models.DateTimeField()
    until = models.DateTimeField()
    done_until = models.DateTimeField()
    state = models.CharField(max_length=16, choices=RunState.choices, default=RunState.UNFINISHED)
    # How much was listed, healed and filed.
    counts = models.JSONField(default=dict)
    started_at = models.DateTimeField(db_default=models.functions.Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=RunKind.values), name="reconciliation_run_kind_known"),
            models.CheckConstraint(condition=Q(state__in=RunState.values), name="reconciliation_run_state_known"),
            models.CheckConstraint(
                condition=Q(since__lte=models.F("done_until"), done_until__lte=models.F("until")),
                name="reconciliation_run_done_within_window",
            ),
        )
        indexes = (models.Index(fields=("kind", "gateway", "-id"), name="reconciliation_run_latest"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.get_gateway_display()} from {self.since:%Y-%m-%d %H:%M}"


class Seen(models.TextChoices):
    """What a gateway lists."""

    PAYMENT = "payment", "Payment"
    REFUND = "refund", "Refund"
    DISPUTE = "dispute", "Dispute"


class Sighting(models.Model):
    """Something of ours that a gateway has listed, and its creation by the gateway's own time: what a later list of
    that time has to show again."""

    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    what = models.CharField(max_length=16, choices=Seen.choices)
    gateway_id = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("gateway", "what", "gateway_id"), name="sighting_once"),
            models.CheckConstraint(condition=Q(what__in=Seen.values), name="sighting_what_known"),
        )
        indexes = (models.Index(fields=("gateway", "what", "created_at"), name="sighting_by_time"),)

    def __str__(self) -> str:
        return self.gateway_id
