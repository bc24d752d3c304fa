"""Routes of orders, their payments, refunds and flyers, of coupons, credit, checkouts and event entries under /api/v1/.
A trailing slash is optional.
"""

from django.urls import re_path

from orders.api.checkout import StandingView, VerifyView
from orders.api.coupons import CouponPreviewView
from orders.api.credits import CreditsView
from orders.api.entries import EntriesView, EntryView, EventEntriesView, EventsView
from orders.api.flyers import FlyerFiguresView, FlyersView, FlyerView
from orders.api.images import FlyerImagesView
from orders.api.payments import PaymentsView
from orders.api.placing import PlacingView
from orders.api.refunds import ApproveRefundView, RefundsView, RefundView, RefuseRefundView
from orders.api.views import CancelOrderView, OrderView

urlpatterns = [
    re_path(r"^orders/?\Z", PlacingView.as_view(), name="orders"),
    re_path(r"^orders/(?P<key>[^/]+)/?\Z", OrderView.as_view(), name="order"),
    re_path(r"^orders/(?P<key>[^/]+)/cancel/?\Z", CancelOrderView.as_view(), name="order-cancel"),
    re_path(r"^orders/(?P<key>[^/]+)/payments/?\Z", PaymentsView.as_view(), name="order-payments"),
    re_path(r"^orders/(?P<key>[^/]+)/refunds/?\Z", RefundsView.as_view(), name="order-refunds"),
    re_path(r"^orders/(?P<key>[^/]+)/refunds/(?P<refund>[^/]+)/?\Z", RefundView.as_view(), name="order-refund"),
    re_path(
        r"^orders/(?P<key>[^/]+)/refunds/(?P<refund>[^/]+)/approve/?\Z",
        ApproveRefundView.as_view(),
        name="order-refund-approve",
    ),
    re_path(
        r"^orders/(?P<key>[^/]+)/refunds/(?P<refund>[^/]+)/refuse/?\Z",
        RefuseRefundView.as_view(),
        name="order-refund-refuse",
    ),
    re_path(r"^coupons/preview/?\Z", CouponPreviewView.as_view(), name="coupon-preview"),
    re_path(r"^orders/(?P<key>[^/]+)/flyers/?\Z", FlyersView.as_view(), name="order-flyers"),
    re_path(r"^orders/(?P<key>[^/]+)/flyers/(?P<flyer>[^/]+)/?\Z", FlyerView.as_view(), name="order-flyer"),
    re_path(r"^flyers/(?P<id>[^/]+)/figures/?\Z", FlyerFiguresView.as_view(), name="flyer-figures"),
    re_path(r"^flyer-images/?\Z", FlyerImagesView.as_view(), name="flyer-images"),
    re_path(r"^credits/?\Z", CreditsView.as_view(), name="credits"),
    re_path(r"^payments/razorpay/verify/?\Z", VerifyView.as_view(), name="razorpay-verify"),
    re_path(r"^payments/razorpay/(?P<reference>[^/]+)/?\Z", StandingView.as_view(), name="razorpay-standing"),
    re_path(r"^events/?\Z", EventsView.as_view(), name="events"),
    re_path(r"^events/(?P<slug>[^/]+)/entries/?\Z", EventEntriesView.as_view(), name="event-entries"),
    re_path(r"^entries/?\Z", EntriesView.as_view(), name="entries"),
    re_path(r"^entries/(?P<id>[^/]+)/?\Z", EntryView.as_view(), name="entry"),
]
