"""What integrators are told when something is refused: one table, and the envelope."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import HttpResponse

from kit import strict_json

# When does each happen?
_TABLE: Mapping[str, tuple[int, str]] = {
    # no token, or one that does not count
    "unauthenticated": (401, "Unauthenticated."),
    # another's order, or, for whoever may not see any, one that does not exist
    "not_authorized": (403, "You are not authorized to access this order."),
    # staff asked for a number that no order has
    "not_found": (404, "Order not found."),
    # a longer path, or none
    "nothing_here": (404, "There is nothing here."),
    "method_not_allowed": (405, "An order can only be read here."),
}


def refusal(code: str) -> HttpResponse:
    """The answer to what is refused for this reason."""
    return problem(*_TABLE[code])


def problem(status: int, text: str) -> HttpResponse:
    """An error's body is an object with a message."""
    response = HttpResponse(strict_json.dumps({"message": text}), status=status, content_type="application/json")
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if status == 405:
        response["Allow"] = "GET, HEAD, OPTIONS"
    return response


def of_middleware(status: int, code: str, text: str) -> HttpResponse:
    """What the middleware refuses on our behalf."""
    del code
    return problem(status, text)
