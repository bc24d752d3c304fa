"""Loopback ports, taken before anything is started and handed to the servers as open sockets.

The sockets are bound but do not listen until a server does: until then a client is refused rather than kept waiting.
"""

from __future__ import annotations

import http.client
import socket

from runner.refusal import Refusal

LOOPBACK = "127.0.0.1"


def take_port(port: int) -> socket.socket:
    """A socket bound to the port of the loopback interface; 0 takes a free one. Raises Refusal if it is taken."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((LOOPBACK, port))
    except OSError as error:
        taken.close()
        raise Refusal(f"Port {port} is in use ({error.strerror}). Choose another: make run PORT={port + 1}") from error
    return taken


def claim(taken: socket.socket) -> None:
    """Listens. Raises Refusal when another program, bound at the same moment, came first."""
    try:
        taken.listen(2048)
    except OSError as error:
        port = taken.getsockname()[1]
        raise Refusal(f"Port {port} was taken by another program meanwhile. Choose another: PORT={port + 1}") from error


def answers_ok(port: int, path: str, timeout_s: float = 1.0) -> bool:
    """Whether a GET on the loopback interface is answered with 200 in time."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout_s)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
