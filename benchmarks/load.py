"""Clients that ask over kept connections, each its next question as soon as it has its answer.

All of them run in one thread on one epoll (or what the system has in its place), with raw sockets: a client costs some
20 microseconds a request, because whatever it uses is taken from the server on the same cores.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from runner.ports import LOOPBACK

SILENCE_S = 30.0
_LENGTH = b"\r\ncontent-length:"


class BrokenAnswer(Exception):
    """The server hung up, kept silent, or sent what is not an HTTP answer."""


@dataclass
class Measured:
    """What the clients saw. Latencies in seconds, of every request; `samples` has the first answer of each status."""

    wall_s: float = 0.0
    generator_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    samples: dict[int, str] = field(default_factory=dict)

    def add(self, other: Measured) -> None:
        """Takes in another stretch of the same measurement."""
        self.wall_s += other.wall_s
        self.generator_s += other.generator_s
        self.latencies_s += other.latencies_s
        self.statuses += other.statuses
        self.samples = other.samples | self.samples

    def note(self, status: int, latency_s: float, answer: bytes) -> None:
        """Counts one answer."""
        self.latencies_s.append(latency_s)
        self.statuses[status] += 1
        if status not in self.samples:
            self.samples[status] = answer.decode(errors="replace")[-500:]

    @property
    def requests(self) -> int:
        return len(self.latencies_s)


def is_complete(answer: bytes) -> bool:
    """Whether all of an answer's body has come, as far as its Content-Length says."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    length = head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
    return len(body) >= int(length or 0)


def status_of(answer: bytes) -> int:
    """The status code of an answer."""
    if not answer.startswith(b"HTTP/1.1 ") or not answer[9:12].isdigit():
        raise BrokenAnswer(answer[:80].decode(errors="replace") or "the server hung up")
    return int(answer[9:12])


@dataclass
class _Client:
    connection: socket.socket
    sent_at: float = 0.0
    answer: bytes = b""


def ask(port: int, requests: Iterator[bytes], *, clients: int, seconds: float | None = None) -> Measured:
    """Sends until the requests are exhausted or the time is over, and waits for the answers to all that was sent.

    Raises BrokenAnswer and OSError.
    """
    measured = Measured()
    with selectors.DefaultSelector() as selector:
        waiting = [_Client(_connect(port)) for _ in range(clients)]
        try:
            for client in waiting:
                selector.register(client.connection, selectors.EVENT_READ, client)
            started, generator_started = time.perf_counter(), time.process_time()
            _exchange(selector, waiting, requests, measured, started + seconds if seconds else None)
            measured.wall_s = time.perf_counter() - started
            measured.generator_s = time.process_time() - generator_started
        finally:
            for client in waiting:
                client.connection.close()
    return measured


def _connect(port: int) -> socket.socket:
    connection = socket.create_connection((LOOPBACK, port), timeout=SILENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # One after the other, so that all of the server's processes get their share of the connections.
    time.sleep(0.005)
    return connection


def _exchange(
    selector: selectors.BaseSelector,
    clients: list[_Client],
    requests: Iterator[bytes],
    measured: Measured,
    deadline: float | None,
) -> None:
    """Every client sends, and sends again when it has been answered."""
    now = time.perf_counter
    pending = sum(_send(client, requests) for client in clients)
    while pending:
        ready = selector.select(SILENCE_S)
        if not ready:
            raise BrokenAnswer(f"no answer for {SILENCE_S:g} s")
        for key, _ in ready:
            client: _Client = key.data
            chunk = client.connection.recv(65536)
            client.answer += chunk
            if chunk and not is_complete(client.answer):
                continue
            finished = now()
            measured.note(status_of(client.answer), finished - client.sent_at, client.answer)
            if (deadline is not None and finished >= deadline) or not _send(client, requests):
                pending -= 1


def _send(client: _Client, requests: Iterator[bytes]) -> bool:
    """False if there is nothing more to ask."""
    request = next(requests, None)
    if request is None:
        return False
    client.answer = b""
    client.sent_at = time.perf_counter()
    client.connection.sendall(request)
    return True
