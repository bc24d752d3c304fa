"""A name is looked up once, every address of it counts, and what it says later does not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from payments.outgoing import targets
from payments.outgoing.addresses import Target, TargetRefused

HOOKS = Target("https", "elsewhere.example.com", 443, "/")


def says(*addresses: str) -> targets.Resolve:
    def resolve(host: str, port: int) -> Sequence[str]:
        assert (host, port) == (HOOKS.host, 443)
        return addresses

    return resolve


def test_public_addresses_are_pinned_in_their_order() -> None:
    found = targets.pinned(HOOKS, says("2606:4700::1", "93.184.216.34", "93.184.216.34"))
    assert found == ["2606:4700::1", "93.184.216.34"]


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",),
        ("93.184.216.34", "10.0.0.1"),
        ("::1",),
        ("::ffff:127.0.0.1",),
        ("64:ff9b::7f00:1",),
        ("fe80::1%2",),
        ("169.254.169.254",),
        ("0.0.0.0",),
        ("not an address",),
    ],
)
def test_one_address_that_is_not_public_condemns_the_name(addresses: tuple[str, ...]) -> None:
    with pytest.raises(TargetRefused, match="private_address"):
        targets.pinned(HOOKS, says(*addresses))


def test_a_name_without_an_address_is_an_error_of_the_network() -> None:
    with pytest.raises(OSError, match="no address"):
        targets.pinned(HOOKS, says())


def test_a_literal_is_not_looked_up() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError("asked")

    assert targets.pinned(Target("https", "93.184.216.34", 443, "/"), resolve) == ["93.184.216.34"]


def test_production_wants_https(settings: Any) -> None:
    assert targets.allowed("http://hooks.example.com/").scheme == "http"
    settings.PRODUCTION = True
    with pytest.raises(TargetRefused, match="not_https"):
        targets.allowed("http://hooks.example.com/")


def test_the_systems_resolver_answers_with_numbers() -> None:
    assert set(targets.look_up("localhost", 80)) <= {"127.0.0.1", "::1"}
    assert targets.look_up("127.1", 80) == ["127.0.0.1"]


@pytest.mark.parametrize("name", ["no-such-name.invalid", "a..b", "x" * 70 + ".example"])
def test_a_name_that_cannot_be_resolved_is_an_error_of_the_network(name: str) -> None:
    with pytest.raises(OSError):
        targets.look_up(name, 443)


def test_a_resolver_that_hangs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    forever = threading.Event()

    def hang(*_: object, **__: object) -> list[Any]:
        forever.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(targets, "LOOK_UP_S", 0.1)
    with pytest.raises(TimeoutError):
        targets.look_up("slow.example.com", 443)
    forever.set()
