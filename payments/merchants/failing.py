"""What a merchant's call comes to when the gateway does not play along, whichever way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from payments.gateways.base import GatewayError


class GatewayFailed(Exception):
    """The gateway would not or could not be asked, or did not say what became of it. `reason` is its `Reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def told() -> Iterator[None]:
    """Within the block a gateway's error is raised as GatewayFailed."""
    try:
        yield
    except GatewayError as error:
        raise GatewayFailed(error.reason.value) from None
