"""A progress bar for commands that work through many rows: for people at a terminal, and on stderr alone."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


def tracked[Row](rows: Iterable[Row], *, title: str, total: int | None = None) -> Iterator[Row]:
    """The rows, one by one, with a bar that follows them where stderr is a terminal."""
    if not sys.stderr.isatty():
        yield from rows
        return
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=total)
        for row in rows:
            yield row
            progress.advance(task)
