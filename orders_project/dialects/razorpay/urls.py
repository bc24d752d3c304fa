"""Routes of the Razorpay dialect; a trailing slash is optional."""

from django.urls import re_path

from orders_project.dialects.razorpay import views

_ID = r"(?P<id>[^/]+)"

urlpatterns = [
    re_path(r"^v1/orders/?\Z", views.orders, name="razorpay-orders"),
    re_path(rf"^v1/orders/{_ID}/?\Z", views.order, name="razorpay-order"),
    re_path(rf"^v1/orders/{_ID}/payments/?\Z", views.order_payments, name="razorpay-order-payments"),
    re_path(rf"^v1/payments/{_ID}/?\Z", views.payment, name="razorpay-payment"),
    re_path(rf"^v1/payments/{_ID}/capture/?\Z", views.capture, name="razorpay-capture"),
    re_path(rf"^v1/payments/{_ID}/refund/?\Z", views.refund, name="razorpay-refund"),
    re_path(rf"^v1/payments/{_ID}/refunds/?\Z", views.payment_refunds, name="razorpay-payment-refunds"),
    re_path(
        rf"^v1/payments/{_ID}/refunds/(?P<refund_id>[^/]+)/?\Z", views.payment_refund, name="razorpay-payment-refund"
    ),
    re_path(r"^v1/refunds/?\Z", views.refunds, name="razorpay-refunds"),
    re_path(rf"^v1/refunds/{_ID}/?\Z", views.one_refund, name="razorpay-one-refund"),
    re_path(r"^v1(?:/|\Z)", views.nothing_here, name="razorpay-nothing"),
]
