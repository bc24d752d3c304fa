"""What an integration is told when something is refused: the documented texts by field, and the envelope.

{"status_code": 400, "error_type": "Validation Error", "errors": {field: [text, ...]}, "data": {}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse

from kit import strict_json
from kit.errors import Fault

VALIDATION = "Validation Error"
_TYPES = {
    401: "Authentication Error",
    403: "Permission Error",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Body Too Large",
    415: "Unsupported Media Type",
    422: "Idempotency Error",
    429: "Too Many Requests",
    500: "Server Error",
    502: "Payment Provider Error",
    503: "Temporarily Unavailable",
}
_NO_FIELD = "request"

REQUIRED = "This field is required."
NO_PRODUCTS = "This field is required. Must have one product."
QUANTITY = "Invalid quantity. Quantity must be greater than 1."
ORDER_TOTAL = "Invalid order total_amount. Order total_amount must be the sum of line item total_amount."
LINE_TOTAL = "Invalid line item total_amount"
USER = "Invalid user id"
ORDER_TYPE = "Invalid order_type. Supported values are upgrade,renewal"
POSTCODE = "Invalid postcode"
DISCOUNT = "Invalid discount"
DISCOUNT_NOT_LESS = "Discount must be less than unit_price."
NOT_THE_DIFFERENCE = "Order total must be difference of unit_price and discount."
NUMBER_BLANK = "Order Number maynot be blank."
NUMBER_REQUIRED = "Order Number is required."
NUMBER_INVALID = "Invalid order number."


def invalid(field: str) -> str:
    """The text of a field for which the documents have no sentence of its own."""
    return f"Invalid {field}"


def invalid_product(sent: object) -> str:
    """`sent` is the product's id as it came."""
    return f"Invalid product_id {sent}"


@dataclass(frozen=True, slots=True)
class Told:
    """One fault as it is told: the field, and its text."""

    field: str
    text: str


class Faults(Exception):
    """Every fault of a request, or of one stage of it."""

    def __init__(self, told: Iterable[Told]) -> None:
        self.told = tuple(told)
        super().__init__(", ".join(f"{one.field}: {one.text}" for one in self.told))


def answer(data: Any, *, status: int = 200) -> HttpResponse:
    """The envelope of what went well."""
    return _envelope(status, {"errors": {}, "data": data})


def validation(told: Iterable[Told]) -> HttpResponse:
    """Every fault by its field; the same text stands once."""
    errors: dict[str, list[str]] = {}
    for one in told:
        texts = errors.setdefault(one.field, [])
        if one.text not in texts:
            texts.append(one.text)
    return _envelope(400, {"error_type": VALIDATION, "errors": errors, "data": {}})


def refusal(
    status: int, text: str, *, field: str = _NO_FIELD, also: Iterable[Told] = (), retry_after_s: int | None = None
) -> HttpResponse:
    """Any other refusal in the same envelope."""
    errors = {field: [text], **{one.field: [one.text] for one in also}}
    kind = VALIDATION if status == 400 else _TYPES[status]
    response = _envelope(status, {"error_type": kind, "errors": errors, "data": {}})
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if retry_after_s is not None:
        response["Retry-After"] = str(retry_after_s)
    return response


def problem(status: int, code: str, text: str) -> HttpResponse:
    """What the middleware refuses on our behalf."""
    del code
    return refusal(status, text)


def _envelope(status: int, rest: Mapping[str, Any]) -> HttpResponse:
    body = strict_json.dumps({"status_code": status, **rest})
    return HttpResponse(body, status=status, content_type="application/json; charset=utf-8")


# The shop has no account with a payment provider.
NOTHING_PAYABLE = Told(_NO_FIELD, "Nothing can be paid online here.")

# What the core refuses of an order. When does each happen?
_OF_AN_ORDER: Mapping[str, Told] = {
    # the last pieces were sold while the integration was collecting
    "stock_short": Told("quantity", "Insufficient stock"),
    "quantity_invalid": Told("quantity", QUANTITY),
    # the shop changed the price in the meantime
    "price_moved": Told("unit_price", invalid("unit_price")),
    "discount_invalid": Told("discount", DISCOUNT),
    "no_items": Told("products", NO_PRODUCTS),
    # one order has one currency
    "currencies_mixed": Told("products", "Products of different currencies cannot be ordered together."),
    # more flyers than one order may have
    "too_many_flyers": Told("quantity", "An order has at most 500 flyers."),
    # a voucher for credit beside other things
    "credit_is_bought_alone": Told("products", "Prepaid credit is ordered by itself."),
    # a quantity and a price that no bank account holds
    "amount_out_of_range": Told("total_amount", invalid("total_amount")),
}


def of_package(faults: Iterable[Fault]) -> list[Told]:
    """The faults of an upgrade or a renewal that the core refuses."""
    return [OF_A_PACKAGE[fault.code] for fault in faults]


def of_order(faults: Iterable[Fault], sent: Mapping[int, object]) -> list[Told]:
    """The faults of an order that the core refuses; `sent` are the products' ids as they came, by line."""
    return [
        Told("product_id", invalid_product(sent[int(fault.at[1])]))
        if fault.code == "product_not_found"
        else _OF_AN_ORDER[fault.code]
        for fault in faults
    ]


# What a customer's membership, or the lack of one, does not allow; with the field that it is told under.
OF_A_PACKAGE: Mapping[str, Told] = {
    # renewing another package than one's own
    "package_differs": Told(
        "product_id",
        "Couldn't process your request. Renewal package not same as the existing package. "
        "Please check your package and try again.",
    ),
    # upgrading to the package that one has
    "same_package": Told(
        "product_id", "The supplied package same as the existing package. Please change your package and try again."
    ),
    # a lower tier, or there is none above one's own
    "tier_not_higher": Told(
        "product_id", "Couldn't process your request. May be you reached maximum upgrade or invalid package id."
    ),
    # renewing long before the end
    "already_a_member": Told("product_id", "You already have an active package."),
    # the sponsor is not decided yet
    "not_placed": Told("uid", "You are not placed into the genealogy yet. Please wait until the placement completes."),
    # ordered, not paid yet
    "upgrade_in_progress": Told(
        "uid",
        "There exists a package upgrade in processing. "
        "Please wait until the process complete or contact the site administrator.",
    ),
    # the shop's rule has begun one
    "auto_upgrade_in_progress": Told(
        "uid", "System initiated package auto upgrade. Please wait until the process complete."
    ),
    # a package order of the customer's still waits for its money
    "previous_purchase_unpaid": Told(
        "uid",
        "Payment for previous purchase is not completed yet. "
        "Please wait until the payment complete or cancel that payment.",
    ),
    # a person has asked for the money back, or a refund is on its way
    "refund_request_active": Told(
        "uid", "You cannot perform package upgrade because you have an active refund request."
    ),
}
