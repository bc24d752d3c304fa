"""Invoices and the notes that correct them: numbered without gaps, frozen as they were issued. Written by
`orders.invoices` alone; the database refuses a gap, a change, and notes beyond their invoice.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from kit.ids import new_id
from kit.money import Money
from orders.models.orders import Order


class InvoiceKind(models.TextChoices):
    """What a document says. Each kind has a series of numbers of its own."""

    INVOICE = "invoice", "Invoice"
    CREDIT_NOTE = "credit_note", "Credit note"  # some of the sale, or all of it, is undone
    DEBIT_NOTE = "debit_note", "Debit note"  # what a credit note has undone counts again


class InvoiceCounter(models.Model):
    """The last number of a series in a fiscal year. Its row is the last thing that a transaction locks, and goes up by
    one with each document: the database refuses anything else.
    """

    series = models.CharField(max_length=12)
    # Its first day.
    fiscal_year = models.DateField()
    last = models.BigIntegerField()
    # No number is older than the one before it, whatever the clocks of several servers say.
    issued_at = models.DateTimeField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("series", "fiscal_year"), name="invoice_counter_once"),)

    def __str__(self) -> str:
        return f"{self.series} {self.fiscal_year}: {self.last}"


class Invoice(models.Model):
    """One issued document. Append-only; `view` is all that its page, its PDF and its e-invoice say.

    `source` names what it was issued for, so that nothing is issued twice. `total_minor` is the worth of the sale, or
    of the part of it that a note is about, with its tax, whatever has paid for it; `due_minor` is what of it had not
    been paid then.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="invoices")
    kind = models.CharField(max_length=12, choices=InvoiceKind.choices)
    source = models.CharField(max_length=80, unique=True)
    # The invoice that a note corrects.
    corrects = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="notes")
    series = models.CharField(max_length=12)
    fiscal_year = models.DateField()
    serial = models.BigIntegerField()
    number = models.CharField(max_length=40, unique=True)
    issued_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    net_minor = models.BigIntegerField("net, minor units")
    tax_minor = models.BigIntegerField("tax, minor units")
    total_minor = models.BigIntegerField("total, minor units")
    due_minor = models.BigIntegerField("amount due, minor units", default=0)
    view = models.JSONField()

    class Meta:
        ordering = ("-issued_at", "-id")
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=InvoiceKind.values), name="invoice_kind_known"),
            models.UniqueConstraint(fields=("series", "fiscal_year", "serial"), name="invoice_serial_once"),
            models.UniqueConstraint(fields=("order",), condition=Q(kind="invoice"), name="one_invoice_per_order"),
            models.CheckConstraint(
                condition=Q(kind="invoice", corrects__isnull=True) | (~Q(kind="invoice") & Q(corrects__isnull=False)),
                name="invoice_note_corrects_an_invoice",
            ),
            models.CheckConstraint(
                condition=Q(net_minor__gte=0, tax_minor__gte=0, total_minor=F("net_minor") + F("tax_minor")),
                name="invoice_total_is_net_and_tax",
            ),
            models.CheckConstraint(
                condition=Q(due_minor__gte=0, due_minor__lte=F("total_minor")), name="invoice_due_within_total"
            ),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="invoice_currency_code"),
        )
        indexes = (models.Index(fields=("issued_at", "id"), name="invoice_by_issue"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"

    @property
    def total(self) -> Money:
        """What the document is about, with its tax."""
        return Money(self.total_minor, self.currency)


class InvoicePdf(models.Model):
    """The PDF of a document as it was first rendered: what was sent is what is shown ten years later, whatever has
    become of templates and fonts since. Append-only.
    """

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, primary_key=True, related_name="pdf")
    content = models.BinaryField()
    sha256 = models.CharField("SHA-256", max_length=64)
    # Which rendering made it: the same one makes the same bytes again.
    rendering = models.CharField(max_length=80)
    rendered_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        verbose_name = "invoice PDF"
        constraints = (
            models.CheckConstraint(condition=Q(sha256__regex=r"^[0-9a-f]{64}$"), name="invoice_pdf_has_its_hash"),
        )

    def __str__(self) -> str:
        return self.sha256
