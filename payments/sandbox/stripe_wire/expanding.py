"""Puts whole objects in the place of ids, as `expand[]` asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from payments.sandbox.models import BalanceEntry, Charge, PaymentIntent, StripeRefund
from payments.sandbox.stripe_wire.errors import StripeError
from payments.sandbox.stripe_wire.objects import charge_object, entry_object, intent_object, refund_object

MAX_DEPTH = 4


def _charge(public_id: str) -> dict[str, Any]:
    return charge_object(Charge.objects.select_related("intent").get(public_id=public_id))


def _intent(public_id: str) -> dict[str, Any]:
    return intent_object(PaymentIntent.objects.get(public_id=public_id))


def _entry(public_id: str) -> dict[str, Any]:
    return entry_object(BalanceEntry.objects.get(public_id=public_id))


def _source(public_id: str) -> dict[str, Any] | str:
    if public_id.startswith("ch_"):
        return _charge(public_id)
    if public_id.startswith("re_"):
        return refund_object(StripeRefund.objects.select_related("charge", "intent").get(public_id=public_id))
    return public_id


_WHOLE: dict[str, Callable[[str], dict[str, Any] | str]] = {
    "latest_charge": _charge,
    "charge": _charge,
    "payment_intent": _intent,
    "balance_transaction": _entry,
    "failure_balance_transaction": _entry,
    "source": _source,
}


def expanded(document: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The document with every path in `expand` filled in."""
    paths = params.get("expand", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise StripeError("Invalid array: expand", param="expand")
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_DEPTH:
            raise StripeError(f"You cannot expand more than {MAX_DEPTH} levels of a property.", param="expand")
        _expand(document, steps, path)
    return document


def _expand(document: dict[str, Any], steps: list[str], path: str) -> None:
    step, rest = steps[0], steps[1:]
    if step == "data" and isinstance(document.get("data"), list) and rest:
        for item in document["data"]:
            _expand(item, rest, path)
        return
    if step not in _WHOLE or step not in document:
        raise StripeError(f"This property cannot be expanded ({path[:60]}).", param="expand")
    if isinstance(document[step], str):
        document[step] = _WHOLE[step](document[step])
    if rest and isinstance(document[step], dict):
        _expand(document[step], rest, path)
