"""The command that reconciles payments, as an operator runs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from io import StringIO
from typing import Any

from django.core.management import call_command
from django.db import connection

_WATCHED = (
    "orders_%",
    "payments_%",
    "merchants_merchantorder",
    "merchants_merchantrefund",
    "reconciliation_%",
    "outgoing_%",
    "catalog_stockmovement",
    "procrastinate_jobs",
)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a run of the command answered."""

    exit_code: int
    state: str
    steps: list[dict[str, str]]
    gateways: dict[str, dict[str, Any]]
    left_open: int

    def done(self, deed: str) -> int:
        """How many steps of one kind there were."""
        return sum(step["act"] == deed for step in self.steps)

    @property
    def plan(self) -> list[tuple[str, str, str]]:
        """What is done to what: the same for a dry run and for the real one after it."""
        return sorted((step["act"], step["gateway"], step["gateway_id"]) for step in self.steps)


def reconcile(*arguments: str) -> Reconciled:
    """Run `reconcile_payments --json`; its standard output is one object and nothing else."""
    said, exit_code = StringIO(), 0
    try:
        call_command("reconcile_payments", "--json", *arguments, stdout=said)
    except SystemExit as end:
        exit_code = int(str(end.code))
    told = json.loads(said.getvalue())
    return Reconciled(exit_code, told["state"], told.get("steps", []), told.get("gateways", {}), told.get("open", 0))


def fingerprints() -> dict[str, str]:
    """What stands in each table that money or an order could change, to the last column."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE ANY(%s)", [list(_WATCHED)]
        )
        tables = sorted(name for (name,) in cursor.fetchall())
        prints = {}
        for table in tables:
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t")
            prints[table] = str(cursor.fetchone()[0])
    return prints
