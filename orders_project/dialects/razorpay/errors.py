"""What a merchant is told when something is refused: one table, and Razorpay's envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from kit import strict_json
from kit.errors import DomainError

BAD_REQUEST, GATEWAY, SERVER = "BAD_REQUEST_ERROR", "GATEWAY_ERROR", "SERVER_ERROR"


class Refusal(Exception):
    """The call is refused in these words; nothing was done."""

    def __init__(
        self,
        description: str,
        *,
        field: str | None = None,
        reason: str = "input_validation_failed",
        step: str = "payment_initiation",
        status: int = 400,
        code: str = BAD_REQUEST,
        source: str = "business",
    ) -> None:
        super().__init__(description)
        self.status = status
        self.error: dict[str, Any] = {
            "code": code,
            "description": description,
            "source": source,
            "step": step,
            "reason": reason,
            "metadata": {},
        }
        if field is not None:
            self.error["field"] = field

    def response(self, *, retry_after_s: int | None = None) -> HttpResponse:
        """The envelope."""
        body = strict_json.dumps({"error": self.error})
        response = HttpResponse(body, status=self.status, content_type="application/json")
        if self.status == 401:
            response["WWW-Authenticate"] = 'Basic realm="Quittance", charset="UTF-8"'
        if retry_after_s is not None:
            response["Retry-After"] = str(retry_after_s)
        return response


def unknown_id() -> Refusal:
    """There is no such thing for this merchant; Razorpay says so with 400, not 404."""
    return Refusal("The id provided does not exist", field="id")


def extra_fields(names: list[str]) -> Refusal:
    """What is not known is refused: a misspelled field must not be taken for none."""
    shown = ", ".join(name[:60] for name in names[:10])
    text = f"{shown} is/are not required and should not be sent"
    return Refusal(text, field=names[0][:60], reason="extra_field_sent")


def unauthenticated() -> Refusal:
    """No keys, or none that count."""
    return Refusal("Authentication failed", status=401, reason="NA", step="NA", source="NA")


def unknown_url() -> Refusal:
    """There is no such path."""
    return Refusal("The requested URL was not found on the server.", status=404, reason="NA", step="NA", source="NA")


def method_not_allowed(method: str) -> Refusal:
    """The path is there, and does something else."""
    text = f"The method {method[:20]} is not allowed for this URL."
    return Refusal(text, status=405, reason="NA", step="NA", source="NA")


def throttled() -> Refusal:
    """More calls within a second than one key may make."""
    text = "Request failed. Please try after sometime."
    return Refusal(text, status=429, reason="rate_limit_exceeded", step="NA", source="NA")


def gateway_failed(step: str) -> Refusal:
    """The gateway would not or could not do it, or did not say."""
    text = "We are facing some trouble completing your request at the moment. Please try again shortly."
    return Refusal(text, status=502, code=GATEWAY, source="gateway", step=step, reason="gateway_technical_error")


# What the middleware refuses on our behalf: everything but what is named here is the client's doing.
_PROBLEM_CODES = {500: SERVER, 503: SERVER}


def problem(status: int, code: str, text: str) -> HttpResponse:
    """The middleware's refusals, and a failure of ours, in the envelope."""
    kind = _PROBLEM_CODES.get(status, BAD_REQUEST)
    source = "internal" if kind == SERVER else "business"
    return Refusal(text, status=status, code=kind, reason=code, step="NA", source=source).response()


_CAPTURE, _REFUND = "payment_capture", "payment_refund"
# fault -> description, field, step. When does each happen?
_TABLE: Mapping[str, tuple[str, str | None, str]] = {
    # captured by the checkout, by us, or by the merchant's other process
    "already_captured": ("This payment has already been captured", None, _CAPTURE),
    # two payments of one order were authorized, and the other was captured
    "already_paid": (
        "Your payment has been declined as the order is already paid. Please initiate a new payment.",
        None,
        _CAPTURE,
    ),
    # it failed, or its bank has let go of it
    "not_authorized": (
        "Only payments which have been authorized and not yet captured can be captured",
        None,
        _CAPTURE,
    ),
    # a part, or another currency
    "amount_differs": ("Capture amount must be equal to the amount authorized", "amount", _CAPTURE),
    # nothing has come in yet
    "not_captured": ("The payment status should be captured for action to be taken", None, _REFUND),
    # the payer's bank looks into it
    "disputed": ("The payment is under dispute and cannot be refunded", None, _REFUND),
    # all of it is back, or on its way
    "nothing_left": ("The payment has been fully refunded already", None, _REFUND),
    "beyond_captured": ("The refund amount provided is greater than amount captured", "amount", _REFUND),
    "beyond_left": ("The total refund amount is greater than the refund payment amount", "amount", _REFUND),
    # too old a payment, too little in the balance
    "gateway_refused": ("The payment gateway has refused the request", None, "NA"),
}
# Of two calls with one X-Refund-Idempotency.
_CONFLICTS: Mapping[str, str] = {
    "key_reused": "Different request with the same idempotency key has already been processed",
    "key_in_use": "Request with the same idempotency key is still in progress",
}


def of_error(error: DomainError) -> Refusal:
    """The envelope of a refused act."""
    code = error.first.code
    if code == "not_found":
        return unknown_id()
    if code in _CONFLICTS:
        return Refusal(_CONFLICTS[code], status=409, step=_REFUND, field="X-Refund-Idempotency")
    description, field, step = _TABLE[code]
    return Refusal(description, field=field, step=step)
