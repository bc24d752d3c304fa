"""Who says what the taxes of an order are: our own table of rates, or an outside service in its place.

`TAX_SERVICE` names a class without arguments that answers `TaxService`. It is asked before an order's transaction
begins, never inside one, and may take its time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from catalog.taxes import Rate
from orders.taxes.arithmetic import Levy, TaxRounding, levy
from orders.taxes.rules import Party, treat


@dataclass(frozen=True, slots=True)
class TaxedThing:
    """One line, or the delivery: what is paid for it after discounts, minor units, and what it is for taxes.

    `rates` is what our own table says of its category where it goes; another service may leave it aside.
    """

    amount_minor: int
    category: str
    hsn_code: str = ""
    rates: tuple[Rate, ...] = ()


@dataclass(frozen=True, slots=True)
class TaxQuestion:
    """What is sold by whom to whom. `included` says that the amounts contain their taxes."""

    seller: Party
    buyer: Party
    postal_code: str
    currency: str
    things: tuple[TaxedThing, ...]
    included: bool
    rounding: TaxRounding


@dataclass(frozen=True, slots=True)
class TaxAnswer:
    """The taxes on one thing, and why none is, where they come to nothing."""

    levies: tuple[Levy, ...] = ()
    zero_reason: str = ""

    @property
    def amount_minor(self) -> int:
        """What they come to."""
        return sum(one.amount_minor for one in self.levies)


class TaxServiceUnavailable(Exception):
    """Nobody knows the taxes right now: nothing can be sold until somebody does."""


class TaxService(Protocol):
    """Knows taxes."""

    def quote(self, question: TaxQuestion) -> tuple[TaxAnswer, ...]:
        """An answer for each thing, in their order. Raises TaxServiceUnavailable."""


class TableOfRates:
    """Our own: the rates that staff keep (`catalog.models.TaxRate`), by the rules of `rules`."""

    def quote(self, question: TaxQuestion) -> tuple[TaxAnswer, ...]:
        """An answer for each thing; reads nothing."""
        treatments = [treat(thing.rates, seller=question.seller, buyer=question.buyer) for thing in question.things]
        levies = levy(
            [thing.amount_minor for thing in question.things],
            [treatment.rates for treatment in treatments],
            included=question.included,
            rounding=question.rounding,
        )
        return tuple(TaxAnswer(due, treatment.zero_reason) for due, treatment in zip(levies, treatments, strict=True))


def tax_service() -> TaxService:
    """The one that this installation asks."""
    service: TaxService = import_string(settings.TAX_SERVICE)()
    return service
