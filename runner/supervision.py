"""Keeps programs running, and runs the steps before them, in one thread and one loop.

One thread, because a tied child dies with the thread that started it, and because forking among threads is unsafe.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.children import Child, Program
from runner.console import say
from runner.signals import StopSignals

TICK_S = 0.25
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
# A program that has run this long was well; its next end is not counted with the earlier ones.
WELL_AFTER_S = 20.0


@dataclass
class Post:
    """A program that shall always run: the child that does, or when to try again."""

    program: Program
    child: Child | None
    started_at: float
    delay_s: float = FIRST_DELAY_S
    again_at: float = 0.0


class Supervisor:
    """Owns the children; every method leaves their output flowing while it waits."""

    def __init__(self, signals: StopSignals) -> None:
        self._signals = signals
        self._selector = selectors.DefaultSelector()
        self._selector.register(signals.wakeup, selectors.EVENT_READ)
        self._posts: list[Post] = []

    def run(self, steps: Sequence[Program]) -> list[tuple[int, str]]:
        """Runs the steps side by side to their end; their exit codes and output. A stop request ends them early."""
        outputs: list[list[str]] = [[] for _ in steps]
        children = [self._watched(step, lines.append) for step, lines in zip(steps, outputs, strict=True)]
        try:
            while not self._signals.requested and any(child.exit_code() is None for child in children):
                self._wait(TICK_S)
        finally:
            codes = [self._closed(child) for child in children]
        return [(code, "\n".join(lines)) for code, lines in zip(codes, outputs, strict=True)]

    def keep(self, program: Program) -> None:
        """Starts the program; from now on it is started again whenever it ends."""
        self._posts.append(Post(program, self._started(program), time.monotonic()))

    def watch(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Supervises until the condition holds (True) or a stop is requested (False)."""
        while not self._signals.requested:
            self._restart_ended()
            if until():
                return True
            self._wait(TICK_S)
        return False

    def stop(self) -> None:
        """Every program has ended: asked first and killed when its grace is over, those that others use last."""
        for last in (False, True):
            children = [post.child for post in self._posts if post.child and post.program.stops_last is last]
            for child in children:
                child.ask_to_stop()
            started = time.monotonic()
            while any(
                child.exit_code() is None and time.monotonic() - started < child.program.grace_s for child in children
            ):
                if self._signals.impatient:
                    break
                self._wait(0.05)
            for child in children:
                if child.exit_code() is None:
                    say(f"{child.program.name} did not finish in time and is killed.")
                self._closed(child)
        self._posts.clear()
        self._selector.close()

    def _started(self, program: Program) -> Child:
        return self._watched(program, lambda line: say(f"{program.name:>9} | {line}"))

    def _watched(self, program: Program, on_line: Callable[[str], None]) -> Child:
        child = Child(program, on_line)
        self._selector.register(child, selectors.EVENT_READ, child)
        return child

    def _closed(self, child: Child) -> int:
        if child in self._selector.get_map():
            self._selector.unregister(child)
        return child.close()

    def _restart_ended(self) -> None:
        now = time.monotonic()
        for post in self._posts:
            if post.child is not None and post.child.exit_code() is not None:
                code = self._closed(post.child)
                post.child = None
                if now - post.started_at > WELL_AFTER_S:
                    post.delay_s = FIRST_DELAY_S
                post.again_at = now + post.delay_s
                say(f"{post.program.name} ended with {code}; it starts again in {post.delay_s:g} s.")
                post.delay_s = min(post.delay_s * 2, LONGEST_DELAY_S)
            if post.child is None and now >= post.again_at:
                post.child, post.started_at = self._started(post.program), now

    def _wait(self, timeout_s: float) -> None:
        """Passes on output until something happens or the time is over."""
        for key, _ in self._selector.select(timeout_s):
            if key.data is None:
                self._signals.drain()
            elif not key.data.read():
                # Closed its output but runs on: nothing to read any more, and select would spin.
                self._selector.unregister(key.fileobj)
