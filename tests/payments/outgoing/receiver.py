"""A receiver on loopback that is as bad as it is told to be. It speaks in bytes, so that nothing is too rude to say."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

type Say = Callable[[socket.socket], None]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


def status(line: str, *headers: str, body: bytes = b"ok") -> Say:
    """An ordinary answer."""
    head = [f"HTTP/1.1 {line}", f"Content-Length: {len(body)}", *headers, "", ""]
    return lambda peer: peer.sendall("\r\n".join(head).encode() + body)


OK = status("200 OK")
BROKEN = status("500 Internal Server Error")


@dataclass
class Receiver:
    """Takes requests and answers them, the next one with the next of `answers`, all others with `always`."""

    tls: ssl.SSLContext | None = None
    always: Say = OK
    answers: list[Say] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._closed = False
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _value: object, _trace: TracebackType | None) -> None:
        self._closed = True
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?shop=1"

    def _listen(self) -> None:
        while not self._closed:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        try:
            if self.tls:
                peer = self.tls.wrap_socket(peer, server_side=True)
            with peer:
                request = _read(peer)
                with self.arrived:
                    self.received.append(request)
                    answer = self.answers.pop(0) if self.answers else self.always
                    self.arrived.notify_all()
                answer(peer)
        except OSError:
            peer.close()


def _read(peer: socket.socket) -> Received:
    stream = peer.makefile("rb")
    line = stream.readline().decode().strip()
    headers = {}
    while header := stream.readline().decode().strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    return Received(line, headers, stream.read(int(headers.get("content-length", 0))))
