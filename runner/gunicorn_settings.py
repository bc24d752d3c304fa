"""What both gunicorns share; the rest is on their command lines."""

from __future__ import annotations

import signal

from runner.tether import die_with_parent

worker_class = "gthread"
keepalive = 75
# The application is read once and then shared by all processes: they start sooner and are smaller.
preload_app = True
# A control socket lies at one fixed place per user; several checkouts would fight for it.
control_socket_disable = True


def post_fork(_server: object, _worker: object) -> None:
    """A worker dies with its master at once, even in the middle of a request."""
    die_with_parent(signal.SIGKILL)
