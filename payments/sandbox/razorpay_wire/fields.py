"""Reads single parameters of a Razorpay call, and refuses them in Razorpay's words."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from kit.money import CURRENCIES, MAX_MINOR
from payments.sandbox.razorpay_wire.errors import RazorpayError

MINIMUM_INR_MINOR = 100
MAX_NOTES, MAX_NOTE_LENGTH, MAX_RECEIPT = 15, 256, 40


def amount(params: dict[str, Any], *, required: bool = True) -> int | None:
    """A whole number of minor units."""
    value = params.get("amount")
    if value is None:
        if required:
            raise RazorpayError("The amount field is required.", field="amount")
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if isinstance(value, Decimal) or type(value) is not int:
        raise RazorpayError("The amount must be an integer.", field="amount")
    if value > MAX_MINOR // 100:
        raise RazorpayError("Amount exceeds maximum amount allowed.", field="amount")
    return value


def order_amount(params: dict[str, Any], currency: str) -> int:
    """An amount that an order may have."""
    value = amount(params) or 0
    least = MINIMUM_INR_MINOR if currency == "INR" else 1
    if value < least:
        description = "Order amount less than minimum amount allowed"
        raise RazorpayError(description, field="amount", reason="amount_less_than_minimum_amount")
    return value


def currency(params: dict[str, Any], default: str | None = None) -> str:
    """An ISO currency in capitals."""
    value = params.get("currency", default)
    if value is None:
        raise RazorpayError("The currency field is required.", field="currency")
    if not isinstance(value, str):
        raise RazorpayError("currency: expected string", field="currency")
    if value not in CURRENCIES:
        raise RazorpayError("Currency is not supported", field="currency")
    return value


def text(params: dict[str, Any], name: str, longest: int = MAX_RECEIPT) -> str | None:
    """A text, None when absent."""
    value = params.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise RazorpayError(f"{name}: expected string", field=name)
    if len(value) > longest:
        raise RazorpayError(f"The {name} may not be greater than {longest} characters.", field=name)
    return value


def notes(params: dict[str, Any]) -> dict[str, Any]:
    """The notes; an empty list is no notes."""
    value = params.get("notes") or {}
    if not isinstance(value, dict):
        raise RazorpayError("The notes must be an object", field="notes")
    if len(value) > MAX_NOTES:
        raise RazorpayError(f"Number of fields in notes should be less than or equal to {MAX_NOTES}", field="notes")
    for note in value.values():
        if isinstance(note, dict | list) or len(str(note)) > MAX_NOTE_LENGTH:
            description = f"Notes are texts of at most {MAX_NOTE_LENGTH} characters"
            raise RazorpayError(description, field="notes")
    return {key: str(note) if isinstance(note, Decimal) else note for key, note in value.items()}


def flag(params: dict[str, Any], name: str) -> bool | None:
    """Yes or no as Razorpay's users spell them, None when absent."""
    value = params.get(name)
    if value is None or value == "":
        return None
    spelled = str(value).lower()
    if spelled not in ("0", "1", "true", "false"):
        raise RazorpayError(f"The {name} field must be true or false.", field=name)
    return spelled in ("1", "true")


def whole(params: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    """A whole number within bounds, of a query."""
    value = params.get(name, default)
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) < 19):
            raise RazorpayError(f"The {name} must be an integer.", field=name)
        value = int(value)
    if type(value) is not int:
        raise RazorpayError(f"The {name} must be an integer.", field=name)
    if not least <= value <= most:
        raise RazorpayError(f"The {name} must be between {least} and {most}.", field=name)
    return value
