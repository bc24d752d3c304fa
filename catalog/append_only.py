"""Tables whose rows are written once: a migration operation that makes the database refuse everything else.

The function is created by catalog's first migration; a migration that uses it depends on that one.
"""

from __future__ import annotations

from django.db import migrations

CREATE_FORBID_CHANGE = """
CREATE FUNCTION forbid_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$$
"""
DROP_FORBID_CHANGE = "DROP FUNCTION forbid_change()"


def append_only(table: str) -> migrations.RunSQL:
    """UPDATE, DELETE and TRUNCATE of the table raise IntegrityError from now on, whoever runs them."""
    forbid = "EXECUTE FUNCTION forbid_change()"
    return migrations.RunSQL(
        sql=[
            f"CREATE TRIGGER {table}_rows_stay BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {forbid}",
            f"CREATE TRIGGER {table}_stays BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {forbid}",
        ],
        reverse_sql=[f"DROP TRIGGER {table}_rows_stay ON {table}", f"DROP TRIGGER {table}_stays ON {table}"],
    )


def rows_stay(table: str) -> migrations.RunSQL:
    """DELETE and TRUNCATE of the table raise IntegrityError from now on; its rows may still change."""
    forbid = "EXECUTE FUNCTION forbid_change()"
    return migrations.RunSQL(
        sql=[
            f"CREATE TRIGGER {table}_rows_stay BEFORE DELETE ON {table} FOR EACH ROW {forbid}",
            f"CREATE TRIGGER {table}_stays BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {forbid}",
        ],
        reverse_sql=[f"DROP TRIGGER {table}_rows_stay ON {table}", f"DROP TRIGGER {table}_stays ON {table}"],
    )


def columns_stay(table: str, *columns: str) -> migrations.RunSQL:
    """An UPDATE that changes one of these columns raises IntegrityError from now on."""
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    return migrations.RunSQL(
        sql=f"CREATE TRIGGER {table}_facts_stay BEFORE UPDATE OF {', '.join(columns)} ON {table} "
        f"FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION forbid_change()",
        reverse_sql=f"DROP TRIGGER {table}_facts_stay ON {table}",
    )
