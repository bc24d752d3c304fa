"""From a URL to the addresses that may be connected to: once when a subscription is saved, once for each delivery.

The name is looked up here and never again: whoever connects uses these addresses, so that a name which changes its
answer between check and connection gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Collection, Sequence

from django.conf import settings

from payments.outgoing.addresses import Target, TargetRefused, is_public, literal, read_target

type Resolve = Callable[[str, int], Sequence[str]]
"""The numeric addresses of a name, best first. Raises OSError when there are none."""

LOOK_UP_S = 3.0


def allowed(url: str) -> Target:
    """The target, as far as its spelling tells. Raises TargetRefused."""
    return read_target(url, https_only=settings.PRODUCTION, private_hosts=_private_hosts())


def pinned(target: Target, resolve: Resolve) -> list[str]:
    """The addresses to connect to, of which every one is public. Raises TargetRefused or OSError.

    One private address among them condemns them all: nobody serves the public from both.
    """
    if literal(target.host) is not None:
        return [target.host]
    found = list(dict.fromkeys(resolve(target.host, target.port)))
    if not found:
        raise OSError("the name has no address")
    if target.host not in _private_hosts() and not all(_is_public(address) for address in found):
        raise TargetRefused("private_address")
    return found


def look_up(host: str, port: int) -> list[str]:
    """Asks the system's resolver, which knows no time limit, for LOOK_UP_S at the most. Raises OSError."""
    found: list[str] = []
    failed: list[OSError] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.extend(str(address[0]) for *_, address in answers)
        except (OSError, UnicodeError) as error:
            failed.append(OSError(str(error)))

    # Nobody waits for a look-up that hangs, not even at the end of the process.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(LOOK_UP_S)
    if asking.is_alive():
        raise TimeoutError("the name was not resolved in time")
    if failed:
        raise failed[0]
    return found


def _is_public(text: str) -> bool:
    try:
        return is_public(ipaddress.ip_address(text))
    except ValueError:
        return False


def _private_hosts() -> Collection[str]:
    hosts: list[str] = settings.OUTGOING_ALLOWED_PRIVATE_HOSTS
    return hosts
