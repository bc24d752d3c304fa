"""Money as a whole number of minor units of one ISO 4217 currency.

Only this module knows how many digits a currency has. Amounts enter as whole minor units or as exact decimals and
leave the same way; a binary float is refused, because 0.1 + 0.2 is not 0.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

# Digits after the point where ISO 4217 (list one, 2024) says other than two.
_DIGITS_NOT_TWO = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND"), 0),
    **dict.fromkeys(("VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
_TWO_DIGIT_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT "
    "MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB "
    "SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH "
    "USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG "
)
_TWO_DIGITS = frozenset(_TWO_DIGIT_CODES.split())

CURRENCIES = frozenset(_DIGITS_NOT_TWO) | _TWO_DIGITS

_PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)

MAX_MINOR = 2**63 - 1
"""What a PostgreSQL bigint holds; an amount beyond it is refused, never wrapped or rounded."""


class MoneyError(ValueError):
    """An amount or a currency that money cannot be made of."""


def digits(currency: str) -> int:
    """Digits after the decimal point of an ISO 4217 currency: USD 2, JPY 0, KWD 3. MoneyError if unknown."""
    try:
        return 2 if currency in _TWO_DIGITS else _DIGITS_NOT_TWO[currency]
    except (KeyError, TypeError):
        raise MoneyError(f"unknown currency {currency!r}") from None


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An exact amount. Adding, subtracting or comparing two currencies raises MoneyError."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise MoneyError(f"minor units must be a whole number, not {type(self.minor).__name__}")
        if not -MAX_MINOR <= self.minor <= MAX_MINOR:
            raise MoneyError("amount out of range")
        digits(self.currency)

    @classmethod
    def from_major(cls, amount: Decimal | int | str, currency: str) -> Money:
        """Money from major units: "459.98" USD is 45998 minor units.

        Raises MoneyError for a float, a boolean, text that is not a plain ASCII decimal, more digits than the
        currency has (nothing is rounded here), NaN, Infinity and what no bigint holds.
        """
        if isinstance(amount, bool) or not isinstance(amount, Decimal | int | str):
            raise MoneyError(f"an amount cannot be a {type(amount).__name__}")
        if isinstance(amount, str) and not _PLAIN.fullmatch(amount):
            raise MoneyError("not a decimal number")
        exact = Decimal(amount)
        # More digits than the arithmetic below keeps exact are more than any bigint has.
        if not exact.is_finite() or exact.adjusted() > 20 or len(exact.as_tuple().digits) > 28:
            raise MoneyError("amount out of range")
        scaled = exact.scaleb(digits(currency))
        if scaled != scaled.to_integral_value():
            raise MoneyError(f"{currency} has {digits(currency)} digits after the point")
        return cls(int(scaled), currency)

    @property
    def major(self) -> Decimal:
        """The amount in major units with exactly the currency's own digits: Decimal("69.00")."""
        return Decimal(self.minor).scaleb(-digits(self.currency))

    def __str__(self) -> str:
        return f"{self.major} {self.currency}"

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other), self.currency)

    def __mul__(self, times: int) -> Money:
        if type(times) is not int:
            raise MoneyError("money is multiplied by whole numbers only")
        return Money(self.minor * times, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise MoneyError(f"{self.currency} and {other.currency} do not mix")
        return other.minor


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of amounts of one currency; zero of it when there are none."""
    result = Money(0, currency)
    for amount in amounts:
        result = result + amount
    return result


def allocate(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Share out minor units in proportion to weights so that the shares sum to the amount exactly.

    Largest remainder; of equal remainders the earlier share gets the unit, so the result depends on nothing but the
    arguments. All weights zero: equal shares. Raises MoneyError without weights or with a negative one.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise MoneyError("shares need weights, none of them negative")
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    sign, size = (-1, -amount_minor) if amount_minor < 0 else (1, amount_minor)
    shares = [size * weight // whole for weight in weights]
    remainders = [size * weight % whole for weight in weights]
    left = size - sum(shares)
    for index in sorted(range(len(weights)), key=lambda i: (-remainders[i], i))[:left]:
        shares[index] += 1
    return [sign * share for share in shares]
