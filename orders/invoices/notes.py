"""What a credit note takes back of an invoice, line by line and tax by tax: pure arithmetic of minor units.

Every note is a share of what the notes before it have left, tax by tax; whoever takes back all that is left takes the
rest: whatever is given back, in whatever order, the notes of an invoice add up to it to the last unit and to no more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kit.money import allocate
from orders.invoices.view import InvoiceView, Line
from orders.taxes.arithmetic import Levy

# Of weights that are fractions so many parts are told apart.
_FINE = 1_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """So many pieces of a line of the invoice, and what they weigh among the others."""

    line: Line
    quantity: int
    weight: int


@dataclass(frozen=True, slots=True)
class _Group:
    """What is taxed alike."""

    category: str
    zero_reason: str
    rates: tuple[tuple[str, int], ...]


def _group(line: Line) -> _Group:
    return _Group(line.category, line.zero_reason, tuple((levy.name, levy.ppm) for levy in line.levies))


@dataclass(slots=True)
class _Rest:
    """What is left of a group: without tax, and of each of its taxes."""

    net: int
    taxes: list[int]


def taken_back(
    base: InvoiceView,
    earlier: Iterable[tuple[int, InvoiceView]],
    *,
    net: int,
    tax: int,
    pieces: Sequence[Piece] = (),
    title: str,
) -> tuple[Line, ...]:
    """The lines of a note that takes so much of a document back. `earlier` are the notes before it: with 1 those that
    took something back, with -1 those that gave it back to the document.

    Raises ValueError for more than is left.
    """
    rests = _rests(base, earlier)
    left_net, left_tax = sum(rest.net for rest in rests.values()), sum(sum(rest.taxes) for rest in rests.values())
    if not (0 <= net <= left_net and 0 <= tax <= left_tax):
        raise ValueError("so much is not left of it")
    if (net, tax) == (base.net_minor, base.tax_minor):
        return base.lines
    groups = list(rests)
    nets = _nets(rests, net, pieces)
    taxes = _taxes(rests, nets, tax)
    lines: list[Line] = []
    for group in groups:
        of_group = [piece for piece in pieces if _group(piece.line) == group]
        lines += _lines(group, nets[group], taxes[group], of_group, title)
    return tuple(lines)


def _rests(base: InvoiceView, earlier: Iterable[tuple[int, InvoiceView]]) -> dict[_Group, _Rest]:
    rests: dict[_Group, _Rest] = {}
    for sign, view in ((-1, base), *earlier):
        for line in view.lines:
            group = _group(line)
            rest = rests.setdefault(group, _Rest(0, [0] * len(line.levies)))
            rest.net -= sign * line.net_minor
            for index, levy in enumerate(line.levies):
                rest.taxes[index] -= sign * levy.amount_minor
    return rests


def _nets(rests: Mapping[_Group, _Rest], net: int, pieces: Sequence[Piece]) -> dict[_Group, int]:
    """What each group gives: as its pieces weigh, and no more than it has left."""
    groups = list(rests)
    caps = [rests[group].net for group in groups]
    if pieces:
        weights = [sum(piece.weight for piece in pieces if _group(piece.line) == group) for group in groups]
    else:
        weights = caps
    return dict(zip(groups, share_out(net, weights, caps), strict=True))


def _taxes(rests: Mapping[_Group, _Rest], nets: Mapping[_Group, int], tax: int) -> dict[_Group, list[int]]:
    """The taxes of each group, as near as can be to what is on the net that it gives."""
    keys = [(group, index) for group, rest in rests.items() for index in range(len(rest.taxes))]
    caps = [rests[group].taxes[index] for group, index in keys]
    weights = [
        cap * nets[group] * _FINE // rests[group].net if rests[group].net else 0
        for (group, _), cap in zip(keys, caps, strict=True)
    ]
    found: dict[_Group, list[int]] = {group: [] for group in rests}
    for (group, _), share in zip(keys, share_out(tax, weights, caps) if keys else [], strict=True):
        found[group].append(share)
    return found


def share_out(amount: int, weights: Sequence[int], caps: Sequence[int]) -> list[int]:
    """Shares in proportion to weights, none beyond its cap; what does not fit goes where there is room."""
    if sum(weights) == 0:
        weights = caps
    shares = [0] * len(caps)
    left = amount
    while left > 0:
        room = [cap - share for cap, share in zip(caps, shares, strict=True)]
        open_weights = [weight if space > 0 else 0 for weight, space in zip(weights, room, strict=True)]
        if sum(open_weights) == 0:
            open_weights = room
        for index, share in enumerate(allocate(left, open_weights)):
            taken = min(share, room[index])
            shares[index] += taken
            left -= taken
    return shares


def _lines(group: _Group, net: int, taxes: Sequence[int], pieces: Sequence[Piece], title: str) -> list[Line]:
    """A line for each piece, or one for all of the group."""
    if not net and not any(taxes):
        return []
    if not pieces:
        return [_reduction(group, net, taxes, title)]
    weights = [piece.weight for piece in pieces]
    nets = allocate(net, weights)
    columns = [allocate(tax, nets if any(nets) else weights) for tax in taxes]
    return [
        dataclasses.replace(
            piece.line,
            quantity=piece.quantity,
            amount_minor=nets[index],
            discount_minor=0,
            net_minor=nets[index],
            levies=tuple(
                Levy(name, ppm, column[index]) for (name, ppm), column in zip(group.rates, columns, strict=True)
            ),
        )
        for index, piece in enumerate(pieces)
    ]


def _reduction(group: _Group, net: int, taxes: Sequence[int], title: str) -> Line:
    return Line(
        title=title,
        detail="",
        hsn_code="",
        quantity=1,
        unit_price_minor=net,
        amount_minor=net,
        discount_minor=0,
        net_minor=net,
        levies=tuple(Levy(name, ppm, tax) for (name, ppm), tax in zip(group.rates, taxes, strict=True)),
        zero_reason=group.zero_reason,
        category=group.category,
        is_goods=False,
    )
