"""Razorpay's fields read into what the core is asked, and refused in Razorpay's words. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from kit import strict_json
from kit.money import CURRENCIES, MAX_MINOR, Money, digits
from orders_project.dialects.razorpay.bodies import Fields
from orders_project.dialects.razorpay.errors import Refusal
from payments.merchants.giving_back import RefundWish
from payments.merchants.models import CaptureBy
from payments.merchants.opening import Wish
from payments.merchants.queries import OrderFilter

LEAST_INR_MINOR = 100
MOST_NOTES, LONGEST_NOTE, LONGEST_RECEIPT = 15, 256, 40
DEFAULT_COUNT, MOST_COUNT = 10, 100
SPEEDS = ("normal", "optimum")
_FLAGS = {"0": False, "1": True, "false": False, "true": True}
# Beyond it there are no dates; whoever asks for later ones asks for nothing, or sets no bound.
_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
_LONGEST_NUMBER = 18


def order_wish(fields: Fields, currencies: list[str]) -> Wish:
    """What a merchant wants to be paid. Raises Refusal for the first field that is not as it should be."""
    fields.allow("amount", "currency", "receipt", "notes", "payment_capture")
    minor = _amount(fields)
    if minor is None:
        raise Refusal("The amount field is required.", field="amount")
    currency = _currency(fields, currencies)
    least = LEAST_INR_MINOR if currency == "INR" else 1
    if minor < least:
        raise Refusal("Order amount less than minimum amount allowed", field="amount")
    if digits(currency) == 3 and minor % 10:
        raise Refusal(f"The last digit of an amount in {currency} must be 0.", field="amount")
    return Wish(
        amount=Money(minor, currency),
        receipt=_text(fields, "receipt", LONGEST_RECEIPT),
        notes=_notes(fields),
        capture=_capture(fields),
    )


def edited_notes(fields: Fields) -> str:
    """The notes that take the place of an order's. Raises Refusal."""
    fields.allow("notes")
    if fields.get("notes") is None:
        raise Refusal("The notes field is required.", field="notes")
    return _notes(fields)


def order_filter(fields: Fields) -> OrderFilter:
    """Which orders are listed. Raises Refusal."""
    fields.allow("from", "to", "count", "skip", "authorized", "receipt")
    return OrderFilter(
        count=_count(fields),
        skip=_skip(fields),
        since=_instant(fields, "from"),
        # The second that is named is in it.
        until=_instant(fields, "to", plus=1),
        receipt=_text(fields, "receipt", None),
        authorized=_flag(fields, "authorized"),
    )


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, of what was made from `since` on and before `until`."""

    first: int
    end: int
    since: datetime | None
    until: datetime | None


def page(fields: Fields) -> Page:
    """Which part of a list is wanted. Raises Refusal."""
    fields.allow("from", "to", "count", "skip")
    skip = _skip(fields)
    return Page(skip, skip + _count(fields), _instant(fields, "from"), _instant(fields, "to", plus=1))


def capture_amount(fields: Fields) -> Money:
    """What of a payment is to be captured; without a currency it is in rupees. Raises Refusal."""
    fields.allow("amount", "currency")
    minor = _amount(fields)
    if minor is None:
        raise Refusal("The amount field is required.", field="amount", step="payment_capture")
    currency = fields.get("currency")
    return Money(minor, "INR" if currency is None else _known_currency(currency))


def refund_wish(fields: Fields, *, key: str | None, path: str) -> RefundWish:
    """What is to go back. Raises Refusal."""
    fields.allow("amount", "speed", "notes", "receipt")
    minor = _amount(fields)
    if minor is not None and minor < 1:
        raise Refusal("The amount must be atleast INR 1.00", field="amount", step="payment_refund")
    speed = fields.get("speed")
    if speed is not None and speed not in SPEEDS:
        raise Refusal("The speed must be normal or optimum.", field="speed", step="payment_refund")
    notes, receipt = _notes(fields), _text(fields, "receipt", LONGEST_RECEIPT)
    asked = strict_json.dumps([path, minor, speed, strict_json.loads(notes.encode()), receipt])
    return RefundWish(
        amount_minor=minor,
        notes=notes,
        receipt=receipt,
        speed=speed or SPEEDS[0],
        key=None if key is None else _refund_key(key),
        fingerprint=hashlib.sha256(asked).digest(),
    )


def _amount(fields: Fields) -> int | None:
    """A whole number of minor units: in JSON an integer and nothing else, in a form ASCII digits."""
    value = fields.get("amount")
    if value is None:
        return None
    if fields.is_text:
        negative = isinstance(value, str) and value.startswith("-")
        value = _whole(value[1:] if negative else value)
        value = -value if negative and value is not None else value
    if type(value) is not int:
        raise Refusal("The amount must be an integer.", field="amount")
    if value > MAX_MINOR // 100:
        raise Refusal("Amount exceeds maximum amount allowed.", field="amount")
    return value


def _whole(value: Any) -> int | None:
    """Digits as a number; beyond any amount they are just that."""
    if not isinstance(value, str) or not (value.isascii() and value.isdigit()):
        return None
    return int(value) if len(value.lstrip("0")) <= _LONGEST_NUMBER else MAX_MINOR


def _currency(fields: Fields, currencies: list[str]) -> str:
    value = fields.get("currency")
    if value is None or value == "":
        raise Refusal("The currency field is required.", field="currency")
    if not isinstance(value, str):
        raise Refusal("The currency must be a string.", field="currency")
    if value not in currencies or value not in CURRENCIES:
        raise Refusal("Currency is not supported", field="currency")
    return value


def _known_currency(value: Any) -> str:
    if not isinstance(value, str):
        raise Refusal("The currency must be a string.", field="currency", step="payment_capture")
    if value not in CURRENCIES:
        raise Refusal("Currency is not supported", field="currency", step="payment_capture")
    return value


def _text(fields: Fields, name: str, longest: int | None) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refusal(f"The {name} must be a string.", field=name)
    if longest is not None and len(value) > longest:
        raise Refusal(f"The {name} may not be greater than {longest} characters.", field=name)
    return value


def _notes(fields: Fields) -> str:
    """The notes as JSON, in the order in which they came. None are an empty object, however that was spelled."""
    value = fields.get("notes")
    if value is None or value == [] or (value == "" and fields.is_text):
        value = {}
    if not isinstance(value, dict):
        raise Refusal("The notes must be an object.", field="notes")
    if len(value) > MOST_NOTES:
        raise Refusal(f"Number of fields in notes should be less than or equal to {MOST_NOTES}", field="notes")
    for name, note in value.items():
        _check_note(name, note)
    return strict_json.dumps(value).decode()


def _check_note(name: str, note: Any) -> None:
    if len(name) > LONGEST_NOTE:
        raise Refusal(f"The name of a note may not be greater than {LONGEST_NOTE} characters.", field="notes")
    if isinstance(note, dict | list):
        raise Refusal(f"The notes.{name[:60]} must be a string.", field="notes")
    if len(note if isinstance(note, str) else strict_json.dumps(note)) > LONGEST_NOTE:
        raise Refusal(f"The notes.{name[:60]} may not be greater than {LONGEST_NOTE} characters.", field="notes")


def _capture(fields: Fields) -> CaptureBy:
    value = fields.get("payment_capture")
    if value is None:
        return CaptureBy.CHECKOUT
    flag = _spelled(value)
    if flag is None:
        raise Refusal("The payment capture field must be true or false.", field="payment_capture")
    return CaptureBy.US if flag else CaptureBy.MERCHANT


def _flag(fields: Fields, name: str) -> bool | None:
    value = fields.get(name)
    if value is None:
        return None
    flag = _spelled(value)
    if flag is None:
        raise Refusal(f"The {name} field must be true or false.", field=name)
    return flag


def _spelled(value: Any) -> bool | None:
    """Yes or no as its users spell it: 0, 1, true, false, in any case, as text or not."""
    if isinstance(value, Decimal | dict | list):
        return None
    return _FLAGS.get(str(value).lower())


def _count(fields: Fields) -> int:
    return _number(fields, "count", DEFAULT_COUNT, least=1, most=MOST_COUNT)


def _skip(fields: Fields) -> int:
    return min(_number(fields, "skip", 0, least=0, most=None), 2**53)


def _number(fields: Fields, name: str, default: int, *, least: int, most: int | None) -> int:
    if fields.get(name) is None:
        return default
    value = _whole(fields.get(name))
    if value is None:
        raise Refusal(f"The {name} must be an integer.", field=name)
    if value < least:
        raise Refusal(f"The {name} must be at least {least}.", field=name)
    if most is not None and value > most:
        raise Refusal(f"The {name} may not be greater than {most}.", field=name)
    return value


def _instant(fields: Fields, name: str, *, plus: int = 0) -> datetime | None:
    if fields.get(name) is None:
        return None
    value = _number(fields, name, 0, least=0, most=None) + plus
    return datetime.fromtimestamp(min(value, _LAST_SECOND), UTC)


_KEY_LENGTH = range(10, 256)
_KEY_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def _refund_key(key: str) -> str:
    if len(key) not in _KEY_LENGTH or not _KEY_CHARACTERS.issuperset(key):
        text = "Idempotency key must have at least 10 characters of A-Z, a-z, 0-9, - and _"
        raise Refusal(text, field="X-Refund-Idempotency", step="payment_refund")
    return key
