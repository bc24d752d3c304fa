"""The sandbox's books. Amounts are minor units, times Unix seconds, ids those of the wire (`public_id`)."""

from payments.sandbox.models.disputes import Dispute
from payments.sandbox.models.razorpay import RazorpayOrder, RazorpayPayment, RazorpayRefund
from payments.sandbox.models.settling import BalanceEntry, Payout
from payments.sandbox.models.stripe import Charge, PaymentIntent, StripeRefund
from payments.sandbox.models.wire import ArmedFault, Delivery, Event, Gateway, StoredAnswer

__all__ = [
    "ArmedFault",
    "BalanceEntry",
    "Charge",
    "Delivery",
    "Dispute",
    "Event",
    "Gateway",
    "PaymentIntent",
    "Payout",
    "RazorpayOrder",
    "RazorpayPayment",
    "RazorpayRefund",
    "StoredAnswer",
    "StripeRefund",
]
