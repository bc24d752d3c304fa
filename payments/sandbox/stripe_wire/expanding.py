"""Puts whole objects in the place of ids, as `expand[]` asks: each step for all documents of a list at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from payments.sandbox.models import BalanceEntry, Charge, Dispute, PaymentIntent, StripeRefund
from payments.sandbox.stripe_wire.errors import StripeError
from payments.sandbox.stripe_wire.objects import (
    charge_object,
    dispute_object,
    entry_object,
    intent_object,
    refund_object,
)

MAX_DEPTH = 4

type Document = dict[str, Any]


def _charges(ids: list[str]) -> Iterable[Document]:
    return map(charge_object, Charge.objects.select_related("intent").filter(public_id__in=ids))


def _intents(ids: list[str]) -> Iterable[Document]:
    return map(intent_object, PaymentIntent.objects.filter(public_id__in=ids))


def _entries(ids: list[str]) -> Iterable[Document]:
    return map(entry_object, BalanceEntry.objects.filter(public_id__in=ids))


def _refunds(ids: list[str]) -> Iterable[Document]:
    return map(refund_object, StripeRefund.objects.select_related("charge", "intent").filter(public_id__in=ids))


def _disputes(ids: list[str]) -> Iterable[Document]:
    found = Dispute.objects.select_related("charge__intent").prefetch_related("entries").filter(public_id__in=ids)
    return map(dispute_object, found)


def _sources(ids: list[str]) -> Iterable[Document]:
    for prefix, load in (("ch_", _charges), ("re_", _refunds), ("du_", _disputes)):
        if named := [each for each in ids if each.startswith(prefix)]:
            yield from load(named)


_WHOLE: dict[str, Callable[[list[str]], Iterable[Document]]] = {
    "latest_charge": _charges,
    "charge": _charges,
    "payment_intent": _intents,
    "balance_transaction": _entries,
    "failure_balance_transaction": _entries,
    "source": _sources,
}


def expanded(document: Document, params: dict[str, Any]) -> Document:
    """The document with every path in `expand` filled in."""
    paths = params.get("expand", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise StripeError("Invalid array: expand", param="expand")
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_DEPTH:
            raise StripeError(f"You cannot expand more than {MAX_DEPTH} levels of a property.", param="expand")
        if steps[0] == "data" and isinstance(document.get("data"), list) and len(steps) > 1:
            _expand(document["data"], steps[1:], path)
        else:
            _expand([document], steps, path)
    return document


def _expand(documents: list[Document], steps: list[str], path: str) -> None:
    step, rest = steps[0], steps[1:]
    # A source is now a charge, now a refund: what only some of them have is expanded in those.
    having = [document for document in documents if step in document]
    if step not in _WHOLE or (documents and not having):
        raise StripeError(f"This property cannot be expanded ({path[:60]}).", param="expand")
    ids = [document[step] for document in having if isinstance(document[step], str)]
    whole = {found["id"]: found for found in _WHOLE[step](ids)} if ids else {}
    for document in having:
        if isinstance(document[step], str):
            document[step] = whole.get(document[step], document[step])
    nested = [document[step] for document in having if isinstance(document[step], dict)]
    if rest and nested:
        _expand(nested, rest, path)
