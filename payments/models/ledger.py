"""The ledger: double entry, append-only. Written by `payments.ledger` alone; the database holds its rules as well."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from customers.models import Customer
from payments.models.requests import PaymentAttempt


class Account(models.TextChoices):
    """The chart of accounts, the same for every currency."""

    # Assets: what we have or are owed.
    RECEIVABLE = "receivable", "Customer receivable"  # ordered and not yet paid; below zero where we owe the customer
    CLEARING_STRIPE = "clearing_stripe", "Stripe clearing"  # collected by Stripe and not yet paid out
    CLEARING_RAZORPAY = "clearing_razorpay", "Razorpay clearing"
    CLEARING_OFFLINE = "clearing_offline", "Cash box"
    BANK = "bank", "Bank"
    DISPUTED = "disputed", "Disputed, kept back by gateways"
    FEE_TAX = "fee_tax", "Tax on gateway fees"  # to be claimed back
    # Liabilities: what we owe.
    DEFERRED_REVENUE = "deferred_revenue", "Deferred revenue"  # ordered, and neither paid in full nor sent
    TAX_PAYABLE = "tax_payable", "Tax payable"
    CUSTOMER_CREDIT = "customer_credit", "Customer credit"
    MERCHANT_FUNDS = "merchant_funds", "Collected for merchants"  # below zero where a merchant owes us
    REFUNDS_PAYABLE = "refunds_payable", "Refunds payable"  # promised, and not yet back with the payer
    SUSPENSE = "suspense", "Suspense"  # money that nobody can explain yet
    # Income, and what lessens it.
    REVENUE = "revenue", "Revenue"
    DELIVERY_REVENUE = "delivery_revenue", "Delivery revenue"
    DISCOUNTS = "discounts", "Discounts"
    REFUNDS = "refunds", "Refunds"
    CREDITS_EXPIRED = "credits_expired", "Credits expired"  # given, and not spent in time
    # Expenses.
    GATEWAY_FEES = "gateway_fees", "Gateway fees"
    WRITE_OFF = "write_off", "Write-off"  # lost disputes, and debts and differences that a person has given up
    CREDITS_GRANTED = "credits_granted", "Credits granted"  # given to customers for nothing


class TransferKind(models.TextChoices):
    """What happened."""

    ORDERED = "ordered", "Ordered"
    EARNED = "earned", "Earned"  # paid in full or sent: what was deferred is revenue
    CALLED_OFF = "called_off", "Called off"
    CAPTURE = "capture", "Capture"
    REFUND_PROMISED = "refund_promised", "Refund promised"
    REFUND = "refund", "Refund"  # back with the payer, or given as credit
    REFUND_FAILED = "refund_failed", "Refund failed"
    REFUND_RECAST = "refund_recast", "Refund recast"  # its order was called off: nothing was due in the first place
    DISPUTE = "dispute", "Dispute"
    SETTLEMENT = "settlement", "Settlement"
    CREDIT_GRANTED = "credit_granted", "Credit granted"  # by a person, for nothing
    CREDIT_REVOKED = "credit_revoked", "Credit revoked"  # it should not have been granted
    CREDIT_RETURNED = "credit_returned", "Credit returned"  # a refund gives back what an order was paid with
    CREDIT_TAKEN = "credit_taken", "Credit taken back"  # what was paid for it goes back, or back again
    CREDIT_EXPIRED = "credit_expired", "Credit expired"
    RESOLUTION = "resolution", "Resolution"  # a person has explained a difference, or what explained it is no longer so
    WRITTEN_OFF = "written_off", "Written off"  # a person has given up what somebody owes
    WRITTEN_OFF_PAID = "written_off_paid", "Written off and paid"  # it came after all


class LedgerTransfer(models.Model):
    """One thing that happened to money, told once: `source` names it. Its entries sum to zero for each currency."""

    source = models.CharField(max_length=160, unique=True)
    kind = models.CharField(max_length=20, choices=TransferKind.choices)
    memo = models.CharField(max_length=200, blank=True)
    at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=TransferKind.values), name="ledger_transfer_kind_known"),
        )

    def __str__(self) -> str:
        return self.source


class LedgerEntry(models.Model):
    """One leg of a transfer. Debits are above zero, credits below.

    `subject_id` is what the money is for, the id of an order or of a merchant's order; `attempt` the payment whose
    money lies in a clearing account; `customer` whose credit it is. Credit that comes is good until `expires_at`, or
    for ever; what goes, or comes back, may name the `term` that is meant.
    """

    transfer = models.ForeignKey(LedgerTransfer, on_delete=models.PROTECT, related_name="entries")
    account = models.CharField(max_length=20, choices=Account.choices)
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField("amount, minor units")
    subject_id = models.UUIDField(null=True, blank=True)
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, null=True, related_name="ledger_entries", db_index=False
    )
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, related_name="ledger_entries", db_index=False
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    term = models.ForeignKey(
        "payments.CreditTerm", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        ordering = ("id",)
        verbose_name_plural = "ledger entries"
        constraints = (
            models.CheckConstraint(condition=Q(account__in=Account.values), name="ledger_entry_account_known"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="ledger_entry_currency"),
            models.CheckConstraint(condition=~Q(amount_minor=0), name="ledger_entry_not_zero"),
            models.CheckConstraint(
                condition=Q(account="customer_credit", customer__isnull=False)
                | (~Q(account="customer_credit") & Q(customer__isnull=True)),
                name="ledger_entry_credit_is_somebodys",
            ),
            models.CheckConstraint(
                condition=Q(account="customer_credit") | Q(expires_at__isnull=True, term__isnull=True),
                name="ledger_entry_only_credit_has_a_term",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(amount_minor__lt=0, term__isnull=True),
                name="ledger_entry_what_comes_expires",
            ),
        )
        indexes = (
            models.Index(fields=("subject_id",), condition=Q(subject_id__isnull=False), name="ledger_entry_subject"),
            models.Index(fields=("attempt",), condition=Q(attempt__isnull=False), name="ledger_entry_attempt"),
            models.Index(
                fields=("customer", "currency", "id"), condition=Q(customer__isnull=False), name="ledger_entry_customer"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_account_display()} {self.amount_minor} {self.currency}"
