"""What an invoice says: the one model that its page, its PDF and its e-invoice are made of, frozen with it.

Plain values that survive JSON: amounts in minor units, rates in millionths, days in ISO 8601. A new version of the
model still reads every older one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from orders.taxes.arithmetic import Levy

VERSION = 1

PRO_FORMA = "pro_forma"
"""The kind of a view that has not been issued and has no number."""


@dataclass(frozen=True, slots=True)
class Party:
    """Seller, buyer, or where the goods go. `state` is as people write it, `state_code` its ISO 3166-2 code without the
    country; `registration` a number in a register of companies."""

    name: str
    street: str = ""
    city: str = ""
    state: str = ""
    state_code: str = ""
    postal_code: str = ""
    country: str = ""
    tax_number: str = ""
    registration: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """Something sold, its delivery, or a reduction of its price.

    `amount_minor` is quantity times unit price, with its tax where prices include it; `net_minor` is after the discount
    and without tax. `category` is the one of EN 16931 (UNTDID 5305).
    """

    title: str
    detail: str
    hsn_code: str
    quantity: int
    unit_price_minor: int
    amount_minor: int
    discount_minor: int
    net_minor: int
    levies: tuple[Levy, ...]
    zero_reason: str
    category: str
    is_goods: bool
    is_delivery: bool = False

    @property
    def tax_minor(self) -> int:
        """All taxes on it."""
        return sum(levy.amount_minor for levy in self.levies)

    @property
    def total_minor(self) -> int:
        """What is paid for it."""
        return self.net_minor + self.tax_minor

    @property
    def ppm(self) -> int:
        """All its rates together."""
        return sum(levy.ppm for levy in self.levies)


@dataclass(frozen=True, slots=True)
class TaxRow:
    """One tax of one rate over the whole document, and what it is on."""

    name: str
    ppm: int
    base_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Paid:
    """Money that came in before the issue: on which day, how, how much."""

    on: str
    method: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """All that a document says. `number`, `issued_on` and `issued_at` are empty until it is issued."""

    kind: str
    title: str
    number: str
    issued_on: str
    order_number: int
    ordered_on: str
    supplied_on: str
    seller: Party
    buyer: Party
    delivers: bool
    place_of_supply: str
    is_gst: bool
    currency: str
    prices_include_tax: bool
    lines: tuple[Line, ...]
    credits_minor: int = 0
    paid: tuple[Paid, ...] = ()
    due_minor: int = 0
    on_delivery: bool = False
    corrects: str = ""
    corrects_issued_on: str = ""
    reason: str = ""
    notes: tuple[str, ...] = ()
    version: int = VERSION

    @property
    def net_minor(self) -> int:
        """Without tax."""
        return sum(line.net_minor for line in self.lines)

    @property
    def tax_minor(self) -> int:
        """All taxes."""
        return sum(line.tax_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        """With tax."""
        return self.net_minor + self.tax_minor

    @property
    def taxes(self) -> tuple[TaxRow, ...]:
        """By name and rate, in the order in which they first come."""
        rows: dict[tuple[str, int], tuple[int, int]] = {}
        for line in self.lines:
            for levy in line.levies:
                base, amount = rows.get((levy.name, levy.ppm), (0, 0))
                rows[levy.name, levy.ppm] = (base + line.net_minor, amount + levy.amount_minor)
        return tuple(TaxRow(name, ppm, *sums) for (name, ppm), sums in rows.items())

    def as_json(self) -> dict[str, Any]:
        """As it is stored."""
        return dataclasses.asdict(self)

    def issued(self, number: str, day: str) -> Self:
        """The same with its number and its day."""
        return dataclasses.replace(self, number=number, issued_on=day)


def from_json(stored: Mapping[str, Any]) -> InvoiceView:
    """What `as_json` stored."""
    fields = dict(stored)
    fields["seller"], fields["buyer"] = Party(**stored["seller"]), Party(**stored["buyer"])
    fields["lines"] = tuple(
        Line(**{**line, "levies": tuple(Levy(**levy) for levy in line["levies"])}) for line in stored["lines"]
    )
    fields["paid"] = tuple(Paid(**paid) for paid in stored["paid"])
    fields["notes"] = tuple(stored["notes"])
    return InvoiceView(**fields)
