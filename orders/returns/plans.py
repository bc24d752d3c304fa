"""From what somebody wishes to give back to what goes back: a plan, or a refusal that names the reason. Reads only."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from kit.errors import DomainError, Fault
from kit.money import Money
from orders.models import Order, OrderLine, RefundKind
from orders.returns.rest import LineLeft, RefundRest, sale_left
from orders.returns.shares import LineShare, Parts, cut_down, line_share
from payments.models import RefundDestination


@dataclass(frozen=True, slots=True)
class LineWish:
    """So many pieces of the line at a position, and whether they come back into stock."""

    position: int
    quantity: int
    restock: bool = False


@dataclass(frozen=True, slots=True)
class RefundWish:
    """What somebody wishes to give back.

    `amount` is needed for an amount and for goodwill; with lines it gives less back for them than they were worth.
    `key` names this one wish: sent twice, it is one refund.
    """

    kind: RefundKind
    reason: str
    amount: Money | None = None
    lines: tuple[LineWish, ...] = ()
    delivery: bool = False
    destination: RefundDestination = RefundDestination.ORIGINAL
    key: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """Pieces of a line: what they are worth, and what goes back for them."""

    line: OrderLine
    quantity: int
    share: LineShare
    amount: int
    restock: bool


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """What goes back, minor units."""

    amount: int
    tax: int
    delivery: int = 0
    lines: tuple[PlannedLine, ...] = ()


def plan(order: Order, rest: RefundRest, wish: RefundWish) -> RefundPlan:
    """What goes back for a wish; the order is locked.

    Raises DomainError: `lines_missing`, `lines_not_expected`, `delivery_not_expected`, `amount_missing` and
    `amount_not_expected` for a wish that contradicts itself; `line_unknown`, `line_repeated`, `quantity_invalid`,
    `restocked_already`, `delivery_refunded` and `amount_beyond_lines` for its lines; `nothing_to_refund`,
    `amount_not_left` and `payment_disputed` for what is left of the money.
    """
    _refuse([*_contradictions(wish), *_line_faults(rest, wish)])
    if wish.kind == RefundKind.LINES:
        return _plan_lines(order, rest, wish)
    amount = rest.refundable if wish.amount is None else _affordable(order, rest, wish.amount)
    if amount <= 0:
        _refuse([_nothing_left(rest)])
    return RefundPlan(amount, tax=_tax(order, amount))


def _plan_lines(order: Order, rest: RefundRest, wish: RefundWish) -> RefundPlan:
    chosen = [(rest.lines[line.position], line) for line in wish.lines]
    shares = [line_share(left.rest, line.quantity) for left, line in chosen]
    delivery = rest.delivery if wish.delivery else 0
    delivery_tax = min(delivery, order.delivery_tax_minor)
    parts = Parts(
        lines=tuple(share.amount_minor for share in shares),
        delivery=delivery,
        tax=sum(share.tax_minor for share in shares) + delivery_tax,
    )
    parts = cut_down(parts, _lines_amount(order, rest, wish, parts))
    lines = tuple(
        PlannedLine(left.line, line.quantity, share, amount, line.restock)
        for (left, line), share, amount in zip(chosen, shares, parts.lines, strict=True)
    )
    return RefundPlan(parts.amount, _tax(order, parts.amount, settled=parts.tax), parts.delivery, lines)


def _lines_amount(order: Order, rest: RefundRest, wish: RefundWish, parts: Parts) -> int:
    """What goes back for the chosen lines; whoever gives back the last of them gives back the rest of the money."""
    if wish.amount is not None:
        amount = _affordable(order, rest, wish.amount)
        if amount > parts.amount:
            worth = Money(parts.amount, order.currency)
            _refuse([Fault("amount_beyond_lines", {"worth": worth}, at=("amount",))])
        return amount
    taken = Counter({line.position: line.quantity for line in wish.lines})
    is_last = all(left.rest.quantity == taken[position] for position, left in rest.lines.items())
    is_last = is_last and (wish.delivery or not rest.delivery)
    amount = min(parts.amount, rest.refundable) if is_last else parts.amount
    if rest.kept <= 0 or amount <= 0:
        _refuse([_nothing_left(rest)])
    return _affordable(order, rest, Money(amount, order.currency))


def _affordable(order: Order, rest: RefundRest, amount: Money) -> int:
    kept, refundable = Money(rest.kept, order.currency), Money(max(0, rest.refundable), order.currency)
    if amount.currency != order.currency or not 0 < amount.minor <= rest.kept:
        _refuse([Fault("amount_not_left", {"kept": kept}, at=("amount",))])
    if amount.minor > refundable.minor:
        _refuse([Fault("payment_disputed", {"refundable": refundable}, at=("amount",))])
    return amount.minor


def _nothing_left(rest: RefundRest) -> Fault:
    return Fault("payment_disputed" if rest.kept > 0 >= rest.refundable else "nothing_to_refund")


def _tax(order: Order, amount: int, settled: int | None = None) -> int:
    left = sale_left(order)
    return left.tax_share(max(0, amount - left.surplus), settled_minor=settled)


def _contradictions(wish: RefundWish) -> Iterator[Fault]:
    by_lines = wish.kind == RefundKind.LINES
    if by_lines and not (wish.lines or wish.delivery):
        yield Fault("lines_missing", at=("lines",))
    if not by_lines and wish.lines:
        yield Fault("lines_not_expected", {"kind": wish.kind}, at=("lines",))
    if not by_lines and wish.delivery:
        yield Fault("delivery_not_expected", {"kind": wish.kind}, at=("delivery",))
    if wish.kind in (RefundKind.PARTIAL, RefundKind.GOODWILL) and wish.amount is None:
        yield Fault("amount_missing", {"kind": wish.kind}, at=("amount",))
    if wish.kind == RefundKind.FULL and wish.amount is not None:
        yield Fault("amount_not_expected", {"kind": wish.kind}, at=("amount",))


def _line_faults(rest: RefundRest, wish: RefundWish) -> Iterator[Fault]:
    seen = set[int]()
    for index, line in enumerate(wish.lines):
        left = rest.lines.get(line.position)
        if left is None:
            yield Fault("line_unknown", {"line": line.position}, at=("lines", index, "line"))
        elif line.position in seen:
            yield Fault("line_repeated", {"line": line.position}, at=("lines", index, "line"))
        else:
            yield from _piece_faults(left, line, index)
        seen.add(line.position)
    if wish.delivery and rest.delivery <= 0 and wish.kind == RefundKind.LINES:
        yield Fault("delivery_refunded", at=("delivery",))


def _piece_faults(left: LineLeft, line: LineWish, index: int) -> Iterator[Fault]:
    if not 0 < line.quantity <= left.rest.quantity:
        yield Fault("quantity_invalid", {"left": left.rest.quantity}, at=("lines", index, "quantity"))
    elif line.restock and line.quantity > left.restockable:
        yield Fault("restocked_already", {"left": left.restockable}, at=("lines", index, "restock"))


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise DomainError(faults)
