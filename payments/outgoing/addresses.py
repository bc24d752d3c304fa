"""Which targets an event may be sent to: rules over spellings and addresses, without network, settings or database.

Whoever subscribes chooses where our server connects to, so everything that is not plainly a public web address is
refused: a name that merely looks like one may still be the database next door (`targets` looks that up).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL = 500
DEFAULT_PORTS = {"https": 443, "http": 80}
LOWEST_FREE_PORT = 1024
"""Ports below this belong to other protocols (mail, SSH ...), but for the two of the web."""

_PRINTABLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
# Resolvers read a last label that begins with a digit as part of a number: 127.1, 0x7f000001, 2130706433, 0177.0.0.1.
_LAST_LABEL = re.compile(r"[a-z][a-z0-9-]*")

# Outside of these an IPv4 address is public (IANA's special-purpose registry, multicast, reserved).
_CLOSED_IPV4 = tuple(
    ipaddress.IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carriers' NAT, and some clouds' own services
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host, under a public number
        "169.254.0.0/16",  # link-local, clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Public IPv6 lies in here; loopback, link-local, ULA, multicast, ::ffff:0:0/96 and 64:ff9b::/96 lie outside.
_OPEN_IPV6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_IPV6 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, among them Teredo, which carries an IPv4 address
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which carries an IPv4 address
        "3fff::/20",  # documentation
    )
)


class TargetRefused(Exception):
    """Nothing is sent there. `code` says why, for logs and the delivery log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """An address as it was read: nothing about it is interpreted a second time. `host` has no brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public internet and to nothing nearer, under any of its spellings."""
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_IPV4)
    if address.scope_id is not None:
        return False
    return address in _OPEN_IPV6 and not any(address in network for network in _CLOSED_IPV6)


def read_target(url: str, *, https_only: bool, private_hosts: Collection[str] = ()) -> Target:
    """The target that a URL names. Raises TargetRefused, and nothing else, whatever the text is.

    `private_hosts` may be named although they are near: exactly these spellings, and nothing that resolves to them.
    """
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise TargetRefused("malformed")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise TargetRefused("malformed") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise TargetRefused("scheme")
    if ("[" in parts.netloc) != (":" in host):
        # Brackets are for IPv6 alone; within them a name would be another thing to another reader.
        raise TargetRefused("malformed")
    if https_only and parts.scheme != "https":
        raise TargetRefused("not_https")
    if "@" in parts.netloc:
        raise TargetRefused("user_info")
    if "#" in url:
        raise TargetRefused("fragment")
    if host not in private_hosts:
        _check_host(host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, _port(parts.scheme, port), path)


def _check_host(host: str) -> None:
    address = literal(host)
    if address is not None:
        if not is_public(address):
            raise TargetRefused("private_address")
        return
    *labels, last = host.split(".")
    if not labels or len(host) > 253 or not _LAST_LABEL.fullmatch(last):
        raise TargetRefused("host")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise TargetRefused("host")


def _port(scheme: str, port: int | None) -> int:
    if port is None:
        return DEFAULT_PORTS[scheme]
    if port != DEFAULT_PORTS[scheme] and port < LOWEST_FREE_PORT:
        raise TargetRefused("port")
    return port


def literal(host: str) -> Address | None:
    """The address that a host spells in its canonical form; None if it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
