"""Worlds, one after the other: what a schedule has filled is emptied in milliseconds. Goods and people stay, and the
stock is as it was."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connections

from tests.shop import add_article, hire, open_shop, sign_up
from tests.simulation import edge
from tests.simulation.world import World

_KEPT = ("django\\_%", "auth\\_%", "customers\\_%", "catalog\\_%", "%\\_migrations")
_STOCK = """
DELETE FROM catalog_stockmovement WHERE id > %s;
UPDATE catalog_stock s SET reserved = 0, on_hand = (
    SELECT sum(m.on_hand_change) FROM catalog_stockmovement m WHERE m.variant_id = s.variant_id
)
"""


@contextmanager
def worlds(monkeypatch: pytest.MonkeyPatch, *, forgets_refunds: bool = False) -> Iterator[Callable[[], World]]:
    """Makes worlds, one after the other, each as if nothing had ever happened."""
    shop, ada, clerk, boss = open_shop(), sign_up(), hire(), hire("boss@example.com")
    voucher = add_article("Credit", "CREDIT-1", 5000, kind="credit", weight_grams=0)
    boss.user_permissions.set(Permission.objects.filter(codename__in=("approve_refund", "approve_write_off")))
    clerk.user_permissions.set(Permission.objects.filter(codename="write_off_order"))
    for name in ("LATE_MONEY_REVIVES", "LATE_MONEY_OTHERWISE"):
        # Each schedule sets its own.
        monkeypatch.setattr(settings, name, getattr(settings, name))
    fresh = Fresh()

    def make() -> World:
        fresh.start_over()
        return World(shop, ada, clerk, boss, voucher)

    logging.disable(logging.CRITICAL)
    try:
        with edge.no_sockets(monkeypatch, forgets_refunds=forgets_refunds):
            yield make
    finally:
        logging.disable(logging.NOTSET)


class Fresh:
    """Remembers what there is now as the beginning of everything."""

    def __init__(self) -> None:
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT coalesce(max(id), 0) FROM catalog_stockmovement")
            stock = _STOCK % cursor.fetchone()
        self._statements = {"default": f"{_deletes('default')};{stock}", "sandbox": _deletes("sandbox")}

    def start_over(self) -> None:
        """As it was. The tables' own guards are put aside for this session alone."""
        for alias, statements in self._statements.items():
            with connections[alias].cursor() as cursor:
                cursor.execute(
                    f"SET session_replication_role = replica; {statements}; RESET session_replication_role",
                )


def _deletes(alias: str) -> str:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname = 'public' AND NOT tablename LIKE ANY (%s) ORDER BY 1",
            [list(_KEPT)],
        )
        return ";".join(f"DELETE FROM {table}" for (table,) in cursor.fetchall())
