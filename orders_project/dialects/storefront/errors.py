"""What the storefront is told when something is refused: one table, and the envelope, which is a bare JSON string."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse

from kit import strict_json
from kit.errors import DomainError, Fault


def refusal(status: int, text: str, *, retry_after_s: int | None = None) -> HttpResponse:
    """An error's body is a JSON string."""
    response = HttpResponse(strict_json.dumps(text), status=status, content_type="application/json")
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if retry_after_s is not None:
        response["Retry-After"] = str(retry_after_s)
    return response


def problem(status: int, code: str, text: str) -> HttpResponse:
    """What the middleware refuses on our behalf."""
    del code
    return refusal(status, text)


def _price_moved(facts: Mapping[str, Any]) -> str:
    now = facts["now"]
    return (
        f"The price of product '{facts['product']}' has changed. Sent: {facts['sent']}, Now: {now.major} {now.currency}"
    )


_UNFIT: dict[str, str] = {
    "country": "does not deliver to {country}",
    "weight": "carries at most {max_weight_grams} g, the order weighs {weight_grams} g",
    "currency": "is charged in {charged_in} and cannot carry an order in {currency}",
    "kind": "cannot carry products of kind '{kind}'",
    "cash_on_delivery": "does not offer cash on delivery",
}


def _unfit(facts: Mapping[str, Any]) -> str:
    return f"Delivery method '{facts['method']}' " + _UNFIT[facts["why"]].format(**facts)


_UNPAID: dict[str, str] = {
    "on_delivery": "The order is paid on delivery and has not been paid yet",
    "nothing_asked": "The order has not been paid: no payment was started",
    "unpaid": "The payment has not been made yet",
    "in_progress": "The payment is still being processed",
    "failed": "The payment failed",
    "cancelled": "The payment was cancelled",
    "authorized": "The payment is authorized but was not captured",
    "other_amount": "The amount paid is not the amount due",
    "other_currency": "The payment was made in another currency",
}

# Why a payment could not be begun. Beside a gateway's reasons: the order expired or was called off meanwhile.
_NOT_INITIALIZED: dict[str, str] = {
    "declined": "the payment was declined",
    "amount_too_small": "the amount is too small to be paid online",
    "amount_not_payable": "the amount cannot be paid in this currency",
    "refused": "the payment provider refused the request",
    "not_known": "the payment provider refused the request",
    "other_state": "the payment is in another state",
    "unreachable": "the payment provider cannot be reached",
    "busy": "the payment provider is busy, please try again",
    "still_working": "the payment provider is still working on it",
    "no_answer": "the payment provider did not answer",
    "had_error": "the payment provider had an error",
    "unreadable": "the payment provider gave an unreadable answer",
    "too_many": "the payment provider is busy, please try again",
    "cancelled_meanwhile": "the order was cancelled in the meantime",
}

_COUPON_NOT_USABLE: dict[str, str] = {
    "not_yet": "it is not valid yet",
    "over": "it is no longer valid",
    "used_up": "it has been used up",
    "used_before": "you have used it before",
    "currency": "it is for another currency",
    "minimum": "the products must cost at least {minimum}",
    "nothing_eligible": "it is not for these products",
}


def _coupon_not_usable(facts: Mapping[str, Any]) -> str:
    """Of a code that does not exist no more is said."""
    reason = _COUPON_NOT_USABLE.get(facts["why"])
    return f"Coupon '{facts['code']}' cannot be used" + (f": {reason.format(**facts)}" if reason else "")


_CREDITS_NOT_USABLE: dict[str, str] = {
    "buys_credit": "useCredits: prepaid credit is not bought with credits",
    "contended": "useCredits: your credits are being spent by other orders right now, please try again",
}

# fault -> status and text. When does each happen?
_TABLE: dict[str, tuple[int, str | Callable[[Mapping[str, Any]], str]]] = {
    # the shop has no account there
    "gateway_not_configured": (400, "paymentProvider '{gateway}' is not available here"),
    # the customer picked a method that was switched off since, or a made-up id
    "delivery_method_not_found": (404, "Delivery method not found"),
    # nothing was in the cart; the shape of a request says so before the core is asked
    "no_items": (400, "items must have at least one item"),
    # the product left the shop while it lay in the cart
    "product_not_found": (404, "Product not found"),
    # a product with sizes was put into the cart without one
    "variant_missing": (400, "Product '{product}' has variants, choose one with variantId"),
    # the size is gone, or is another product's
    "variant_not_found": (400, "Product '{product}' has no such variant"),
    "quantity_invalid": (400, "The quantity of product '{product}' must be a whole number of at least 1"),
    # the shop changed the price after the customer saw it
    "price_moved": (400, _price_moved),
    # somebody else was faster
    "stock_short": (
        400,
        "Product '{product}' has insufficient stock. Available: {available}, Requested: {requested}",
    ),
    # somebody orders flyers by the thousand; each of them is a campaign
    "too_many_flyers": (400, "An order can have at most {most} flyers, not {requested}"),
    # a guess, one that is over or used up, or for other products
    "coupon_not_usable": (400, _coupon_not_usable),
    # credit is not bought with credit; or other orders of the customer's spend it faster than one can look
    "credits_not_usable": (400, lambda facts: _CREDITS_NOT_USABLE[facts["why"]]),
    # a voucher for credit lay in the cart with other things
    "credit_is_bought_alone": (400, "Prepaid credit is ordered by itself"),
    # nobody comes to the door with it
    "credit_is_prepaid": (400, "Prepaid credit is paid online"),
    # the address is too far, the parcel too heavy
    "delivery_unfit": (400, _unfit),
    # a quantity and a price that no bank account holds
    "amount_out_of_range": (400, "The order's amount is out of range"),
    # the confirmation came twice, perhaps from two tabs
    "already_confirmed": (400, "Order has already been marked as paid"),
    "cancelled": (400, "The order is cancelled"),
    # it had expired, and its money has come after all
    "revived": (400, "The order had expired; its payment has arrived now and the order is paid"),
    "refunded": (400, "The order's payment was refunded"),
    "not_paid": (400, lambda facts: _UNPAID[facts["why"]]),
}


def of_fault(fault: Fault) -> HttpResponse:
    """The answer to one fault."""
    status, text = _TABLE[fault.code]
    return refusal(status, text(fault.facts) if callable(text) else text.format(**fault.facts))


def not_initialized(reason: str) -> HttpResponse:
    """The answer to a purchase whose payment could not be begun."""
    return refusal(500, f"Failed to initialize payment: {_NOT_INITIALIZED[reason]}")


def of_error(error: DomainError) -> HttpResponse:
    """The first failed check is the answer."""
    return of_fault(error.first)
