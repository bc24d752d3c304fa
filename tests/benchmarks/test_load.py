"""The load generator, against a server of a few lines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat

import pytest

from benchmarks.load import BrokenAnswer, Measured, ask, is_complete, status_of
from benchmarks.purchases import Purchases
from benchmarks.shop import Shop
from kit import strict_json
from orders_project.dialects.storefront import wire

IDS = [f"00000000-0000-7000-8000-{number:012d}" for number in range(6)]
SHOP = Shop(products=IDS[:2], hot=IDS[2], scarce=IDS[3], delivery_method=IDS[4], customers=[(IDS[5], "token")])


class Shopkeeper(BaseHTTPRequestHandler):
    """Sells to whoever has a key; keeps what was asked."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes] = []
    keys: list[str] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.bodies.append(body)
        self.keys.append(self.headers["Idempotency-Key"])
        if self.headers["Authorization"] == "Bearer token":
            self.send_response(204)
            self.end_headers()
        else:
            self.send_response(401)
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b'"No token')

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def port() -> Iterator[int]:
    Shopkeeper.bodies, Shopkeeper.keys = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Shopkeeper) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


def test_an_answer_is_complete_with_its_last_byte() -> None:
    head = b"HTTP/1.1 400 Bad Request\r\nCONTENT-LENGTH: 3\r\n"
    assert not is_complete(head)
    assert not is_complete(head + b"\r\nab")
    assert is_complete(head + b"\r\nabc")
    assert is_complete(b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n")


def test_what_is_no_answer_is_refused() -> None:
    assert status_of(b"HTTP/1.1 204 No Content\r\n") == 204
    for broken in (b"", b"SSH-2.0-OpenSSH\r\n"):
        with pytest.raises(BrokenAnswer):
            status_of(broken)


def test_every_attempt_is_sent_once_under_a_key_of_its_own(port: int) -> None:
    measured = ask(port, Purchases(SHOP, port).scarce(20), clients=3)
    assert measured.statuses == {204: 20}
    assert len(measured.latencies_s) == len(set(Shopkeeper.keys)) == 20


def test_the_time_is_kept(port: int) -> None:
    measured = ask(port, Purchases(SHOP, port).many(), clients=2, seconds=0.2)
    assert 0.2 <= measured.wall_s < 2.0
    assert measured.requests == measured.statuses[204] == len(Shopkeeper.bodies)


def test_the_orders_are_the_storefronts(port: int) -> None:
    ask(port, iter([next(Purchases(SHOP, port).hot())]), clients=1)
    request = wire.parse(strict_json.loads(Shopkeeper.bodies[0]))
    assert (str(request.customer_id), str(request.delivery_method_id)) == (IDS[5], IDS[4])
    assert [item.quantity for item in request.items] == [1, 1]
    assert str(request.items[1].product_id) == SHOP.hot


def test_a_refusal_is_counted_and_shown(port: int) -> None:
    stranger = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    measured = ask(port, repeat(stranger, 4), clients=2)
    assert measured.statuses == {401: 4}
    assert measured.samples[401].endswith('"No token')


def test_stretches_add_up() -> None:
    first, second = Measured(wall_s=1.0, generator_s=0.1), Measured(wall_s=2.0, generator_s=0.2)
    first.note(204, 0.1, b"")
    second.note(204, 0.3, b"")
    first.add(second)
    assert (first.wall_s, first.requests, first.statuses) == (3.0, 2, {204: 2})
