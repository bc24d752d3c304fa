"""Things on sale: products and their variants, packages, ways of delivery, and stock with every movement of it.

Stock is written by `catalog.stock` alone; the movements are append-only and always sum to the counters.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Mod
from django.db.models.lookups import Exact

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
    ENTRY = "entry", "Event entry"  # a place at an event; its stock is the places
    CREDIT = "credit", "Prepaid credit"  # worth its price, once it is paid


STANDARD_TAX = "standard"
"""The tax category of what nobody has put into another one."""
EVENT_SLUG = r"^(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*$"
_tax_category = RegexValidator(r"\A[a-z][a-z0-9-]*\Z", "Lower-case letters, digits and hyphens.")


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
    tax_category = models.CharField(
        max_length=32, default=STANDARD_TAX, db_default=STANDARD_TAX, validators=[_tax_category]
    )
    hsn_code = models.CharField(
        "HSN or SAC code",
        max_length=8,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(r"\A\d{4,8}\Z", "Four to eight digits.")],
        help_text="India's code of goods or services, which invoices there carry.",
    )
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
    tax_category = models.CharField(
        max_length=32, default=STANDARD_TAX, db_default=STANDARD_TAX, validators=[_tax_category]
    )
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


class TaxRate(models.Model):
    """One tax on one category of things that go to one place, from a day on.

    Of several rates with one name the most specific counts: that of a postcode before that of a state before that of
    the country; of the same place the one that began last. Rates with different names add up, such as a state's and a
    city's. What has begun is never changed: a new rate begins on a later day.
    """

    name = models.CharField(max_length=40, help_text="As invoices show it: VAT, GST, NY sales tax.")
    country = models.CharField(max_length=2, validators=[RegexValidator(r"^[A-Z]{2}$")])
    state = models.CharField(
        max_length=3,
        blank=True,
        validators=[RegexValidator(r"\A[A-Z0-9]{1,3}\Z")],
        help_text="ISO 3166-2, without the country.",
    )
    postcodes = models.CharField(
        max_length=20,
        blank=True,
        validators=[RegexValidator(r"\A[A-Z0-9 -]+\*?\Z")],
        help_text="One postcode, or its beginning and a star: 900*. Empty: all.",
    )
    category = models.CharField(max_length=32, default=STANDARD_TAX, validators=[_tax_category])
    # Millionths, so that 8.875 % is exact.
    rate_ppm = models.PositiveIntegerField("rate, millionths", help_text="190000 is 19 %.")
    zero_reason = models.CharField(
        max_length=40, blank=True, help_text="Why nothing is charged, where the rate is zero: exempt, zero-rated."
    )
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True, help_text="The first day on which it no longer counts.")

    class Meta:
        ordering = ("country", "state", "postcodes", "category", "name", "-valid_from")
        constraints = (
            models.UniqueConstraint(
                fields=("country", "state", "postcodes", "category", "name", "valid_from"), name="tax_rate_once"
            ),
            models.CheckConstraint(condition=Q(rate_ppm__lte=1_000_000), name="tax_rate_at_most_whole"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")), name="tax_rate_ends_later"
            ),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="tax_rate_country_is_alpha2"),
            models.CheckConstraint(condition=Q(rate_ppm=0) | Q(zero_reason=""), name="tax_rate_reason_is_for_zero"),
            # India's is split into two equal halves where both ends are in one state.
            models.CheckConstraint(
                condition=~Q(country="IN") | Q(Exact(Mod(F("rate_ppm"), 2), 0)), name="tax_rate_of_india_has_halves"
            ),
        )

    def __str__(self) -> str:
        place = " ".join(part for part in (self.country, self.state, self.postcodes) if part)
        return f"{self.name} {place} {self.category}"


class Event(models.Model):
    """Something to take part in. What an entry costs is the price of its one variant, and its places are that variant's
    stock: none is given away twice, whatever runs at once.

    Entries are taken from `opens_at` until `closes_at`. Who made and changed it are ids of users, who stand above.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    variant = models.OneToOneField(Variant, on_delete=models.PROTECT, related_name="event", editable=False)
    name = models.CharField(max_length=200)
    slug = models.CharField(
        max_length=80,
        unique=True,
        validators=[RegexValidator(EVENT_SLUG, "Lower-case letters, digits and single hyphens, with a letter.")],
    )
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    created_by = models.UUIDField(null=True, editable=False)
    updated_by = models.UUIDField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-opens_at", "slug")
        constraints = (
            models.CheckConstraint(condition=Q(closes_at__gt=F("opens_at")), name="event_closes_after_it_opens"),
            models.CheckConstraint(condition=Q(slug__regex=EVENT_SLUG), name="event_slug_is_one"),
        )

    def __str__(self) -> str:
        return self.name

    def is_open(self, instant: datetime) -> bool:
        """Whether entries are taken then."""
        return self.opens_at <= instant < self.closes_at
