"""Who is a member of which tier until when, how that came about, and what members are written.

Written by `customers.memberships` alone, under the customer's lock.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from catalog.models import Product
from customers.models.people import Customer, User
from kit.ids import new_id


class MembershipState(models.TextChoices):
    """How a membership stands. A customer has at most one that is active."""

    ACTIVE = "active", "Active"
    EXPIRED = "expired", "Expired"  # its time was over
    REPLACED = "replaced", "Replaced"  # an upgrade took effect at once; it comes back if that is undone in time
    REVERSED = "reversed", "Undone"  # what it came from was undone


class Membership(models.Model):
    """A customer's time in one tier without a break. Its end is its beginning and all days that it was ever given."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="memberships")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    tier = models.PositiveSmallIntegerField(help_text="The package's at the time.")
    state = models.CharField(max_length=8, choices=MembershipState.choices, default=MembershipState.ACTIVE)
    starts_at = models.DateTimeField()
    # Until when it is given; one that was replaced keeps it, for the case that it comes back.
    ends_at = models.DateTimeField()
    # When that was decided last: what lies before it was known then, and nobody is reminded of it.
    end_set_at = models.DateTimeField()
    # When it was over in fact.
    ended_at = models.DateTimeField(null=True)
    # The one whose place it took by an upgrade.
    replaces = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="replacements")

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("ends_at",), condition=Q(state="active"), name="membership_to_expire"),
            models.Index(fields=("state", "id"), name="membership_by_state"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("customer",), condition=Q(state="active"), name="membership_one_active_per_customer"
            ),
            models.CheckConstraint(condition=Q(state__in=MembershipState.values), name="membership_state_known"),
            models.CheckConstraint(condition=Q(ends_at__gte=F("starts_at")), name="membership_ends_after_its_start"),
            models.CheckConstraint(
                condition=Q(state="active", ended_at__isnull=True) | (~Q(state="active") & Q(ended_at__isnull=False)),
                name="membership_has_ended_or_is_active",
            ),
        )

    def __str__(self) -> str:
        return f"Tier {self.tier} until {self.ends_at:%Y-%m-%d}"


class UpgradeKind(models.TextChoices):
    """Who wants an upgrade."""

    ORDERED = "ordered", "Ordered"  # the customer has ordered it and not paid for it yet
    AUTOMATIC = "automatic", "Automatic"  # the shop gives it by a rule of its own


class UpgradeState(models.TextChoices):
    """How far an upgrade is."""

    IN_PROGRESS = "in_progress", "In progress"
    FINISHED = "finished", "Finished"
    ABANDONED = "abandoned", "Abandoned"  # the order was called off, or the rule was not met after all


class UpgradeProcess(models.Model):
    """An upgrade between the wish and its effect. While it is in progress its customer can wish for no other."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="upgrades")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    tier = models.PositiveSmallIntegerField()
    validity_days = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=9, choices=UpgradeKind.choices)
    state = models.CharField(max_length=11, choices=UpgradeState.choices, default=UpgradeState.IN_PROGRESS)
    # Orders stand above: no foreign key.
    order_id = models.UUIDField(null=True, unique=True)
    reason = models.CharField(max_length=200, blank=True, help_text="Which rule began it, or why it was abandoned.")
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = "upgrade"
        constraints = (
            models.UniqueConstraint(
                fields=("customer",), condition=Q(state="in_progress"), name="upgrade_one_in_progress_per_customer"
            ),
            models.CheckConstraint(
                condition=Q(kind="ordered", order_id__isnull=False) | Q(kind="automatic", order_id__isnull=True),
                name="upgrade_has_an_order_if_ordered",
            ),
            models.CheckConstraint(
                condition=Q(state="in_progress", ended_at__isnull=True)
                | Q(state__in=("finished", "abandoned"), ended_at__isnull=False),
                name="upgrade_has_ended_or_is_in_progress",
            ),
        )
        permissions = (("abandon_upgradeprocess", "Can abandon automatic upgrades"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} upgrade to tier {self.tier}"


class MembershipEvent(models.TextChoices):
    """What can happen to a membership."""

    BEGUN = "begun", "Begun"
    RENEWED = "renewed", "Renewed"
    UPGRADED = "upgraded", "Begun by an upgrade"
    REPLACED = "replaced", "Replaced by an upgrade"
    EXPIRED = "expired", "Expired"
    REVERSED = "reversed", "Undone"  # an order that had given days was refunded
    RESUMED = "resumed", "Came back"  # the upgrade that had replaced it was undone


GRANTS = (MembershipEvent.BEGUN, MembershipEvent.RENEWED, MembershipEvent.UPGRADED)
"""What gives days. An order does so once."""


class MembershipHistory(models.Model):
    """One thing that happened to a membership, by which order and by whom. Append-only by the database."""

    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="history")
    event = models.CharField(max_length=8, choices=MembershipEvent.choices)
    state = models.CharField(max_length=8, choices=MembershipState.choices, help_text="The membership's since then.")
    days = models.SmallIntegerField(default=0, help_text="Given, or below zero, taken off again.")
    ends_from = models.DateTimeField(null=True)
    ends_to = models.DateTimeField()
    # Orders stand above: no foreign key. Empty where no order was the reason.
    order_id = models.UUIDField(null=True)
    upgrade = models.ForeignKey(UpgradeProcess, on_delete=models.PROTECT, null=True, related_name="history")
    # Nobody where a job, a command or a gateway was the reason.
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    at = models.DateTimeField()

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "membership history"
        indexes = (
            models.Index(fields=("order_id",), condition=Q(order_id__isnull=False), name="membership_history_order"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("order_id",), condition=Q(event__in=GRANTS), name="membership_given_once_per_order"
            ),
            models.UniqueConstraint(
                fields=("order_id",), condition=Q(event="reversed"), name="membership_undone_once_per_order"
            ),
            models.CheckConstraint(
                condition=Q(event__in=GRANTS, days__gt=0)
                | Q(event="reversed", days__lt=0, order_id__isnull=False)
                | Q(event__in=("replaced", "expired", "resumed"), days=0),
                name="membership_history_gives_what_its_event_says",
            ),
        )

    def __str__(self) -> str:
        return self.get_event_display()


class MembershipNoticeKind(models.TextChoices):
    """What a member is written about."""

    REMINDER = "membership_reminder", "Ends soon"
    ENDED = "membership_ended", "Has ended"


class MembershipNotice(models.Model):
    """A mail about a membership's end. One that is not sent is taken back when the end is another."""

    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=20, choices=MembershipNoticeKind.choices)
    ends_at = models.DateTimeField()
    # How many days before the end, by the shop's rule; none at the end itself.
    days_before = models.PositiveSmallIntegerField(default=0)
    wanted_at = models.DateTimeField(db_default=models.functions.Now())
    sent_at = models.DateTimeField(null=True)
    times_tried = models.PositiveIntegerField(default=0)
    # After a failure, not before this.
    due_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("membership", "ends_at", "kind", "days_before"), name="membership_notice_once"
            ),
        )
        indexes = (
            models.Index(fields=("due_at",), condition=Q(sent_at__isnull=True), name="membership_notice_to_send"),
        )

    def __str__(self) -> str:
        return self.get_kind_display()
