"""`manage.py send_sandbox_webhooks`: sends the sandbox's webhooks until it is told to stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connections

from payments.sandbox.sending import deliver_due


class Command(BaseCommand):
    """Polls for what is due. Ends on SIGTERM or SIGINT after what it is sending; outlives restarts of the database."""

    help = "Send the sandbox gateway's webhooks until stopped."
    requires_system_checks = ()

    POLL_S = 0.1
    DATABASE_GONE_S = 1.0
    SIDE_BY_SIDE = 8

    def handle(self, *_: Any, **__: Any) -> None:
        stopped = threading.Event()

        def stop(_signal: int, _frame: FrameType | None) -> None:
            stopped.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        while not stopped.is_set():
            stopped.wait(self._round(stopped))

    def _round(self, stopped: threading.Event) -> float:
        """Send what is due; returns how long to wait before the next time."""
        try:
            return 0 if deliver_due(side_by_side=self.SIDE_BY_SIDE, stopping=stopped.is_set) else self.POLL_S
        except (DatabaseError, InterfaceError) as error:
            reason = next(iter(str(error).splitlines()), "no reason given")
            self.stderr.write(f"The sandbox's database does not answer, trying again: {reason}")
            connections["sandbox"].close()
            return self.DATABASE_GONE_S
