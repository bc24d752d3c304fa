"""What customers have of credit, and until when it is good. Counted by the database out of the ledger's entries; nobody
else writes here but `payments.credits.terms`, which moves what is left of a term to a later one.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from customers.models import Customer
from kit.money import Money
from payments.models.ledger import LedgerEntry


class CreditBalance(models.Model):
    """What a customer has of credit in a currency. The database counts it out of the entries; never below zero."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_balances")
    currency = models.CharField(max_length=3)
    balance_minor = models.BigIntegerField("balance, minor units")

    class Meta:
        ordering = ("customer", "currency")
        constraints = (
            models.UniqueConstraint(fields=("customer", "currency"), name="credit_balance_once"),
            models.CheckConstraint(condition=Q(balance_minor__gte=0), name="credit_balance_not_negative"),
        )

    def __str__(self) -> str:
        return str(Money(self.balance_minor, self.currency))


class CreditTerm(models.Model):
    """Credit that came at once, and until when it is good; for ever without `expires_at`.

    What is left of a customer's terms is their balance. What goes is taken from the term that ends first, unless the
    entry says which it is; what comes back for an order goes to the terms that it was taken from. `entry` brought it;
    one without was moved from another term, or was there before there were terms.
    """

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = models.CharField(max_length=3)
    entry = models.OneToOneField(LedgerEntry, on_delete=models.PROTECT, null=True, related_name="brought")
    moved_from = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    amount_minor = models.BigIntegerField("amount, minor units")
    # Counted by the database.
    left_minor = models.BigIntegerField("left, minor units")
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="credit_term_amount_positive"),
            models.CheckConstraint(
                condition=Q(left_minor__gte=0, left_minor__lte=F("amount_minor")), name="credit_term_left_within_it"
            ),
            models.CheckConstraint(
                condition=Q(entry__isnull=True) | Q(moved_from__isnull=True), name="credit_term_comes_from_one"
            ),
        )
        indexes = (
            # In the order in which they are spent.
            models.Index(
                fields=("customer", "currency", "expires_at", "id"),
                condition=Q(left_minor__gt=0),
                name="credit_term_to_spend",
            ),
            models.Index(
                fields=("expires_at", "id"),
                condition=Q(left_minor__gt=0, expires_at__isnull=False),
                name="credit_term_to_expire",
            ),
        )

    def __str__(self) -> str:
        return str(Money(self.left_minor, self.currency))


class CreditTermUse(models.Model):
    """What an entry of the ledger took from a term, or, below zero, gave back to it; without an entry it was moved to
    another term. Append-only."""

    term = models.ForeignKey(CreditTerm, on_delete=models.PROTECT, related_name="uses")
    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, null=True, related_name="term_uses")
    amount_minor = models.BigIntegerField("amount, minor units")
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("id",)
        constraints = (models.CheckConstraint(condition=~Q(amount_minor=0), name="credit_term_use_not_zero"),)

    def __str__(self) -> str:
        return f"{self.amount_minor} of {self.term_id}"
