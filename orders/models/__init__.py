"""Orders: what was bought, at which price, for whom, and everything that happened to it since."""

from orders.models.coupons import Coupon, CouponCode, CouponCustomer, CouponKind, CouponUse
from orders.models.entries import EntryOrder
from orders.models.history import ActorKind, HistoryEvent, Notice, NoticeKind, OrderHistory
from orders.models.invoices import Invoice, InvoiceCounter, InvoiceKind, InvoicePdf
from orders.models.orders import Fulfilment, Order, OrderLine, OrderStatus, OrderType, PaymentTerms
from orders.models.packages import PackageOrder, PackageOutcome
from orders.models.refunds import OrderRefund, OrderRefundLine, RefundKind

__all__ = [
    "ActorKind",
    "Coupon",
    "CouponCode",
    "CouponCustomer",
    "CouponKind",
    "CouponUse",
    "EntryOrder",
    "Fulfilment",
    "HistoryEvent",
    "Invoice",
    "InvoiceCounter",
    "InvoiceKind",
    "InvoicePdf",
    "Notice",
    "NoticeKind",
    "Order",
    "OrderHistory",
    "OrderLine",
    "OrderRefund",
    "OrderRefundLine",
    "OrderStatus",
    "OrderType",
    "PackageOrder",
    "PackageOutcome",
    "PaymentTerms",
    "RefundKind",
]
