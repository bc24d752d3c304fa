"""Who stands below whom: one tree under the shop, and a waiting room for those who are not placed yet.

A placement knows its sponsor and nothing else of the tree: whoever asks walks up (`customers.genealogy.tree`). That no
walk ever comes round to where it began is the database's word, in the migration of the guards.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from customers.models.people import Customer, User


class Placement(models.Model):
    """A customer's place: right below a sponsor, or at the top. Written by `customers.genealogy` alone; it stays."""

    customer = models.OneToOneField(Customer, on_delete=models.PROTECT, primary_key=True, related_name="placement")
    sponsor = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="children", db_index=False)
    placed_at = models.DateTimeField(db_default=models.functions.Now())
    # Nobody where a command did it.
    placed_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)

    class Meta:
        # Those below one sponsor, page by page; the sponsor's own index, too.
        indexes = (models.Index(fields=("sponsor", "customer"), name="placement_children"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(sponsor__isnull=True) | ~Q(sponsor=F("customer")), name="placement_not_below_itself"
            ),
        )
        verbose_name = "place"
        verbose_name_plural = "genealogy"
        permissions = (
            ("place_customer", "Can place customers who wait"),
            ("move_customer", "Can move placed customers below somebody else"),
        )

    def __str__(self) -> str:
        return str(self.customer)


class PlacementMove(models.Model):
    """A placed customer came below somebody else, with all who stand below. Append-only by the database."""

    placement = models.ForeignKey(Placement, on_delete=models.PROTECT, related_name="moves")
    from_sponsor = models.ForeignKey(Placement, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    to_sponsor = models.ForeignKey(Placement, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    reason = models.CharField(max_length=200)
    moved_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    moved_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("-id",)
        verbose_name = "move"
        constraints = (models.CheckConstraint(condition=~Q(reason=""), name="placement_move_has_reason"),)

    def __str__(self) -> str:
        return f"move of {self.placement_id}"


class Waiting(models.Model):
    """A customer who is not placed yet. The database writes these rows: who comes waits, and who is placed does not."""

    customer = models.OneToOneField(Customer, on_delete=models.CASCADE, primary_key=True, related_name="waiting")
    since = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        verbose_name_plural = "waiting"

    def __str__(self) -> str:
        return f"{self.customer_id} waits"


class Genealogy(models.Model):
    """The one row that every move counts up, so that two moves come one after the other, at any isolation level."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    moves = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "genealogy"
        constraints = (models.CheckConstraint(condition=Q(id=1), name="genealogy_is_one"),)

    def __str__(self) -> str:
        return f"{self.moves} moves"
