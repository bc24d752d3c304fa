"""Stripe's paths. A trailing slash is optional."""

from __future__ import annotations

from django.urls import re_path

from payments.sandbox.faults import Call
from payments.sandbox.stripe_wire import disputes, intents, reads, refunds
from payments.sandbox.stripe_wire.door import Route, resource, unrecognized

_ID = r"(?P<id>[^/]+)"

urlpatterns = [
    re_path(
        r"^payment_intents/?$",
        resource(get=Route(intents.list_all), post=Route(intents.create, Call.CREATE)),
    ),
    re_path(
        rf"^payment_intents/{_ID}/?$",
        resource(get=Route(intents.retrieve, Call.RETRIEVE), post=Route(intents.update)),
    ),
    re_path(rf"^payment_intents/{_ID}/confirm/?$", resource(post=Route(intents.confirm))),
    re_path(rf"^payment_intents/{_ID}/capture/?$", resource(post=Route(intents.capture, Call.CAPTURE))),
    re_path(rf"^payment_intents/{_ID}/cancel/?$", resource(post=Route(intents.cancel))),
    re_path(r"^refunds/?$", resource(get=Route(refunds.list_all), post=Route(refunds.create, Call.REFUND))),
    re_path(rf"^refunds/{_ID}/?$", resource(get=Route(refunds.retrieve))),
    re_path(r"^charges/?$", resource(get=Route(reads.charges))),
    re_path(rf"^charges/{_ID}/?$", resource(get=Route(reads.charge))),
    re_path(r"^disputes/?$", resource(get=Route(disputes.list_all))),
    re_path(rf"^disputes/{_ID}/?$", resource(get=Route(disputes.retrieve))),
    re_path(r"^events/?$", resource(get=Route(reads.events))),
    re_path(rf"^events/{_ID}/?$", resource(get=Route(reads.event))),
    re_path(r"^balance_transactions/?$", resource(get=Route(reads.balance_transactions))),
    re_path(rf"^balance_transactions/{_ID}/?$", resource(get=Route(reads.balance_transaction))),
    re_path(r"^payouts/?$", resource(get=Route(reads.payouts))),
    re_path(rf"^payouts/{_ID}/?$", resource(get=Route(reads.payout))),
    re_path(r"", unrecognized),
]
