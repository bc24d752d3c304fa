"""Answers that no documentation has: whatever comes, the adapters raise nothing but GatewayError."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from kit.money import Money
from payments.gateways.base import Gateway, OutcomeUnknown, Reason, Settlement
from tests.gateways.conftest import make, new_ask

Answer = Callable[[str], bytes]
NOON, A_DAY = datetime(2026, 3, 1, 12, tzinfo=UTC), timedelta(days=1)
PAID_OUT = Settlement("x_1", 100, "USD", NOON, "", NOON)


@contextmanager
def answering(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server that answers every call with 200 and what `answer` makes of its path; its address and what it heard."""
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            heard.append(self.path)
            body = answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _answer  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


CALLS: dict[str, Callable[[Gateway], object]] = {
    "create": lambda gateway: gateway.create(new_ask()),
    "find": lambda gateway: gateway.find(new_ask()),
    "fetch": lambda gateway: gateway.fetch("x_1", refunds=True),
    "cancel": lambda gateway: gateway.cancel("x_1"),
    "refund": lambda gateway: gateway.refund("x_1", "p_1", Money(100, "USD"), key=new_ask().key),
    "list_payments": lambda gateway: list(gateway.list_payments(NOON, NOON + A_DAY)),
    "list_refunds": lambda gateway: list(gateway.list_refunds(NOON, NOON + A_DAY)),
    "list_disputes": lambda gateway: list(gateway.list_disputes(NOON, NOON + A_DAY)),
    "fetch_dispute": lambda gateway: gateway.fetch_dispute("x_1"),
    "list_settlements": lambda gateway: list(gateway.list_settlements(NOON, NOON + A_DAY)),
    "find_settlement": lambda gateway: gateway.find_settlement({"stripe": "po_1", "razorpay": "setl_1"}[gateway.name]),
    "list_settlement_lines": lambda gateway: list(gateway.list_settlement_lines(PAID_OUT)),
}
BODIES = [
    "null",
    "[]",
    "{}",
    "7",
    '"ok"',
    "[null]",
    "<html>Welcome to the hotel's network</html>",
    "",
    '{"items": 3}',
    '{"items": {}}',
    '{"items": [null]}',
    '{"items": [{}]}',
    '{"items": [{"id": 5}]}',
    '{"object": "list", "data": null}',
    '{"object": "list", "data": [null]}',
    '{"id": null, "amount": 100, "currency": "USD"}',
    '{"id": "x_1", "amount": "100", "currency": "USD"}',
    '{"id": "x_1", "amount": -100, "currency": "USD"}',
    '{"id": "x_1", "amount": 1.5, "currency": "USD"}',
    '{"id": ["x_1"], "amount": 100, "currency": 840}',
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("call", CALLS)
def test_an_answer_of_another_shape_is_an_unknown_outcome(name: str, call: str, body: str) -> None:
    with answering(lambda path: body.encode()) as (base, _), pytest.raises(OutcomeUnknown) as caught:
        CALLS[call](make(name, base=base))

    assert caught.value.reason in Reason


@pytest.mark.parametrize("payment", ["null", "{}", '{"id": "pay_1", "status": "odd"}', '{"id": "pay_1"}', "[]", '"x"'])
def test_a_payment_of_another_shape_spoils_the_whole_report(payment: str) -> None:
    def answer(path: str) -> bytes:
        if path.endswith("/payments"):
            return f'{{"items": [{payment}]}}'.encode()
        return b'{"id": "order_1", "amount": 100, "currency": "USD", "notes": []}'

    with answering(answer) as (base, _), pytest.raises(OutcomeUnknown):
        make("razorpay", base=base).fetch("order_1")


@pytest.mark.parametrize(
    "charge",
    [
        '{"object": "charge"}',
        '{"object": "charge", "id": "ch_1", "captured": true, "amount_refunded": 0, "amount": "100"}',
        '{"object": "charge", "id": 5, "captured": true, "amount": 100, "amount_captured": 100, "amount_refunded": 0}',
    ],
)
def test_a_charge_of_another_shape_spoils_the_whole_report(charge: str) -> None:
    intent = (
        '{"object": "payment_intent", "id": "pi_1", "amount": 100, "currency": "usd", "status": "succeeded", '
        f'"client_secret": null, "metadata": {{}}, "latest_charge": {charge}}}'
    )

    with answering(lambda path: intent.encode()) as (base, _), pytest.raises(OutcomeUnknown):
        make("stripe", base=base).fetch("pi_1")


def intents(path: str, key: str, found_on: int | None) -> bytes:
    """A list without an end, in pages of 100, the intent with our key on the page of that number; or the intent."""
    if "/payment_intents?" not in path or "expand" in path:
        return json.dumps(intent("pi_2_50", key)).encode()
    after = parse_qs(urlsplit(path).query).get("starting_after", ["pi_0_99"])[0]
    page = int(after.split("_")[1]) + 1
    keys = [key if (page, number) == (found_on, 50) else "other" for number in range(100)]
    items = [intent(f"pi_{page}_{number}", each) for number, each in enumerate(keys)]
    return json.dumps({"object": "list", "url": "/v1/payment_intents", "has_more": True, "data": items}).encode()


def intent(reference: str, key: str) -> dict[str, Any]:
    return {
        "object": "payment_intent",
        "id": reference,
        "amount": 12345,
        "currency": "usd",
        "status": "requires_payment_method",
        "client_secret": f"{reference}_secret_x",
        "metadata": {"request": key},
        "latest_charge": None,
    }


def test_looking_for_a_stripe_intent_stops_where_it_is_found() -> None:
    ask = new_ask()
    with answering(lambda path: intents(path, ask.key, found_on=2)) as (base, heard):
        found = make("stripe", base=base).find(ask)

    assert found is not None
    assert (found.reference, found.key) == ("pi_2_50", ask.key)
    assert len([path for path in heard if "/payment_intents?" in path]) == 2


def test_a_shopper_waits_for_a_few_pages_at_most() -> None:
    ask = new_ask()
    answer = answering(lambda path: intents(path, ask.key, found_on=None))
    with answer as (base, heard), pytest.raises(OutcomeUnknown) as caught:
        make("stripe", base=base).find(ask)

    assert caught.value.reason == Reason.TOO_MANY
    assert len(heard) <= 6
