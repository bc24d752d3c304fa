"""What people see of the runner."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(line: str) -> None:
    """Prints the line at once. A reader that has gone away does not stop the runner."""
    with suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
