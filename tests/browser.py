"""A real browser without a window: Chromium, spoken to over a pipe in its DevTools protocol, with no driver between.

`runner/find_browser.sh` sees to it that there is one; it knows the same names.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
PATIENCE_S = 20.0
# As root there is no sandbox to be had; and a machine without a way out is not to look for one.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


def executable() -> str:
    """Where the browser is. Raises RuntimeError."""
    chosen = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if chosen is None:
        raise RuntimeError("No browser: sh runner/find_browser.sh says what to do.")
    return chosen


class Page:
    """One tab. Every wait ends in an error after PATIENCE_S."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.call("Page.enable")
        self.call("Runtime.enable")
        self.call("Log.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        return self._browser.call(method, self._session, **parameters)

    def open(self, address: str) -> None:
        """Go there."""
        answer = self.call("Page.navigate", url=address)
        assert "errorText" not in answer, answer

    def ask(self, expression: str) -> Any:
        """What an expression comes to on the page; None while the page is being replaced."""
        try:
            answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        except ProtocolError:
            return None
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The first value of an expression that is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not (value := self.ask(expression)):
            assert time.monotonic() < deadline, f"never came true: {expression}\n{self.text()}\n{self.complaints}"
            time.sleep(0.05)
        return value

    def click(self, selector: str) -> None:
        """Click with the mouse on the middle of an element, once it is there to be seen."""
        place = f"document.querySelector({json.dumps(selector)})?.checkVisibility()"
        self.wait_for(place)
        box = self.ask(
            f"(() => {{ const element = document.querySelector({json.dumps(selector)}); element.scrollIntoView();"
            " const box = element.getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def text(self) -> str:
        """What a person reads."""
        return str(self.ask("document.body?.innerText") or "")

    def wait_for_text(self, text: str) -> str:
        """What a person reads once it contains this."""
        return str(self.wait_for(f"document.body?.innerText.includes({json.dumps(text)}) && document.body.innerText"))

    @property
    def complaints(self) -> list[str]:
        """What the browser had to object to: errors of scripts, and what the page's policy forbids."""
        return self._browser.complaints


class ProtocolError(Exception):
    """The browser refused a command."""


class Browser:
    """A browser in a process of its own, with an empty profile."""

    def __init__(self, process: subprocess.Popen[bytes], writes: int, reads: int) -> None:
        self._process, self._writes, self._reads = process, writes, reads
        self._numbers = itertools.count(1)
        self._rest = b""
        self.complaints: list[str] = []

    def page(self) -> Page:
        """A new tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        return Page(self, self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])

    def call(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """One command, and its result. Raises ProtocolError."""
        number = next(self._numbers)
        command: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if session:
            command["sessionId"] = session
        os.write(self._writes, json.dumps(command).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == number:
                if "error" in message:
                    raise ProtocolError(message["error"]["message"])
                result: dict[str, Any] = message["result"]
                return result
            self._listen(message)

    def _listen(self, message: dict[str, Any]) -> None:
        if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            entry = message["params"]["entry"]
            self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
        if message.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(message["params"]["exceptionDetails"]))

    def _message(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            chunk = os.read(self._reads, 65536)
            assert chunk, "the browser has gone"
            self._rest += chunk
        first, _, self._rest = self._rest.partition(b"\0")
        read: dict[str, Any] = json.loads(first)
        return read


def _moved(descriptor: int) -> int:
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 64)
    os.close(descriptor)
    return moved


@contextmanager
def browser() -> Iterator[Browser]:
    """A running browser, gone at the end with all that it wrote."""
    their_reads, our_writes = os.pipe()
    our_reads, their_writes = os.pipe()
    # Out of the way of the numbers that the browser has its ends under.
    their_reads, their_writes = (_moved(end) for end in (their_reads, their_writes))

    def take_pipes() -> None:
        os.dup2(their_reads, 3)
        os.dup2(their_writes, 4)

    with tempfile.TemporaryDirectory(prefix="quittance-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [executable(), *_FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(3, 4),
            preexec_fn=take_pipes,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(their_reads)
        os.close(their_writes)
        try:
            yield Browser(process, our_writes, our_reads)
        finally:
            # Debian's is a script that starts the browser.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=20)
            os.close(our_writes)
            os.close(our_reads)
