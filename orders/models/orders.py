"""The order and its lines. `Order.status` is first written by `orders.placement` and from then on by `orders.status`
alone; lines and amounts never change after an order is placed.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Case, F, Q, Value, When

from catalog.models import DeliveryMethod, ProductKind, Variant
from customers.models import Customer
from kit.ids import new_id
from kit.money import Money
from orders.queries import OrderQuerySet
from orders.taxes.arithmetic import TaxRounding


class OrderStatus(models.TextChoices):
    """The six states of an order."""

    PAYMENT_PENDING = "payment_pending", "Payment Pending"
    PARTIALLY_PAID = "partially_paid", "Partially Paid"
    PAID = "paid", "Paid"
    CANCELLED = "cancelled", "Cancelled"
    COMPLETED = "completed", "Completed"
    REFUNDED = "refunded", "Refunded"


class Fulfilment(models.TextChoices):
    """Where the goods are; an axis of its own beside the status."""

    UNFULFILLED = "unfulfilled", "Not sent yet"
    SENT = "sent", "Sent"
    DELIVERED = "delivered", "Delivered"


class PaymentTerms(models.TextChoices):
    """When the money is due."""

    PREPAID = "prepaid", "Prepaid"  # through a gateway; the order expires when nobody pays
    ON_DELIVERY = "on_delivery", "On delivery"  # cash; never expires


class OrderType(models.TextChoices):
    """What an order is for: what its payment does beside paying for goods follows from it."""

    PURCHASE = "purchase", "Purchase"
    UPGRADE = "upgrade", "Package upgrade"
    RENEWAL = "renewal", "Package renewal"
    ENTRY = "entry", "Event entry"
    CREDIT = "credit", "Prepaid credit"


class Order(models.Model):
    """A purchase. Amounts are integers of minor units; total = products - discount + tax + delivery - credits, where
    the tax is left out if the prices include it.

    `tax_minor` is all of its tax, `delivery_tax_minor` that on the delivery. What the delivery costs is after
    `delivery_discount_minor`, which no other discount contains.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    number = models.BigIntegerField(
        unique=True, editable=False, db_default=models.Func(models.Value("orders_order_number_seq"), function="nextval")
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="orders")
    status = models.CharField(max_length=16, choices=OrderStatus.choices, default=OrderStatus.PAYMENT_PENDING)
    fulfilment = models.CharField(max_length=16, choices=Fulfilment.choices, default=Fulfilment.UNFULFILLED)
    payment_terms = models.CharField(max_length=16, choices=PaymentTerms.choices)
    dialect = models.CharField(max_length=20, help_text="The interface through which it was placed.")
    order_type = models.CharField(
        max_length=16, choices=OrderType.choices, default=OrderType.PURCHASE, db_default=OrderType.PURCHASE
    )

    currency = models.CharField(max_length=3)
    products_minor = models.BigIntegerField("products, minor units")
    discount_minor = models.BigIntegerField("discount, minor units", default=0)
    tax_minor = models.BigIntegerField("tax, minor units", default=0)
    delivery_minor = models.BigIntegerField("delivery, minor units", default=0)
    credits_minor = models.BigIntegerField("credits, minor units", default=0)
    total_minor = models.BigIntegerField("total, minor units")
    delivery_discount_minor = models.BigIntegerField("delivery discount, minor units", default=0, db_default=0)
    coupon_code = models.CharField(max_length=64, blank=True, default="", db_default="")
    prices_include_tax = models.BooleanField(default=False, db_default=False)
    tax_rounding = models.CharField(
        max_length=20,
        choices=[(mode.value, mode.value) for mode in TaxRounding],
        default=TaxRounding.LINE_HALF_UP.value,
        db_default=TaxRounding.LINE_HALF_UP.value,
    )
    delivery_tax_minor = models.BigIntegerField("tax on the delivery, minor units", default=0, db_default=0)
    # As on a line.
    delivery_tax_category = models.CharField(max_length=32, blank=True, default="", db_default="")
    delivery_taxes = models.JSONField(default=list, db_default=[], blank=True)
    delivery_zero_reason = models.CharField(max_length=40, blank=True, default="", db_default="")
    # What payments say of this order, copied by `settle` under the order's lock: the status follows from these two.
    collected_minor = models.BigIntegerField("collected, minor units", default=0, editable=False)
    refunded_minor = models.BigIntegerField("refunded, minor units", default=0, editable=False)
    # What of the credits refunds have given back; an order that is called off gives back the rest.
    credits_returned_minor = models.BigIntegerField(
        "credits given back, minor units", default=0, db_default=0, editable=False
    )
    # What of the rest a person has given up and has not come since: our own matter, the customer owes it as before.
    written_off_minor = models.BigIntegerField("written off, minor units", default=0, db_default=0, editable=False)

    # Refunded before it was paid in full or sent: nothing is due for it, whatever is paid for it later.
    given_up = models.BooleanField(default=False, db_default=False, editable=False)
    # Orders from before there were invoices need none, until somebody asks for them (`issue_invoices`).
    needs_invoice = models.BooleanField(default=True, db_default=True, editable=False)

    # Snapshots: what the customer and the delivery method say later changes no order.
    email = models.EmailField(max_length=254)
    first_name = models.CharField(max_length=100, blank=True, default="", db_default="")
    last_name = models.CharField(max_length=100, blank=True, default="", db_default="")
    phone = models.CharField(max_length=32, blank=True, default="", db_default="")
    # The buyer's VAT number or GSTIN.
    tax_number = models.CharField(max_length=20, blank=True, default="", db_default="")
    # None where nothing is delivered; then the address, as far as there is one, is the buyer's.
    delivery_method = models.ForeignKey(DeliveryMethod, on_delete=models.PROTECT, null=True, related_name="+")
    delivery_name = models.CharField(max_length=120, blank=True)
    street = models.CharField(max_length=200, blank=True)
    city = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=120, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    country = models.CharField(max_length=2)
    notes = models.TextField(blank=True)

    # Under which name the catalogue holds its stock; an order revived by late money holds it under a new one.
    reservation_id = models.UUIDField(editable=False)
    # The edge's idempotency record that placed it: a retry after a crash finds its order here instead of a second one.
    placement_key = models.UUIDField(null=True, unique=True, editable=False)
    placed_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    # The customer's own confirmation that they paid (a webhook may have told us long before); it is given once.
    confirmed_at = models.DateTimeField(null=True, blank=True)
    # The edge's idempotency record that it was given under: a retry whose first answer got lost finds its own here.
    confirmed_by = models.UUIDField(null=True, editable=False)
    carrier = models.CharField(max_length=60, blank=True)
    tracking_number = models.CharField(max_length=80, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[models.Manager[Order]] = OrderQuerySet.as_manager()

    class Meta:
        ordering = ("-number",)
        permissions = (
            ("fulfil_order", "Can mark orders as sent and delivered"),
            ("collect_cash", "Can record cash received for orders"),
            ("cancel_order", "Can cancel orders"),
            ("ask_gateway", "Can ask gateways how payments stand, and take over what they say"),
            ("request_payment", "Can ask customers for a further payment of orders"),
            ("capture_payment", "Can capture money that is held for orders"),
            ("void_payment", "Can call off payments of orders, and let go of money that is held for them"),
            ("refund_order", "Can give money back for orders, or ask a second person to"),
            ("write_off_order", "Can write off what customers owe for orders, or ask a second person to"),
        )
        constraints = (
            models.CheckConstraint(condition=Q(status__in=OrderStatus.values), name="order_status_known"),
            models.CheckConstraint(condition=Q(fulfilment__in=Fulfilment.values), name="order_fulfilment_known"),
            models.CheckConstraint(condition=Q(payment_terms__in=PaymentTerms.values), name="order_terms_known"),
            models.CheckConstraint(
                condition=Q(products_minor__gte=0, discount_minor__gte=0, tax_minor__gte=0)
                & Q(delivery_minor__gte=0, credits_minor__gte=0, total_minor__gte=0),
                name="order_amounts_not_negative",
            ),
            models.CheckConstraint(condition=Q(order_type__in=OrderType.values), name="order_type_known"),
            models.CheckConstraint(
                condition=Q(
                    total_minor=F("products_minor")
                    - F("discount_minor")
                    + Case(
                        When(prices_include_tax=True, then=Value(0)),
                        default=F("tax_minor"),
                        output_field=models.BigIntegerField(),
                    )
                    + F("delivery_minor")
                    - F("credits_minor")
                ),
                name="order_total_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(delivery_tax_minor__gte=0, delivery_discount_minor__gte=0)
                & Q(delivery_tax_minor__lte=F("tax_minor")),
                name="order_delivery_tax_is_part_of_the_tax",
            ),
            models.CheckConstraint(
                condition=Q(collected_minor__gte=0, refunded_minor__gte=0, refunded_minor__lte=F("collected_minor")),
                name="order_refunded_within_collected",
            ),
            models.CheckConstraint(
                condition=Q(credits_returned_minor__gte=0, credits_returned_minor__lte=F("credits_minor")),
                name="order_credits_returned_within_credits",
            ),
            # The second wall behind `status.by_money`: no order is called paid that is not.
            models.CheckConstraint(
                condition=~Q(status__in=("paid", "completed")) | Q(collected_minor__gte=F("total_minor")),
                name="order_paid_means_collected",
            ),
            models.CheckConstraint(
                condition=~Q(status="completed") | Q(fulfilment="delivered"), name="order_completed_means_delivered"
            ),
            models.CheckConstraint(
                condition=Q(given_up=False) | Q(status="refunded", fulfilment="unfulfilled"),
                name="order_given_up_means_refunded",
            ),
            # Before they are sent, goods that nobody pays are cancelled.
            models.CheckConstraint(
                condition=Q(written_off_minor=0)
                | Q(written_off_minor__gt=0, fulfilment__in=("sent", "delivered")) & ~Q(status="cancelled"),
                name="order_written_off_means_sent",
            ),
            models.CheckConstraint(
                condition=~Q(payment_terms="on_delivery") | Q(expires_at__isnull=True), name="order_cash_never_expires"
            ),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="order_country_is_alpha2"),
        )
        indexes = (
            models.Index(fields=("customer", "-number"), name="order_of_customer"),
            models.Index(fields=("status", "-number"), name="order_by_status"),
            # By the whole e-mail or its beginning, whatever the database's collation, the newest first.
            models.Index(
                fields=("email", "-number"), opclasses=("varchar_pattern_ops", "int8_ops"), name="order_by_email"
            ),
            models.Index(fields=("placed_at",), name="order_by_placed_at"),
            models.Index(
                fields=("expires_at",),
                condition=Q(status="payment_pending", expires_at__isnull=False),
                name="order_to_expire",
            ),
        )

    def __str__(self) -> str:
        return f"Order {self.number}"

    @property
    def total(self) -> Money:
        """What the customer pays for it all."""
        return Money(self.total_minor, self.currency)


class OrderLine(models.Model):
    """One thing bought, as it was called, priced and taxed when it was bought.

    `taxes` are the levies that `tax_minor` is made of, each a name, a rate in millionths and an amount in minor units;
    `zero_reason` says why there is none.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    position = models.PositiveSmallIntegerField()
    variant = models.ForeignKey(Variant, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=16, choices=ProductKind.choices)
    title = models.CharField(max_length=200)
    variant_title = models.CharField(max_length=200, blank=True)
    sku = models.CharField("SKU", max_length=64)
    quantity = models.IntegerField()
    unit_price_minor = models.BigIntegerField("unit price, minor units")
    discount_minor = models.BigIntegerField("discount, minor units", default=0)
    tax_minor = models.BigIntegerField("tax, minor units", default=0)
    tax_category = models.CharField(max_length=32, blank=True, default="", db_default="")
    taxes = models.JSONField(default=list, db_default=[], blank=True)
    zero_reason = models.CharField(max_length=40, blank=True, default="", db_default="")
    hsn_code = models.CharField("HSN or SAC code", max_length=8, blank=True, default="", db_default="")

    class Meta:
        ordering = ("order", "position")
        constraints = (
            models.UniqueConstraint(fields=("order", "position"), name="order_line_position_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="order_line_quantity_positive"),
            models.CheckConstraint(
                condition=Q(unit_price_minor__gte=0, discount_minor__gte=0, tax_minor__gte=0)
                & Q(discount_minor__lte=F("unit_price_minor") * F("quantity")),
                name="order_line_amounts_not_negative",
            ),
        )

    def __str__(self) -> str:
        return f"{self.quantity} x {self.title}"

    @property
    def amount_minor(self) -> int:
        """Quantity times unit price, before discount and tax."""
        return self.quantity * self.unit_price_minor
