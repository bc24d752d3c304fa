"""What a part of an order is worth when it goes back: pure arithmetic of minor units.

Every share is one of what is left, and whoever takes all that is left takes the rest: whatever is given back, in
whatever order and however often it fails and is given back anew, the parts add up to the whole to the last unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from kit.money import allocate


@dataclass(frozen=True, slots=True)
class LineRest:
    """What of a line has not been given back: its pieces, and the discount and the tax that they still bear, the latter
    within the price or beside it."""

    quantity: int
    unit_price_minor: int
    discount_minor: int
    tax_minor: int
    tax_is_included: bool = False


@dataclass(frozen=True, slots=True)
class LineShare:
    """What some pieces of a line are worth: price less `discount_minor` plus `tax_minor`, unless the price has it."""

    amount_minor: int
    discount_minor: int
    tax_minor: int


def line_share(rest: LineRest, quantity: int) -> LineShare:
    """The worth of so many of the pieces that are left, rounded down; the last ones bear the rest.

    Raises ValueError for more pieces than are left, and for none.
    """
    if not 0 < quantity <= rest.quantity:
        raise ValueError("no such pieces are left")
    discount = rest.discount_minor * quantity // rest.quantity
    tax = rest.tax_minor * quantity // rest.quantity
    amount = rest.unit_price_minor * quantity - discount + (0 if rest.tax_is_included else tax)
    return LineShare(amount, discount, tax)


@dataclass(frozen=True, slots=True)
class Parts:
    """A refund, taken apart: what goes back for each line and for the delivery, and the tax in it all."""

    lines: tuple[int, ...]
    delivery: int
    tax: int

    @property
    def amount(self) -> int:
        """All of it."""
        return sum(self.lines) + self.delivery


def cut_down(parts: Parts, amount_minor: int) -> Parts:
    """The same for less money: every part gives way in proportion, and so does the tax, which is rounded down.

    Raises ValueError for more than the parts are worth.
    """
    whole = parts.amount
    if not 0 <= amount_minor <= whole:
        raise ValueError("the parts are worth less")
    if amount_minor == whole:
        return parts
    *lines, delivery = allocate(amount_minor, [*parts.lines, parts.delivery])
    return Parts(tuple(lines), delivery, parts.tax * amount_minor // whole)
