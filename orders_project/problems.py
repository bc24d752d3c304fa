"""How refusals look on /api/v1: one shape for all of them (drf-standardized-errors), and nothing from inside in it.

    {"type": "validation_error" | "client_error" | "server_error", "errors": [{"code", "detail", "attr"}]}

The dialects word the same errors in their own tables. A dialect's view may be marked with `answers_problems_with`, so
that the refusals of the middleware around it, too, come in that dialect's shape.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from django import db
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ExceptionHandlerContext
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.settings import api_settings

from customers.throttling import TooManyFailures
from customers.tokens import NotAuthenticated
from kit.errors import DomainError, Fault, NotFound
from kit.strict_json import MalformedJSON
from orders_project.parsing import BodyTooLarge, UnsupportedMediaType

OUTAGES = (db.OperationalError, db.InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
"""The database is gone, or gave up on a lock or on a slow statement: the same request may succeed later."""
RETRY_AFTER_OUTAGE_S = 5

ProblemAnswer = Callable[[int, str, str], HttpResponse]
"""Renders (status, code, text) in the shape of one dialect."""

# What a fault says to a person, with its facts filled in. A code without a row here is its own text.
_TEXTS = {
    "email_taken": "There is an account with this e-mail already.",
    "wrong_password": "This is not the present password.",
    "not_a_country": "Not a country.",
    "delivery_method_not_found": "There is no such delivery method.",
    "product_not_found": "There is no such product on sale.",
    "variant_missing": "Product '{product}' has variants: name one.",
    "variant_not_found": "Product '{product}' has no such variant.",
    "stock_short": "Product '{product}' has insufficient stock. Available: {available}, Requested: {requested}",
    "credit_is_bought_alone": "Prepaid credit is ordered by itself.",
    "credit_is_prepaid": "Prepaid credit is paid online.",
    "amount_out_of_range": "The amount is out of range.",
    "currencies_mixed": "All that is ordered together is in one currency.",
    "signature_invalid": "The checkout has not signed this for this order.",
    "lines_missing": "Name the lines that are given back, or the delivery.",
    "lines_not_expected": "Lines go with the kind lines alone.",
    "delivery_not_expected": "The delivery goes with the kind lines alone.",
    "amount_missing": "Say how much goes back.",
    "amount_not_expected": "The kind full gives back everything that is left: name no amount.",
    "line_unknown": "The order has no line {line}.",
    "line_repeated": "Line {line} is named twice.",
    "quantity_invalid": "Of this line no more than {left} can still be given back.",
    "restocked_already": "Of this line no more than {left} can still come back into stock.",
    "delivery_refunded": "Nothing of the delivery is left to give back.",
    "amount_beyond_lines": "These lines are worth {worth}.",
    "credit_spent": "Of the credit that was bought {left} are not spent, and no more than that can go back.",
    "credit_for_credit": "Credit that was bought goes back as the money that was paid for it.",
    "image_unreadable": "Not a picture: a JPEG, PNG, WebP or GIF file is.",
    "image_too_large": "The picture has more than {most} million pixels.",
    "image_file_too_large": "The file has more than {most} MB.",
    "image_not_found": "Not an image that you have uploaded.",
    "too_many_images": "{most} images wait for a flyer already.",
    "amount_not_left": "Not an amount above zero and no more than what is left, {kept}.",
}


# Faults of one code that say why.
_BY_REASON = {
    "coupon_not_usable": {
        "not_yet": "Coupon '{code}' is not valid yet.",
        "over": "Coupon '{code}' is no longer valid.",
        "used_up": "Coupon '{code}' has been used up.",
        "used_before": "You have used coupon '{code}' before.",
        "currency": "Coupon '{code}' is for another currency.",
        "minimum": "Coupon '{code}' is for products that cost at least {minimum} together.",
        "nothing_eligible": "Coupon '{code}' is not for these products.",
    },
    "credits_not_usable": {"buys_credit": "Prepaid credit is not bought with credits."},
    "delivery_unfit": {
        "country": "Delivery method '{method}' does not deliver to {country}.",
        "weight": "Delivery method '{method}' carries at most {max_weight_grams} g, this weighs {weight_grams} g.",
        "currency": "Delivery method '{method}' is charged in {charged_in} and carries nothing in {currency}.",
        "kind": "Delivery method '{method}' cannot carry products of kind '{kind}'.",
        "cash_on_delivery": "Delivery method '{method}' does not offer cash on delivery.",
    },
}
_WITHOUT_REASON = {
    # of a code that does not exist no more is said
    "coupon_not_usable": "Coupon '{code}' cannot be used.",
    "credits_not_usable": "Your credits are being spent by other orders right now. Try again.",
    "delivery_unfit": "Delivery method '{method}' cannot carry this.",
}


class TooLarge(exceptions.APIException):
    """The body is over the limit."""

    status_code = 413
    default_detail = "The body is too large."
    default_code = "body_too_large"


class Unavailable(exceptions.APIException):
    """The database cannot be asked right now."""

    status_code = 503
    default_detail = "Temporarily unavailable. Try again in a moment."
    default_code = "unavailable"
    wait = RETRY_AFTER_OUTAGE_S


def exception_handler(exc: Exception, context: ExceptionHandlerContext) -> Response | None:
    """REST framework's EXCEPTION_HANDLER: an answer for every exception, whatever it is."""
    return _Handler(exc, context).run()


class _Handler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        return _as_api_exception(exc) or super().convert_known_exceptions(exc)

    def get_headers(self, exc: exceptions.APIException) -> dict[str, str]:
        """Beside Retry-After, what the limit was."""
        headers: dict[str, str] = super().get_headers(exc)
        most: int | None = getattr(exc, "most_failures", None)
        if most is not None:
            headers |= {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": "0"}
        return headers

    def should_not_handle(self, exc: Exception) -> bool:
        """Never: under DEBUG, too, clients of the API get JSON; the traceback is in the log."""
        return False


def _as_api_exception(exc: Exception) -> exceptions.APIException | None:
    match exc:
        case NotAuthenticated():
            refusal = exceptions.AuthenticationFailed()
            refusal.auth_header = "Bearer"  # type: ignore[attr-defined]  # REST framework's own way to say it
            return refusal
        case TooManyFailures():
            throttled = exceptions.Throttled(wait=exc.retry_after_s)
            throttled.most_failures = exc.most  # type: ignore[attr-defined]  # for the headers of the answer
            return throttled
        case NotFound():
            return exceptions.NotFound()
        case DomainError():
            return _as_validation_error(exc)
        case MalformedJSON():
            return exceptions.ParseError(str(exc))
        case UnsupportedMediaType():
            return exceptions.UnsupportedMediaType("", detail=str(exc))
        case BodyTooLarge():
            return TooLarge()
        case SuspiciousOperation():
            # A host that is not ours, too many form fields: the client's doing; what exactly is in the log.
            return exceptions.ParseError("The request cannot be accepted.")
        case _ if isinstance(exc, OUTAGES):
            return Unavailable()
    return None


def _as_validation_error(error: DomainError) -> exceptions.ValidationError:
    details: dict[str, list[exceptions.ErrorDetail]] = {}
    for fault in error.faults:
        attribute = ".".join(map(str, fault.at)) or api_settings.NON_FIELD_ERRORS_KEY
        details.setdefault(attribute, []).append(exceptions.ErrorDetail(text_of(fault), code=fault.code))
    return exceptions.ValidationError(details)


def text_of(fault: Fault) -> str:
    """What a fault says to a person on /api/v1: its own `detail`, the table's text, or its code."""
    detail = fault.facts.get("detail")
    if isinstance(detail, str):
        return detail
    if fault.code in _BY_REASON:
        text = _BY_REASON[fault.code].get(fault.facts["why"])
        return text.format_map(fault.facts) if text else _WITHOUT_REASON[fault.code].format_map(fault.facts)
    text = _TEXTS.get(fault.code)
    return text.format_map(fault.facts) if text else f"{fault.code.replace('_', ' ').capitalize()}."


def answers_problems_with[View: Callable[..., HttpResponseBase]](answer: ProblemAnswer) -> Callable[[View], View]:
    """Marks a view: what the middleware refuses on its behalf (413, 503) is rendered by `answer`.

    Goes below decorators that use functools.wraps, which carry the mark on.
    """

    def mark(view: View) -> View:
        view.problem_answer = answer  # type: ignore[attr-defined]
        return view

    return mark


def problem_answer(request: HttpRequest, status: int, code: str, text: str) -> HttpResponse:
    """A refusal in the shape of the view that the request was routed to; /api/v1's where none is marked."""
    view = request.resolver_match.func if request.resolver_match else None
    marked: ProblemAnswer | None = getattr(view, "problem_answer", None)
    if marked is not None:
        return marked(status, code, text)
    kind = "server_error" if status >= 500 else "client_error"
    body: dict[str, Any] = {"type": kind, "errors": [{"code": code, "detail": text, "attr": None}]}
    return JsonResponse(body, status=status)
