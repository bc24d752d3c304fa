"""What gateways paid out, the lines it is made of, and what files claim of them. Facts are written once; what we make
of them (the match, the state) may change.

Settlements and lines are written by `payments.settlements.booking` and those it calls, and by `taking_back`; files and
what they claim by `claims`.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from kit.money import Money
from payments.gateways.base import LineKind
from payments.models import Dispute, GatewayName, PaymentAttempt, Refund

LINE_KINDS = tuple((kind.value, kind.value.replace("_", " ").capitalize()) for kind in LineKind)
# What happens to money once: a second such line about the same entity is a gateway's mistake, or a file's.
SETTLED_ONCE = (LineKind.PAYMENT.value, LineKind.REFUND.value, LineKind.REFUND_FAILURE.value)


class Source(models.TextChoices):
    """Who told us first."""

    API = "api", "Gateway"
    FILE = "file", "File"


class SettlementState(models.TextChoices):
    """Whether the lines explain what was paid out."""

    UNCONFIRMED = "unconfirmed", "Unconfirmed"  # only a file names it: the gateway has not said what it paid out
    COMPLETE = "complete", "Complete"
    DIFFERS = "differs", "Differs"  # the difference lies in suspense
    TAKEN_BACK = "taken_back", "Taken back"  # the gateway has no such thing: a person has undone what a file said


class Finding(models.TextChoices):
    """What a line is to us."""

    MATCHED = "matched", "Matched"
    UNKNOWN = "unknown", "Unknown"  # of nothing that we know
    DIFFERS = "differs", "Differs"  # of something that we know, with another amount or currency


class SettlementImport(models.Model):
    """A file that was read. The same bytes are imported once; a run that was cut off is taken up again."""

    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField("SHA-256", max_length=64)
    rows = models.PositiveIntegerField()
    imported_by = models.CharField(max_length=120)
    started_at = models.DateTimeField(db_default=models.functions.Now())
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.CheckConstraint(condition=Q(gateway__in=GatewayName.values), name="settlement_import_gateway_known"),
            models.UniqueConstraint(fields=("gateway", "sha256"), name="settlement_import_once"),
        )

    def __str__(self) -> str:
        return self.file_name


class Settlement(models.Model):
    """A sum that a gateway paid to the bank: Stripe's payout, Razorpay's settlement. Negative: taken from it.

    `amount_minor` is what the gateway says; unknown as long as only a file names the settlement. The totals are those
    of its lines. `transfers` counts what was posted for it to the ledger. `read_at` is when the gateway's own lines
    were last read to their end.
    """

    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    gateway_settlement_id = models.CharField(max_length=64, help_text="po_... or setl_...")
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField("amount, minor units", null=True, blank=True)
    bank_reference = models.CharField(max_length=64, blank=True, help_text="UTR or trace")
    # When the gateway made it; as long as only a file names it, when its first row says that it was settled.
    paid_out_at = models.DateTimeField()
    source = models.CharField(max_length=8, choices=Source.choices)
    state = models.CharField(max_length=16, choices=SettlementState.choices)
    lines_count = models.PositiveIntegerField("lines", default=0)
    net_minor = models.BigIntegerField("sum of the lines, minor units", default=0)
    fee_minor = models.BigIntegerField("fees, minor units", default=0)
    tax_minor = models.BigIntegerField("tax on the fees, minor units", default=0)
    transfers = models.PositiveIntegerField(default=0)
    imported_at = models.DateTimeField(db_default=models.functions.Now())
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        constraints = (
            models.UniqueConstraint(fields=("gateway", "gateway_settlement_id"), name="settlement_once"),
            models.CheckConstraint(condition=Q(gateway__in=GatewayName.values), name="settlement_gateway_known"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="settlement_currency"),
            models.CheckConstraint(condition=Q(source__in=Source.values), name="settlement_source_known"),
            models.CheckConstraint(
                condition=Q(state="unconfirmed", amount_minor__isnull=True)
                | Q(state="taken_back", amount_minor__isnull=True, lines_count=0)
                | Q(state="complete", amount_minor=F("net_minor"))
                | (Q(state="differs", amount_minor__isnull=False) & ~Q(amount_minor=F("net_minor"))),
                name="settlement_state_follows_from_its_sums",
            ),
        )
        indexes = (models.Index(fields=("gateway", "paid_out_at"), name="settlement_by_day"),)

    def __str__(self) -> str:
        return self.gateway_settlement_id

    @property
    def amount(self) -> Money | None:
        """What was paid out, if the gateway has said it."""
        return None if self.amount_minor is None else Money(self.amount_minor, self.currency)


class SettlementLine(models.Model):
    """One line of a settlement. Amounts are signed: positive comes to us. net = gross - fee - tax.

    A gateway's line is settled once, and so is a payment, a refund and the return of a failed one. `attempt`, `refund`
    and `dispute` are what it is about, where we know that; `explained_minor` is what of the gross they explain, and the
    rest lies in suspense.
    """

    settlement = models.ForeignKey(Settlement, on_delete=models.PROTECT, related_name="lines")
    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    line_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=LINE_KINDS)
    wire_kind = models.CharField("the gateway's word for it", max_length=60)
    entity_id = models.CharField(max_length=64, blank=True)
    payment_id = models.CharField(max_length=64, blank=True)
    currency = models.CharField(max_length=3)
    gross_minor = models.BigIntegerField("gross, minor units")
    fee_minor = models.BigIntegerField("fee, minor units")
    tax_minor = models.BigIntegerField("tax on the fee, minor units")
    net_minor = models.BigIntegerField("net, minor units")
    settled_at = models.DateTimeField()
    attempt = models.ForeignKey(
        PaymentAttempt, on_delete=models.PROTECT, null=True, blank=True, related_name="settlement_lines"
    )
    refund = models.ForeignKey(
        Refund, on_delete=models.PROTECT, null=True, blank=True, related_name="settlement_lines", db_index=False
    )
    dispute = models.ForeignKey(
        Dispute, on_delete=models.PROTECT, null=True, blank=True, related_name="settlement_lines", db_index=False
    )
    finding = models.CharField(max_length=10, choices=Finding.choices)
    explained_minor = models.BigIntegerField("explained, minor units")
    told_by = models.CharField(max_length=8, choices=Source.choices)
    # Since when the gateway's own word stands in its place: it counts no more.
    superseded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(
                fields=("gateway", "line_id"), condition=Q(superseded_at__isnull=True), name="settlement_line_once"
            ),
            models.UniqueConstraint(
                fields=("gateway", "kind", "entity_id"),
                condition=Q(kind__in=SETTLED_ONCE, superseded_at__isnull=True),
                name="settlement_line_entity_settled_once",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=[kind.value for kind in LineKind]), name="settlement_line_kind_known"
            ),
            models.CheckConstraint(condition=Q(finding__in=Finding.values), name="settlement_line_finding_known"),
            models.CheckConstraint(condition=Q(told_by__in=Source.values), name="settlement_line_told_by_known"),
            # The gateway does not take back what it has settled.
            models.CheckConstraint(
                condition=Q(superseded_at__isnull=True) | Q(told_by="file"), name="settlement_line_of_gateway_stays"
            ),
            models.CheckConstraint(
                condition=Q(net_minor=F("gross_minor") - F("fee_minor") - F("tax_minor")),
                name="settlement_line_net_is_gross_less_fees",
            ),
            models.CheckConstraint(
                condition=~Q(finding="matched") | Q(explained_minor=F("gross_minor")),
                name="settlement_line_matched_is_explained",
            ),
        )
        indexes = (
            models.Index(
                fields=("settlement", "id"),
                condition=~Q(finding="matched") & Q(superseded_at__isnull=True),
                name="settlement_line_unmatched",
            ),
            models.Index(fields=("refund",), condition=Q(refund__isnull=False), name="settlement_line_refund"),
        )

    def __str__(self) -> str:
        return self.line_id

    @property
    def net(self) -> Money:
        """What it adds to the settlement."""
        return Money(self.net_minor, self.currency)


class SettlementClaim(models.Model):
    """What a file claims a settlement to contain: its rows; none at all, where the file leaves a settlement out that
    was paid out between others of it.

    The last file speaks for a settlement, with those before it that share no row with it: the parts of one statement.
    `judged_at` is when it was compared with the gateway's own lines; until then it waits for them.
    """

    imported = models.ForeignKey(SettlementImport, on_delete=models.PROTECT, related_name="claims")
    gateway = models.CharField(max_length=16, choices=GatewayName.choices)
    gateway_settlement_id = models.CharField(max_length=64)
    rows_count = models.PositiveIntegerField("rows")
    judged_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("imported", "gateway_settlement_id"), name="settlement_claim_once"),
        )
        indexes = (
            models.Index(fields=("gateway", "gateway_settlement_id", "-imported"), name="settlement_claim_latest"),
            models.Index(
                fields=("gateway", "imported"), condition=Q(judged_at__isnull=True), name="settlement_claim_waiting"
            ),
        )

    def __str__(self) -> str:
        return f"{self.gateway_settlement_id} in {self.imported}"


class ClaimedRow(models.Model):
    """A row of a file, as it stands there. Amounts as in a line; `settled_since` and `settled_until` bound the
    half-open stretch in which it was settled, as exactly as the file says so."""

    claim = models.ForeignKey(SettlementClaim, on_delete=models.PROTECT, related_name="rows", db_index=False)
    file_line = models.PositiveIntegerField("line of the file")
    line_id = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=LINE_KINDS)
    wire_kind = models.CharField("the gateway's word for it", max_length=60)
    entity_id = models.CharField(max_length=64, blank=True)
    payment_id = models.CharField(max_length=64, blank=True)
    request_reference = models.CharField(max_length=64, blank=True)
    currency = models.CharField(max_length=3)
    gross_minor = models.BigIntegerField("gross, minor units")
    fee_minor = models.BigIntegerField("fee, minor units")
    tax_minor = models.BigIntegerField("tax on the fee, minor units")
    net_minor = models.BigIntegerField("net, minor units")
    settled_at = models.DateTimeField()
    settled_since = models.DateTimeField()
    settled_until = models.DateTimeField()
    bank_reference = models.CharField(max_length=64, blank=True)
    # A file that does not tell the tax on a fee has it in the fee.
    tax_is_known = models.BooleanField()
    # The row is the payout itself, and no line of it.
    is_payout = models.BooleanField()
    # The same line stands further up in the file.
    is_repeated = models.BooleanField()
    # How the row contradicts itself.
    problem = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("claim", "line_id", "file_line"), name="settlement_claimed_row_once"),
        )

    def __str__(self) -> str:
        return f"line {self.file_line}: {self.line_id}"
