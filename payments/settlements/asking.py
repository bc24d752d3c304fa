"""Asking the gateway for settlements by their names: files name them, and a window of time may not contain them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from payments.gateways.base import Gateway
from payments.settlements import staging


def not_paid_out(gateway: Gateway, names: Iterable[str]) -> Iterator[str]:
    """Tell what the gateway says of each of these settlements that is not told of yet; the names of those that it does
    not have, or has not paid out. Raises GatewayError, after those that it has answered for."""
    told = {header.settlement_id for header in staging.headers(gateway.name)}
    for name in names:
        if name in told:
            continue
        found = gateway.find_settlement(name)
        if found is None:
            yield name
        else:
            staging.tell_settlements(gateway.name, [found])
