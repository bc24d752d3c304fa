"""Idempotency-Key for what /api/v1 writes. The dialects, whose answers look different, call `keeping` themselves."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponse

from customers.authentication import caller_of
from customers.tokens import NotAuthenticated
from orders.campaigns.keys import find_key
from orders_project.body_limits import body_limit
from orders_project.idempotency.keeping import BadKey, Claim, KeyReused, NothingDone, StillWorking, once
from orders_project.parsing import content_length
from orders_project.problems import problem_answer

type GetResponse = Callable[[HttpRequest], HttpResponse]

_PREFIX = "/api/v1/"
# Here a mailing system's key is asked for.
_MAILING = "/api/v1/flyers/"
# Answers with tokens in them are not kept; gateways have their own way of telling a repetition.
_NOT_KEPT = ("/api/v1/auth/", "/api/v1/webhooks/")


class ApiIdempotencyMiddleware:
    """A repeated POST or PATCH of a signed-in caller gets the first answer; what was refused may be sent again."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "Idempotency-Key" not in request.headers or not keeps(request.method, request.path_info):
            return self._get_response(request)
        principal = _principal(request)
        # What is too large is refused further inside, before it is read.
        if principal is None or content_length(request) > body_limit(request.path_info):
            return self._get_response(request)
        try:
            return once(request, principal=principal, act=lambda claim: self._act(request, claim))
        except BadKey:
            text = "Idempotency-Key must be 1 to 255 printable ASCII characters."
            return problem_answer(request, 400, "idempotency_key_invalid", text)
        except KeyReused:
            text = "Idempotency-Key was used for another request."
            return problem_answer(request, 422, "idempotency_key_reused", text)
        except StillWorking:
            text = "A request with this Idempotency-Key is still in progress."
            response = problem_answer(request, 409, "idempotency_key_in_use", text)
            response["Retry-After"] = "1"
            return response

    def _act(self, request: HttpRequest, claim: Claim) -> HttpResponse:
        # By this a view that was cut off between two transactions finds what it had begun.
        request.idempotency_claim = claim.key  # type: ignore[attr-defined]
        response = self._get_response(request)
        # What a view under /api/v1 refuses has written nothing, or has given up what it wrote; what it has accepted and
        # cannot answer yet is asked again.
        if response.status_code >= 400 or response.status_code == 202:
            raise NothingDone(response)
        return response


def _principal(request: HttpRequest) -> str | None:
    """Whose key it is: a user's, or a mailing system's; None for who is neither."""
    if "apikey" in request.headers and request.path_info.startswith(_MAILING):
        key = find_key(request.headers["apikey"])
        return f"mailing:{key.pk}" if key else None
    try:
        return f"user:{caller_of(request.headers.get('Authorization')).user_id}"
    except NotAuthenticated:
        return None


def keeps(method: str | None, path: str) -> bool:
    """Whether the answer to such a request is kept under its key."""
    return method in ("POST", "PATCH") and path.startswith(_PREFIX) and not path.startswith(_NOT_KEPT)
