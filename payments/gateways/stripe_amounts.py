"""Stripe's minor units, which are not always ISO's."""

from __future__ import annotations

from kit.money import Money, digits
from payments.gateways.base import Reason, Rejected

# docs.stripe.com/currencies, "Zero-decimal" and "Special cases": where Stripe counts otherwise than ISO 4217.
# ISK and UGX are sent with two digits that must be zero; MGA has none at Stripe although ISO gives it two.
_STRIPE_DIGITS = {"ISK": 2, "UGX": 2, "MGA": 0}


def to_stripe(amount: Money) -> int:
    """An amount in Stripe's minor units. Raises Rejected where Stripe cannot express it."""
    ours, theirs = digits(amount.currency), _STRIPE_DIGITS.get(amount.currency, digits(amount.currency))
    if theirs >= ours:
        scaled = amount.minor * _power(theirs - ours)
    else:
        scaled, rest = divmod(amount.minor, _power(ours - theirs))
        if rest:
            raise Rejected(Reason.AMOUNT_NOT_PAYABLE)
    # Three-decimal currencies: "the last digit must be 0".
    if ours == 3 and scaled % 10:
        raise Rejected(Reason.AMOUNT_NOT_PAYABLE)
    return scaled


def from_stripe(amount: int, currency: str) -> int:
    """Stripe's minor units as ours."""
    ours, theirs = digits(currency), _STRIPE_DIGITS.get(currency, digits(currency))
    return amount // _power(theirs - ours) if theirs >= ours else amount * _power(ours - theirs)


def _power(exponent: int) -> int:
    return int(10**exponent)
