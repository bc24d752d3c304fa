"""Which of the rates of a place are due for one sale: India's split by place of supply, the EU's reverse charge, and
why nothing is due. A pure function of seller, buyer and rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from catalog.taxes import Rate

# The member states in 2020 and since. Council Directive 2006/112/EC, article 5; Greece is GR here, EL in VAT numbers.
EU = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)
# Union territories without a legislature: the second half there is UTGST. Union Territory GST Act 2017, section 7.
_UNION_TERRITORIES = frozenset({"AN", "CH", "DH", "LA", "LD"})
_GST = "GST"


class ZeroReason(StrEnum):
    """Why no tax is on a line, where the table of rates does not say it in its own words."""

    REVERSE_CHARGE = "reverse_charge"  # the buyer owes it: Directive 2006/112/EC, articles 138 and 196
    EXPORT = "export"  # it leaves the place where the seller is taxed
    NOT_TAXED = "not_taxed"  # no rate is in force there for its category
    ZERO_RATED = "zero_rated"  # the rate in force is zero


@dataclass(frozen=True, slots=True)
class Party:
    """Where somebody is for taxes: country alpha-2, state as its ISO 3166-2 code, VAT number or GSTIN."""

    country: str
    state: str = ""
    tax_number: str = ""


@dataclass(frozen=True, slots=True)
class Treatment:
    """The taxes that are due on one line, and why none is, where they come to nothing."""

    rates: tuple[Rate, ...] = ()
    zero_reason: str = ""


def treat(rates: tuple[Rate, ...], *, seller: Party, buyer: Party) -> Treatment:
    """What is due of the rates in force where a line goes. `buyer` is where it goes, with the buyer's number."""
    if _is_reverse_charge(seller, buyer):
        return Treatment(zero_reason=ZeroReason.REVERSE_CHARGE)
    if not rates:
        return Treatment(zero_reason=ZeroReason.EXPORT if _is_export(seller, buyer) else ZeroReason.NOT_TAXED)
    if seller.country == buyer.country == "IN":
        rates = tuple(part for rate in rates for part in _by_place_of_supply(rate, seller, buyer))
    if any(rate.ppm for rate in rates):
        return Treatment(rates)
    reason = next((rate.zero_reason for rate in rates if rate.zero_reason), ZeroReason.ZERO_RATED)
    return Treatment(rates, str(reason))


def _is_reverse_charge(seller: Party, buyer: Party) -> bool:
    """Between two member states, to somebody who is registered for VAT in another one than the seller's."""
    crosses = seller.country in EU and buyer.country in EU and seller.country != buyer.country
    return crosses and _country_of(buyer.tax_number) in EU - {seller.country}


def _country_of(vat_number: str) -> str:
    prefix = vat_number[:2]
    return "GR" if prefix == "EL" else prefix


def _is_export(seller: Party, buyer: Party) -> bool:
    return seller.country != buyer.country and not {seller.country, buyer.country} <= EU


def _by_place_of_supply(rate: Rate, seller: Party, buyer: Party) -> tuple[Rate, ...]:
    """Within a state CGST and SGST (or UTGST), half each; between states IGST. IGST Act 2017, sections 7 and 8; where
    nobody knows the state it is between states.
    """
    if rate.name != _GST:
        return (rate,)
    if not buyer.state or seller.state != buyer.state:
        return (Rate("IGST", rate.ppm, rate.zero_reason),)
    second = "UTGST" if buyer.state in _UNION_TERRITORIES else "SGST"
    half = rate.ppm // 2
    return (Rate("CGST", half, rate.zero_reason), Rate(second, half, rate.zero_reason))
