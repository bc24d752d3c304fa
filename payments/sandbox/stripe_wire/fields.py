"""Reads single parameters of a Stripe call, and refuses them in Stripe's words."""

from __future__ import annotations

from typing import Any

from kit.money import CURRENCIES
from payments.sandbox.stripe_wire.errors import StripeError, missing_param

# Of the currencies with a published minimum the common ones; every other one has one minor unit.
MINIMUM_MINOR = {"usd": 50, "eur": 50, "gbp": 30, "inr": 50, "jpy": 50, "cad": 50, "aud": 50, "sgd": 50, "aed": 200}
MAXIMUM_MINOR = 99_999_999
MAX_METADATA = 50


def text(params: dict[str, Any], name: str, *, required: bool = False) -> str | None:
    """The text, None when absent or empty."""
    value = params.get(name)
    if value is None or value == "":
        if required:
            raise missing_param(name)
        return None
    if not isinstance(value, str):
        raise StripeError(f"Invalid string: {name}", param=name)
    return value


def choice(params: dict[str, Any], name: str, allowed: tuple[str, ...]) -> str | None:
    """One of the allowed words."""
    value = text(params, name)
    if value is not None and value not in allowed:
        raise StripeError(f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
    return value


def flag(params: dict[str, Any], name: str) -> bool:
    """True or false; absent is false."""
    return choice(params, name, ("true", "false")) == "true"


def whole(params: dict[str, Any], name: str, *, required: bool = False, least: int = 1) -> int | None:
    """A whole number."""
    value = text(params, name, required=required)
    if value is None:
        return None
    digits = value.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        raise StripeError(f"Invalid integer: {value[:40]}", code="parameter_invalid_integer", param=name)
    number = int(value)
    if number < least:
        message = f"This value must be greater than or equal to {least}."
        raise StripeError(message, code="parameter_invalid_integer", param=name)
    return number


def currency(params: dict[str, Any]) -> str:
    """A currency, in lower case as Stripe keeps it."""
    value = str(text(params, "currency", required=True)).lower()
    if value.upper() not in CURRENCIES:
        raise StripeError(f"Invalid currency: {value[:10]}.", param="currency")
    return value


def amount(params: dict[str, Any], currency: str) -> int:
    """An amount within what Stripe takes."""
    value = whole(params, "amount", required=True) or 0
    least = MINIMUM_MINOR.get(currency, 1)
    if value < least:
        message = f"Amount must be at least {least} {currency} in its smallest unit."
        raise StripeError(message, code="amount_too_small", param="amount")
    if value > MAXIMUM_MINOR:
        message = f"Amount must be no more than {MAXIMUM_MINOR} {currency} in its smallest unit."
        raise StripeError(message, code="amount_too_large", param="amount")
    return value


def metadata(params: dict[str, Any], before: dict[str, str] | None = None) -> dict[str, str]:
    """The metadata after this call: given keys are set, keys given as empty are removed, others stay."""
    given = params.get("metadata", {})
    if given == "":
        return {}
    if isinstance(given, list):
        # A form cannot tell the keys "0", "1", ... from places in a list.
        given = {str(place): value for place, value in enumerate(given)}
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise StripeError("Invalid hash: metadata", param="metadata")
    for key, value in given.items():
        if len(key) > 40 or len(value) > 500:
            raise StripeError(
                "Metadata keys have at most 40 characters, values at most 500.", param=f"metadata[{key[:40]}]"
            )
    merged = {key: value for key, value in ((before or {}) | given).items() if value != ""}
    if len(merged) > MAX_METADATA:
        raise StripeError(f"Metadata can have at most {MAX_METADATA} keys.", param="metadata")
    return merged
