"""What every test ends with: the books are checked, then both databases are emptied."""

from __future__ import annotations

from django.db import connections

from orders.books import find_offenders

# Written by migrations, read by everybody.
_KEPT = ("django_migrations", "django_content_type", "auth_permission", "procrastinate_migrations")


_ORDERS_EXIST = (
    "whatever an order has done to a membership, or is to do, is an order's with a package of the same customer"
)


def check(*, with_orders: bool = True) -> None:
    """Fails with every invariant that does not hold. Tests of the layers below name orders that nobody has placed."""
    offenders = {check.name: check.offenders for check in find_offenders() if check.offenders}
    if not with_orders:
        offenders.pop(_ORDERS_EXIST, None)
    assert offenders == {}, offenders


def empty() -> None:
    """Delete all rows. The tables' own guards, which refuse that, are put aside for this session alone."""
    for alias in ("default", "sandbox"):
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL(%s)",
                [list(_KEPT)],
            )
            tables = [row[0] for row in cursor.fetchall()]
            deletes = ";".join(f"DELETE FROM {table}" for table in tables)
            cursor.execute(f"SET session_replication_role = replica; {deletes}; RESET session_replication_role")
