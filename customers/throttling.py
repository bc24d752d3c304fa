"""Slows down whoever guesses: failed sign-ins, failed codes and the like, counted in the database for all processes.

Only failures count. An attempt is refused before any costly or telling work is done, and a refused attempt does not
count, so that a lockout ends by itself when its window does. Checking and counting are two statements, so that many
honest sign-ins at once are never refused: as many guesses more than the limit get through as run at the same time.
"""

from __future__ import annotations

import functools
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from rest_framework.request import Request

from customers.models import FailureCount
from kit import clock
from kit.errors import DomainError, Fault
from kit.signing import Signer

WINDOW_S = 300
"""Failures are counted in windows of this many seconds, the same ones for everybody."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` failures of one kind by one party in a window; `party` is stored as a keyed hash only."""

    scope: str
    party: str
    most: int


class TooManyFailures(DomainError):
    """The limit is reached; the attempt was not looked at. Try again after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int, *, most: int) -> None:
        super().__init__([Fault("too_many_attempts", {"retry_after_s": retry_after_s})])
        self.retry_after_s = retry_after_s
        self.most = most


def refuse_when_exhausted(limits: Sequence[Limit]) -> None:
    """Raises TooManyFailures when any of the limits is reached in the present window. One statement, no locks."""
    starts_at = _window()
    counted = {
        (scope, party): failures
        for scope, party, failures in FailureCount.objects.filter(
            window_starts_at=starts_at, party__in=[_hashed(limit.party) for limit in limits]
        ).values_list("scope", "party", "failures")
    }
    for limit in limits:
        if counted.get((limit.scope, _hashed(limit.party)), 0) >= limit.most:
            left = (starts_at + timedelta(seconds=WINDOW_S) - clock.now()).total_seconds()
            raise TooManyFailures(max(1, math.ceil(left)), most=limit.most)


def count_failure(limits: Sequence[Limit]) -> None:
    """One failure more under each of the limits: one atomic statement, whoever else counts at the same time.

    Not inside a transaction that will be rolled back: the count would go with it. Rows are taken in one order, so
    two counters never wait for each other.
    """
    parties = sorted((limit.scope, _hashed(limit.party)) for limit in limits)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO customers_failurecount AS counted (scope, party, window_starts_at, failures)"
            " SELECT scope, party, %s, 1 FROM unnest(%s::text[], %s::text[]) AS failed (scope, party)"
            " ON CONFLICT (scope, party, window_starts_at) DO UPDATE SET failures = counted.failures + 1",
            [_window(), [scope for scope, _ in parties], [party for _, party in parties]],
        )


def forget_past_windows() -> int:
    """Delete the counts of windows that are over; how many there were. For a periodic job."""
    return FailureCount.objects.filter(window_starts_at__lt=_window()).delete()[0]


def client_address(request: HttpRequest | Request) -> str:
    """Where a request comes from: the peer, or what the outermost of our own proxies saw, TRUSTED_PROXIES of them.

    Each proxy adds its peer at the right of X-Forwarded-For; whatever is further left the client may have made up, and
    so the whole header where no proxy is ours. A header that is too short came past one of them: then the peer counts.
    """
    peer = str(request.META.get("REMOTE_ADDR", ""))
    hops = [hop.strip() for hop in str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
    trusted: int = settings.TRUSTED_PROXIES
    if not 0 < trusted <= len(hops):
        return peer
    return hops[-trusted] or peer


def network_of(address: str) -> str:
    """The party that an address stands for: an IPv4 address itself, the /64 of an IPv6 one (a home has all of it)."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((parsed.packed[:8] + bytes(8), 64)))
    return str(parsed)


def _window() -> datetime:
    seconds = int(clock.now().timestamp())
    return datetime.fromtimestamp(seconds - seconds % WINDOW_S, UTC)


def _hashed(party: str) -> str:
    return _signer(tuple(settings.SECRET_KEYS)).sign(party)


@functools.lru_cache(maxsize=8)
def _signer(keys: tuple[str, ...]) -> Signer:
    return Signer(keys, purpose="customers.throttling")
