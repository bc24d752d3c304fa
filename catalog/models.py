"""Things on sale: products and their variants, packages, ways of delivery, and stock with every movement of it.

Stock is written by `catalog.stock` alone; the movements are append-only and always sum to the counters.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from kit import money
from kit.ids import new_id


def currency_choices() -> list[tuple[str, str]]:
    """Every currency that money knows; a function, so that a new one asks for no migration."""
    return [(code, code) for code in sorted(money.CURRENCIES)]


class Words(models.Func):
    """The words of a short text for searching; what joins the words of an SKU parts them here."""

    template = "to_tsvector('simple'::regconfig, translate(%(expressions)s, '-_./+#:', '       '))"
    output_field = SearchVectorField()
    arity = 1


class ProductKind(models.TextChoices):
    """What a product is decides how it is delivered."""

    PHYSICAL = "physical", "Physical"
    PACKAGE = "package", "Package"
    FLYER = "flyer", "Flyer campaign"


class Product(models.Model):
    """Something on sale. What is bought is always one of its variants; each product has at least one."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.BigIntegerField(
        unique=True,
        editable=False,
        db_default=models.Func(models.Value("catalog_product_number_seq"), function="nextval"),
        help_text="The integer by which back-end integrations name the product.",
    )
    kind = models.CharField(max_length=16, choices=ProductKind.choices, default=ProductKind.PHYSICAL)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("number",)
        constraints = (
            models.CheckConstraint(condition=Q(kind__in=ProductKind.values), name="product_kind_known"),
            models.CheckConstraint(condition=~Q(title=""), name="product_has_title"),
        )
        indexes = (
            models.Index(fields=("kind", "number"), condition=Q(active=True), name="product_on_sale"),
            GinIndex(Words("title"), name="product_title_words"),
        )

    def __str__(self) -> str:
        return self.title


class Variant(models.Model):
    """One buyable form of a product, with its own price. The lowest position is the product's default variant."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="variants")
    sku = models.CharField("SKU", max_length=64, unique=True)
    title = models.CharField(max_length=200, blank=True, help_text="What sets it apart, such as its size.")
    price_minor = models.BigIntegerField("price, minor units")
    currency = models.CharField(max_length=3, choices=currency_choices)
    weight_grams = models.PositiveIntegerField(default=0)
    position = models.PositiveSmallIntegerField(default=0)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("product", "position", "sku")
        constraints = (
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="variant_price_not_negative"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="variant_currency_code"),
        )
        indexes = (GinIndex(Words("sku"), name="variant_sku_words"),)

    def __str__(self) -> str:
        return f"{self.sku} {self.title}".strip()

    @property
    def price(self) -> money.Money:
        """Today's price."""
        return money.Money(self.price_minor, self.currency)


class Package(models.Model):
    """What a product of kind package makes of its buyer: a member of a tier, for so many days.

    Days and not months: days add up. Renewals give the same end in whatever order they come, one of them can be taken
    off again without looking at the others, and what is left of a period is an exact share of it.
    """

    product = models.OneToOneField(Product, on_delete=models.PROTECT, primary_key=True, related_name="package")
    tier = models.PositiveSmallIntegerField(help_text="Its rank: an upgrade goes to a higher one.")
    validity_days = models.PositiveSmallIntegerField("valid for days", help_text="A year is 365.")
    # Whether its product is, as the database keeps it: tiers have to differ among packages on sale alone.
    on_sale = models.BooleanField(default=True, editable=False)

    class Meta:
        ordering = ("tier", "product")
        constraints = (
            models.CheckConstraint(condition=Q(tier__gte=1), name="package_tier_counts_from_one"),
            models.CheckConstraint(condition=Q(validity_days__range=(1, 3660)), name="package_validity_in_bounds"),
            models.UniqueConstraint(fields=("tier",), condition=Q(on_sale=True), name="package_tier_once_on_sale"),
        )

    def __str__(self) -> str:
        return f"Tier {self.tier}"


class Stock(models.Model):
    """How many of a variant there are, and how many of those are promised to orders not yet sent."""

    variant = models.OneToOneField(Variant, on_delete=models.PROTECT, primary_key=True, related_name="stock")
    on_hand = models.IntegerField(default=0, editable=False)
    reserved = models.IntegerField(default=0, editable=False)

    class Meta:
        verbose_name_plural = "stock"
        constraints = (
            models.CheckConstraint(condition=Q(on_hand__gte=0), name="stock_on_hand_not_negative"),
            models.CheckConstraint(condition=Q(reserved__gte=0), name="stock_reserved_not_negative"),
            models.CheckConstraint(condition=Q(reserved__lte=F("on_hand")), name="stock_never_oversold"),
        )

    def __str__(self) -> str:
        return f"{self.available} available"

    @property
    def available(self) -> int:
        """What can still be sold."""
        return self.on_hand - self.reserved


class MovementKind(models.TextChoices):
    """Why stock moved."""

    RECEIVED = "received", "Received"  # goods came in, or a count found more
    WRITTEN_OFF = "written_off", "Written off"  # a count found less, or goods were damaged
    RESERVED = "reserved", "Reserved"  # an order was placed
    RELEASED = "released", "Released"  # the order was cancelled or expired
    SENT = "sent", "Sent"  # the order's goods left the house


class StockMovement(models.Model):
    """One change of one variant's stock. Never changed, never deleted: the database refuses both."""

    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="movements")
    kind = models.CharField(max_length=16, choices=MovementKind.choices)
    on_hand_change = models.IntegerField()
    reserved_change = models.IntegerField()
    # Of whom or what it was done: an order's id, a delivery note. No foreign key: orders stand above the catalogue.
    source_id = models.UUIDField()
    reason = models.CharField(max_length=200, blank=True)
    moved_at = models.DateTimeField(db_default=models.functions.Now())

    class Meta:
        ordering = ("-id",)
        constraints = (
            # A second release or a second reservation for one source cannot be written, whoever asks.
            models.UniqueConstraint(fields=("source_id", "variant", "kind"), name="stock_moves_once_per_source"),
            # What is reserved is released or sent, never both.
            models.UniqueConstraint(
                fields=("source_id", "variant"),
                condition=Q(kind__in=("released", "sent")),
                name="stock_reservation_ends_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="received", on_hand_change__gt=0, reserved_change=0)
                | Q(kind="written_off", on_hand_change__lt=0, reserved_change=0)
                | Q(kind="reserved", on_hand_change=0, reserved_change__gt=0)
                | Q(kind="released", on_hand_change=0, reserved_change__lt=0)
                | Q(kind="sent", on_hand_change__lt=0, reserved_change=F("on_hand_change")),
                name="stock_movement_moves_what_its_kind_says",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.on_hand_change or self.reserved_change}"


class DeliveryMethod(models.Model):
    """A way for goods to reach a customer: where to, how heavy, for how much."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    price_minor = models.BigIntegerField("price, minor units")
    currency = models.CharField(max_length=3, choices=currency_choices)
    countries = ArrayField(
        models.CharField(max_length=2, validators=[RegexValidator(r"^[A-Z]{2}$")]),
        default=list,
        blank=True,
        help_text="ISO 3166 alpha-2 codes; empty means everywhere.",
    )
    max_weight_grams = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: no limit.")
    cash_on_delivery = models.BooleanField(default=False, help_text="May an order be paid for on delivery?")
    kinds = ArrayField(models.CharField(max_length=16, choices=ProductKind.choices), help_text="What it can carry.")
    position = models.PositiveSmallIntegerField(default=0)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("position", "name")
        constraints = (
            models.CheckConstraint(condition=Q(price_minor__gte=0), name="delivery_price_not_negative"),
            models.CheckConstraint(condition=~Q(kinds=[]), name="delivery_carries_something"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="delivery_currency_code"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def price(self) -> money.Money:
        """What one delivery costs."""
        return money.Money(self.price_minor, self.currency)
