"""Finding money by what a gateway calls it. Every look-up names all gateways, since its index begins with them."""

from __future__ import annotations

import uuid

from payments.models import GatewayName, PaymentAttempt, PaymentRequest, Refund

_GATEWAYS = GatewayName.values


def requests_of_gateway_id(reference: str) -> set[uuid.UUID]:
    """The payment requests that a gateway's id means: of the request itself, of an attempt, or of a refund.

    Three statements, each by an index.
    """
    requests = PaymentRequest.objects.filter(gateway__in=_GATEWAYS, gateway_reference=reference)
    attempts = PaymentAttempt.objects.filter(gateway__in=_GATEWAYS, gateway_payment_id=reference)
    refunds = Refund.objects.filter(gateway_refund_id=reference)
    return {
        *requests.order_by().values_list("pk", flat=True),
        *attempts.order_by().values_list("request_id", flat=True),
        *refunds.order_by().values_list("attempt__request_id", flat=True),
    }


def subjects_of_gateway_id(reference: str) -> set[uuid.UUID]:
    """What the money is for that a gateway's id means."""
    return _subjects(requests_of_gateway_id(reference))


def subjects_of_request(request_id: uuid.UUID) -> set[uuid.UUID]:
    """What the money of a payment request is for; none if there is no such request."""
    return _subjects({request_id})


def _subjects(request_ids: set[uuid.UUID]) -> set[uuid.UUID]:
    requests = PaymentRequest.objects.filter(pk__in=request_ids).order_by()
    return set(requests.values_list("subject_id", flat=True))
