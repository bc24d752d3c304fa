"""The fields of what integrations ask for, read one by one so that every fault is told. Pure.

Numbers come as numbers or, in forms, as texts. A value that cannot be read is None, and its fault is noted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from catalog.addresses import CheckedAddress, Part, check_place
from orders.checks import DeliveryAddress
from orders_project.dialects.commerce import errors
from orders_project.dialects.commerce.errors import Told

MAX_LINES = 500
_LENGTHS = {
    "address_first_name": 100,
    "address_last_name": 100,
    "address_mail_id": 254,
    "address_phone_number": 32,
    "address_name_line": 80,
    "address_premise": 119,
    "address_locality": 120,
    "address_postal_code": 20,
    "address_country_code": 80,
    "address_state_code": 120,
}
ADDRESS_FIELDS = tuple(_LENGTHS)
# What some countries' addresses do not have.
_MAY_BE_BLANK = ("address_state_code", "address_postal_code")
_WHOLE = re.compile(r"\d{1,18}", re.ASCII)
_AMOUNT = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_PHONE = re.compile(r"\+?[0-9(][0-9 ()./\-]{3,30}", re.ASCII)
_LONGEST_ECHO = 64
_POSTAL_CODE = Told("address_postal_code", errors.invalid("address_postal_code"))


@dataclass(frozen=True, slots=True)
class Address:
    """Who buys and where they are, as far as it could be read."""

    first_name: str
    last_name: str
    email: str
    phone: str
    house: str
    street: str
    city: str
    place: CheckedAddress

    def delivery(self) -> DeliveryAddress:
        """As orders keep it. Only of an address without a fault."""
        assert self.place.country is not None
        return DeliveryAddress(
            f"{self.house} {self.street}", self.city, self.place.state, self.place.postal_code, self.place.country
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One of the products of an order. `sent` is its id as it came."""

    sent: object
    number: int | None
    quantity: int | None
    unit_price: Decimal | None
    discount: Decimal | None
    total: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """What create-order is sent, with every fault of its form."""

    uid: str | None
    total: Decimal | None
    address: Address | None
    lines: tuple[Line, ...]
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class PackageRequest:
    """What upgrade-renewal-package is sent, complete. Whether the values are true is not said yet."""

    order_type: str
    uid: str
    sent: object
    number: int | None
    unit_price: Decimal
    discount: Decimal
    total: Decimal
    address: Address


class Fields:
    """The fields of one object; what is wrong with them is noted in one list."""

    def __init__(self, values: Mapping[str, Any], told: list[Told]) -> None:
        self._values, self.told = values, told

    def value(self, name: str) -> Any:
        """As it came; None, noted as missing, if it did not."""
        value = self._values.get(name)
        if value is None:
            self.told.append(Told(name, errors.REQUIRED))
        return value

    def text(self, name: str, longest: int, *, may_be_blank: bool = False) -> str | None:
        """A text without blanks around it; a number counts as the text that it is written as."""
        value = self.value(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str):
            value = value.strip()
            if (value or may_be_blank) and len(value) <= longest and not _has_control(value):
                return str(value)
        self.told.append(Told(name, errors.invalid(name)))
        return None

    def amount(self, name: str, text: str | None = None) -> Decimal | None:
        """An amount of major units, exact; `text` is told of what is none."""
        value = self.value(name)
        if value is None:
            return None
        amount = amount_of(value)
        if amount is None:
            self.told.append(Told(name, text or errors.invalid(name)))
        return amount


def amount_of(value: object) -> Decimal | None:
    """The exact number that a number or a text means; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    text = value.strip() if isinstance(value, str) else f"{value:f}" if isinstance(value, Decimal) else str(value)
    return Decimal(text) if _AMOUNT.fullmatch(text) else None


def whole_of(value: object) -> int | None:
    """The whole number of at least zero that a number or a text means; None for what is none."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    return int(text) if _WHOLE.fullmatch(text) else None


def echo(value: object) -> str:
    """A value that cannot be what it should be, as it is told again: not endlessly."""
    return str(value)[:_LONGEST_ECHO]


def read_order(body: Mapping[str, Any]) -> OrderRequest:
    """All that create-order is asked for, and all that is wrong with its form."""
    told: list[Told] = []
    lines = _lines(body.get("products"), told)
    fields = Fields(body, told)
    address = None
    given = fields.value("address")
    if isinstance(given, dict):
        address = read_address(given, told)
    elif given is not None:
        told.append(Told("address", errors.invalid("address")))
    uid = _uid(fields)
    return OrderRequest(uid, fields.amount("total_amount", errors.ORDER_TOTAL), address, lines, tuple(told))


def read_address(given: Mapping[str, Any], told: list[Told]) -> Address | None:
    """The address; None if any of it is missing or wrong."""
    before = len(told)
    texts = address_texts(given, told)
    if texts["address_country_code"] is not None:
        unread = {one.field for one in told}
        told += [one for one in place_faults(_place(texts), _POSTAL_CODE) if one.field not in unread]
    return address_of(texts) if len(told) == before else None


def address_texts(given: Mapping[str, Any], told: list[Told], *, is_strict: bool = False) -> dict[str, str | None]:
    """Each field of the address as a text. A state and a postal code may be left out unless `is_strict`."""
    texts: dict[str, str | None] = {}
    for name, longest in _LENGTHS.items():
        may_be_blank = name in _MAY_BE_BLANK
        if may_be_blank and not is_strict and given.get(name) is None:
            texts[name] = ""
            continue
        texts[name] = Fields(given, told).text(name, longest, may_be_blank=may_be_blank)
    for name, is_one in (
        ("address_first_name", _is_name),
        ("address_last_name", _is_name),
        ("address_mail_id", _is_email),
        ("address_phone_number", _is_phone),
    ):
        text = texts[name]
        if text is not None and not is_one(text):
            told.append(Told(name, errors.invalid(name)))
    return texts


def place_faults(place: CheckedAddress, postal_code: Told) -> list[Told]:
    """What of country, state and postal code is not so in the world; of the last, `postal_code` is told."""
    faults = {
        Part.COUNTRY: Told("address_country_code", errors.invalid("address_country_code")),
        Part.STATE: Told("address_state_code", errors.invalid("address_state_code")),
        Part.POSTAL_CODE: postal_code,
    }
    return [fault for part, fault in faults.items() if part in place.wrong]


def address_of(texts: Mapping[str, str | None]) -> Address:
    """The address that the texts make, all of which could be read."""

    def text(name: str) -> str:
        return texts[name] or ""

    return Address(
        text("address_first_name"),
        text("address_last_name"),
        text("address_mail_id"),
        text("address_phone_number"),
        text("address_name_line"),
        text("address_premise"),
        text("address_locality"),
        _place(texts),
    )


def _place(texts: Mapping[str, str | None]) -> CheckedAddress:
    country, state, code = (texts[f"address_{name}"] for name in ("country_code", "state_code", "postal_code"))
    return check_place(country or "", state or "", code or "")


def _lines(given: Any, told: list[Told]) -> tuple[Line, ...]:
    if not isinstance(given, list) or not given or len(given) > MAX_LINES:
        is_long = isinstance(given, list) and len(given) > MAX_LINES
        told.append(Told("products", f"At most {MAX_LINES} products." if is_long else errors.NO_PRODUCTS))
        return ()
    return tuple(_line(one, told) for one in given)


def _line(given: Any, told: list[Told]) -> Line:
    if not isinstance(given, dict):
        told.append(Told("products", errors.invalid("products")))
        return Line(None, None, None, None, None, None)
    fields = Fields(given, told)
    sent = fields.value("product_id")
    number = whole_of(sent)
    if sent is not None and number is None:
        told.append(Told("product_id", errors.invalid_product(echo(sent))))
    pieces = fields.value("quantity")
    quantity = whole_of(pieces)
    if pieces is not None and not quantity:
        told.append(Told("quantity", errors.QUANTITY))
    return Line(
        echo(sent),
        number,
        quantity or None,
        fields.amount("unit_price"),
        fields.amount("discount", errors.DISCOUNT),
        fields.amount("total_amount", errors.LINE_TOTAL),
    )


def read_package(body: Mapping[str, Any]) -> PackageRequest:
    """All that upgrade-renewal-package is asked for. Raises Faults for what is missing or of a wrong type."""
    told: list[Told] = []
    fields = Fields(body, told)
    order_type = fields.value("order_type")
    if order_type is not None and order_type not in ("upgrade", "renewal"):
        told.append(Told("order_type", errors.ORDER_TYPE))
    uid = _uid(fields)
    sent = fields.value("product_id")
    if isinstance(sent, bool) or not isinstance(sent, int | Decimal | str | None):
        told.append(Told("product_id", errors.invalid_product(echo(sent))))
    unit_price, discount = fields.amount("unit_price"), fields.amount("discount", errors.DISCOUNT)
    total = fields.amount("order_total")
    texts = address_texts(body, told, is_strict=True)
    if told or uid is None or unit_price is None or discount is None or total is None:
        raise errors.Faults(told)
    return PackageRequest(
        str(order_type), uid, echo(sent), whole_of(sent), unit_price, discount, total, address_of(texts)
    )


def _uid(fields: Fields) -> str | None:
    uid = fields.value("uid")
    if uid is None or isinstance(uid, str):
        return uid
    fields.told.append(Told("uid", errors.USER))
    return None


def _is_name(text: str) -> bool:
    return any(character.isalpha() for character in text)


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _is_phone(text: str) -> bool:
    return _PHONE.fullmatch(text) is not None


def _has_control(text: str) -> bool:
    return any(character < " " or character == "\x7f" for character in text)
