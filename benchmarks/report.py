"""The results as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.hot import Hot, Oversell
from benchmarks.listing import Listing
from benchmarks.pdf import Pdf
from benchmarks.placing import Placing
from benchmarks.results import Goal, Mails, Statements

_WIDEST_QUERY = 96
# Per order; what comes less often is not listed.
_RARE = 0.005


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Right-aligned columns."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (heads, *rows)
    )


def placing(found: Sequence[Placing]) -> str:
    """One row for each number of clients."""
    heads = ("clients", "orders/s", "yardstick/s", "ratio", "p50 ms", "p95 ms", "p99 ms")
    more = (
        "CPU ms",
        "= web",
        "+ database",
        "worker",
        "yardstick",
        "busier worker",
        "generator",
        "others",
        "beside yardstick",
        "idle",
    )
    rows = [
        (
            str(one.clients),
            f"{one.orders_per_s:.0f}",
            f"{one.yardstick_tps:.0f}",
            f"{one.ratio:.3f}",
            f"{one.p50_ms:.1f}",
            f"{one.p95_ms:.1f}",
            f"{one.p99_ms:.1f}",
            number(one.cpu_ms, ".2f"),
            number(one.cpu_web_ms, ".2f"),
            number(one.cpu_database_ms, ".2f"),
            number(one.cpu_worker_ms, ".2f"),
            number(one.yardstick_cpu_database_ms, ".2f"),
            f"{one.busier_web_worker:.0%}",
            f"{one.generator_share:.1%}",
            number(one.others_share, ".0%"),
            number(one.yardstick_others_share, ".0%"),
            number(one.idle_share, ".0%"),
        )
        for one in found
    ]
    return table((*heads, *more), rows)


def statements(found: Statements) -> str:
    """What is sent for an order, what takes longest first."""
    if found.per_order is None:
        return "SQL statements per order: not known, this PostgreSQL has no pg_stat_statements"
    head = (
        f"SQL statements per order: {found.per_order:.2f}, "
        f"and {number(found.key_checks_per_order, '.2f')} by PostgreSQL itself to check foreign keys\n"
    )
    rows = []
    for one in found.counted:
        figures = [one.calls / found.orders, one.executing_ms / one.calls, one.planning_ms / one.calls]
        if figures[0] >= _RARE:
            # Checks of several tables are counted as one statement, under the name of any of them.
            text = "foreign keys, by PostgreSQL itself" if one.is_key_check else one.query[:_WIDEST_QUERY]
            rows.append((*(f"{figure:.3f}" for figure in figures), text.ljust(_WIDEST_QUERY)))
    return head + table(("an order", "executing ms", "planning ms", "statement".ljust(_WIDEST_QUERY)), rows)


def hot(found: Sequence[Hot]) -> str:
    """One row for each number of clients."""
    heads = ("clients", "hot/s", "many/s", "ratio", "yardstick hot/s", "hot late/s", "many/s", "ratio", "late")
    rows = [
        (
            str(one.clients),
            f"{one.hot_per_s:.0f}",
            f"{one.many_per_s:.0f}",
            f"{one.ratio:.2f}",
            f"{one.yardstick_hot_tps:.0f}",
            f"{one.yardstick_hot_late_tps:.0f}",
            f"{one.yardstick_many_tps:.0f}",
            f"{one.yardstick_hot_tps / one.yardstick_many_tps:.2f}",
            f"{one.yardstick_hot_late_tps / one.yardstick_many_tps:.2f}",
        )
        for one in found
    ]
    return table(heads, rows)


def oversell(found: Oversell) -> str:
    """One line."""
    return (
        f"{found.in_stock} in stock, {found.attempts} attempts by {found.clients} clients: "
        f"{found.sold} sold, {found.refused} refused"
    )


def listing(found: Sequence[Listing]) -> str:
    """One row for each list."""
    heads = ("list", "few p50 ms", "many p50 ms", "many p95 ms", "ratio")
    rows = [
        (one.name, f"{one.few_p50_ms:.2f}", f"{one.many_p50_ms:.2f}", f"{one.many_p95_ms:.2f}", f"{one.ratio:.2f}")
        for one in found
    ]
    return table(heads, rows)


def mails(found: Mails) -> str:
    """One line."""
    return (
        f"The background worker sent {found.sent} confirmation mails at {number(found.cpu_ms_per_mail, '.2f')} CPU ms "
        f"each, its part of the database's work not counted; {found.outstanding} are still to be sent"
    )


def pdf(found: Pdf) -> str:
    """One line."""
    return (
        f"An invoice of one page as PDF: p50 {found.p50_ms:.1f} ms, p95 {found.p95_ms:.1f} ms, "
        f"{found.cpu_ms:.1f} CPU ms, {found.size:,} bytes"
    )


def goals(found: Sequence[Goal]) -> str:
    """One line each."""
    words = {True: "met", False: "NOT MET", None: "not known"}
    return "\n".join(f"  {words[goal.met]:<9}  {number(goal.figure, '.3g'):>6}  {goal.name}" for goal in found)


def number(figure: float | None, form: str) -> str:
    """A dash for what is not known."""
    return "-" if figure is None else format(figure, form)
