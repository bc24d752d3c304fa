"""Razorpay's paths. A trailing slash is optional."""

from __future__ import annotations

from django.urls import re_path

from payments.sandbox.faults import Call
from payments.sandbox.razorpay_wire import disputes, orders, payments, refunds, settlements
from payments.sandbox.razorpay_wire.door import Route, resource, unrecognized

_ID = r"(?P<id>[^/]+)"

urlpatterns = [
    re_path(r"^orders/?$", resource(get=Route(orders.list_all), post=Route(orders.create, Call.CREATE))),
    re_path(rf"^orders/{_ID}/?$", resource(get=Route(orders.retrieve, Call.RETRIEVE), patch=Route(orders.edit))),
    re_path(rf"^orders/{_ID}/payments/?$", resource(get=Route(orders.payments, Call.RETRIEVE))),
    re_path(r"^payments/?$", resource(get=Route(payments.list_all))),
    re_path(rf"^payments/{_ID}/?$", resource(get=Route(payments.retrieve, Call.RETRIEVE))),
    re_path(rf"^payments/{_ID}/capture/?$", resource(post=Route(payments.capture, Call.CAPTURE))),
    re_path(rf"^payments/{_ID}/refund/?$", resource(post=Route(refunds.create, Call.REFUND))),
    re_path(rf"^payments/{_ID}/refunds/?$", resource(get=Route(refunds.list_of_payment))),
    re_path(r"^refunds/?$", resource(get=Route(refunds.list_all))),
    re_path(rf"^refunds/{_ID}/?$", resource(get=Route(refunds.retrieve))),
    re_path(r"^disputes/?$", resource(get=Route(disputes.list_all))),
    re_path(rf"^disputes/{_ID}/?$", resource(get=Route(disputes.retrieve))),
    re_path(r"^settlements/?$", resource(get=Route(settlements.list_all))),
    re_path(r"^settlements/recon/combined/?$", resource(get=Route(settlements.recon))),
    re_path(rf"^settlements/{_ID}/?$", resource(get=Route(settlements.retrieve))),
    re_path(r"", unrecognized),
]
