"""The two databases' URLs: an embedded PostgreSQL's, or those of a server that DATABASE_URL names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.refusal import Refusal


def sandbox_url_beside(database_url: str) -> str:
    """The URL of a database on the same server, named like the given one with `_sandbox` behind."""
    return re.sub(r"^([^?#]*/[^/?#]+)", r"\1_sandbox", database_url, count=1)


def sandbox_database_url(settings: Mapping[str, str]) -> str:
    """The sandbox's database on a server of the developer's own, made if it is missing. Raises Refusal."""
    chosen = settings.get("SANDBOX_DATABASE_URL")
    if chosen:
        return chosen
    # Imported here: an embedded PostgreSQL is run without a driver.
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
    from psycopg.sql import SQL, Identifier

    url = sandbox_url_beside(settings["DATABASE_URL"])
    name = conninfo_to_dict(url).get("dbname")
    try:
        with psycopg.connect(settings["DATABASE_URL"], autocommit=True, connect_timeout=5) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(str(name))))
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refusal(f"Create a database named {name} for the sandbox, or set SANDBOX_DATABASE_URL.") from error
    except psycopg.OperationalError as error:
        raise Refusal(f"The database that DATABASE_URL names cannot be reached: {error}") from error
    return url
