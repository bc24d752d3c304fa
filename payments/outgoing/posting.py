"""One HTTP POST to an address that was looked up before: nothing here looks up a name, follows a redirect, asks a
proxy, keeps a cookie or reads a body. The receiver decides neither where we connect to nor how long we stay.
"""

from __future__ import annotations

import functools
import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from payments.outgoing.addresses import Target

CONNECT_S = 3.0
TOTAL_S = 10.0
MOST_HEAD_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, or none and a word for what was the matter. `retry_after` as it was sent."""

    status: int | None
    reason: str = ""
    retry_after: str = ""
    duration_ms: int = 0


def post(
    target: Target, addresses: Sequence[str], body: bytes, headers: Mapping[str, str], *, total_s: float = TOTAL_S
) -> Answer:
    """Send the body to the first of the addresses that takes a connection. Never raises for what the far side does.

    The certificate must be for the target's name. Takes `total_s` at the most, CONNECT_S of them for each address.
    """
    start = time.monotonic()
    deadline = start + total_s
    status, reason, retry_after = None, "", ""
    try:
        with _Connection(_connected(target, addresses, deadline), deadline) as connection:
            answer = connection.exchange(target, body, headers)
            status, retry_after = answer.status, answer.headers.get("Retry-After", "")[:40]
    except ssl.SSLError:
        reason = "tls_failed"
    except TimeoutError:
        reason = "timeout"
    except OSError:  # before http.client's own errors: a connection closed without a word is both
        reason = "connection_failed"
    except (http.client.HTTPException, ValueError):
        reason = "not_http"
    return Answer(status, reason, retry_after, int((time.monotonic() - start) * 1000))


@functools.lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """The system's certificate authorities, read once."""
    return ssl.create_default_context()


def _connected(target: Target, addresses: Sequence[str], deadline: float) -> socket.socket:
    connected = _dial(addresses, target.port, deadline)
    if target.scheme != "https":
        return connected
    try:
        connected.settimeout(_left(deadline))
        return tls_context().wrap_socket(connected, server_hostname=target.host)
    except BaseException:
        connected.close()
        raise


def _dial(addresses: Sequence[str], port: int, deadline: float) -> socket.socket:
    """A host that has no route to one of the addresses, say no IPv6, still reaches another."""
    failed: OSError = OSError("no address")
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=min(CONNECT_S, _left(deadline)))
        except OSError as error:
            failed = error
    raise failed


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("out of time")
    return left


class _Connection:
    """A socket on which everything together has to be done by the deadline; http.client does the talking."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self._socket, self._deadline = connected, deadline

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def exchange(self, target: Target, body: bytes, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Send the request; the answer as far as its head. The body stays unread: nobody here wants it."""
        talk = http.client.HTTPConnection(target.host, target.port)
        talk.sock = self  # what http.client uses of a socket is below
        talk.request("POST", target.path, body, {"Host": target.authority, "Connection": "close", **headers})
        return talk.getresponse()

    def sendall(self, content: bytes) -> None:
        """As a socket's own, but a receiver that reads a byte at a time does not begin a new time limit with each."""
        rest = memoryview(content)
        while rest:
            self._socket.settimeout(_left(self._deadline))
            rest = rest[self._socket.send(rest) :]

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """What the receiver sends, for http.client to read a head from."""
        return io.BufferedReader(_Head(self._socket, self._deadline))

    def close(self) -> None:
        """The socket is closed at the end of the exchange, by whoever opened it."""


class _Head(io.RawIOBase):
    """Reads so many bytes and so long, however slowly they come."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        super().__init__()
        self._socket, self._deadline, self._left = connected, deadline, MOST_HEAD_BYTES

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Raises TimeoutError when the time is over, ValueError when the head does not end."""
        if self._left <= 0:
            raise ValueError("the head is too long")
        self._socket.settimeout(_left(self._deadline))
        size = self._socket.recv_into(memoryview(buffer)[: self._left])
        self._left -= size
        return size
