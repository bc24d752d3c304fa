"""A merchant whose gateways pay out, and the books of it checked after every test."""

from __future__ import annotations

import pytest
from django.db import connection

from payments.settlements.books import INVARIANTS
from tests.gateway_process import SandboxProcess
from tests.payments.settlements.world import Cells, World, rows_of
from tests.shop import Shop, Shopper


@pytest.fixture
def world(shop: Shop, ada: Shopper, sandbox: SandboxProcess) -> World:
    """The shop, a customer, and the gateways, with nothing sold yet."""
    return World(shop, ada, sandbox)


@pytest.fixture
def rows(world: World, gateway: str) -> list[Cells]:
    """A correct file."""
    return rows_of(world, gateway)


def assert_settlements_hold() -> None:
    """Fails with every invariant of settlements that does not hold."""
    offenders = {}
    for name, statement in INVARIANTS:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            if rows := cursor.fetchall():
                offenders[name] = rows
    assert offenders == {}
