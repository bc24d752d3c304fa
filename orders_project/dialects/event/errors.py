"""What an event site is told when something is refused: one table, and the envelope of the framework it knows."""

from __future__ import annotations

from http import HTTPStatus

from django.http import HttpResponse

from kit import strict_json
from orders.entering import EntryRefused


def refusal(status: int, text: str, *, retry_after_s: int | None = None) -> HttpResponse:
    """`{"statusCode", "error", "message"}`"""
    body = {"statusCode": status, "error": HTTPStatus(status).phrase, "message": text}
    response = HttpResponse(strict_json.dumps(body), status=status, content_type="application/json; charset=utf-8")
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if retry_after_s is not None:
        response["Retry-After"] = str(retry_after_s)
    return response


def problem(status: int, code: str, text: str) -> HttpResponse:
    """What the middleware refuses on our behalf."""
    del code
    return refusal(status, text)


# Why an entry cannot be ordered. When does each happen?
_REFUSED = {
    # the webhook was faster than the payer's second look at the page
    "already_paid": "This entry has been paid already.",
    # too early, too late, or the organiser has closed it
    "event_not_open": "This event takes no entries at the moment.",
    # others were faster
    "event_full": "This event is full.",
    # the organiser has not said yet what it costs
    "event_free": "This event has nothing to be paid for.",
    # many calls for one entry at once
    "contended": "This entry is being ordered right now. Try again in a moment.",
}


def of_refusal(error: EntryRefused) -> HttpResponse:
    """The state of the entry or of its event does not allow it."""
    return refusal(409, _REFUSED[error.first.code])
