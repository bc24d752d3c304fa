"""The sandbox's tables live in the sandbox's database, everything else in the default one."""

from __future__ import annotations

from typing import Any

SANDBOX_APP = "sandbox"


class SandboxRouter:
    """Two databases that share no table and no relation."""

    def db_for_read(self, model: Any, **_: Any) -> str | None:
        return "sandbox" if model._meta.app_label == SANDBOX_APP else None

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool:
        return (app_label == SANDBOX_APP) == (db == "sandbox")
