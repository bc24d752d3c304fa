"""Orders: what was bought, at which price, for whom, and everything that happened to it since."""

from orders.models.campaigns import (
    OPEN_CAMPAIGN_STATUSES,
    Campaign,
    CampaignHistory,
    CampaignStatus,
    FlyerImage,
    MailingKey,
)
from orders.models.coupons import Coupon, CouponBatch, CouponCode, CouponCustomer, CouponKind, CouponUse
from orders.models.credits import CreditGrant, CreditReminder, CreditRevocation
from orders.models.entries import EntryOrder
from orders.models.history import UNTOLD_EVENTS, ActorKind, HistoryEvent, Notice, NoticeKind, OrderHistory
from orders.models.invoices import Invoice, InvoiceCounter, InvoiceKind, InvoicePdf
from orders.models.orders import Fulfilment, Order, OrderLine, OrderStatus, OrderType, PaymentTerms
from orders.models.refunds import OrderRefund, OrderRefundLine, RefundKind
from orders.models.write_offs import OrderWriteOff

__all__ = [
    "OPEN_CAMPAIGN_STATUSES",
    "UNTOLD_EVENTS",
    "ActorKind",
    "Campaign",
    "CampaignHistory",
    "CampaignStatus",
    "Coupon",
    "CouponBatch",
    "CouponCode",
    "CouponCustomer",
    "CouponKind",
    "CouponUse",
    "CreditGrant",
    "CreditReminder",
    "CreditRevocation",
    "EntryOrder",
    "FlyerImage",
    "Fulfilment",
    "HistoryEvent",
    "Invoice",
    "InvoiceCounter",
    "InvoiceKind",
    "InvoicePdf",
    "MailingKey",
    "Notice",
    "NoticeKind",
    "Order",
    "OrderHistory",
    "OrderLine",
    "OrderRefund",
    "OrderRefundLine",
    "OrderStatus",
    "OrderType",
    "OrderWriteOff",
    "PaymentTerms",
    "RefundKind",
]
