"""A warmed-up process that forks another for each act, to be killed in it: `python -m tests.faults.doomed`.

It reads one act a line (JSON: module, name, facts, crash_at) and answers with a line: how the child ended, which
seams it passed, and its last error. It opens no connection itself, so that its children share none.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from typing import Any

import django


def main() -> None:
    """Do what comes in until nothing comes any more."""
    django.setup()
    from django.test.utils import setup_test_environment
    from django.urls import get_resolver

    setup_test_environment()
    # Read once for all the children.
    assert get_resolver().url_patterns
    importlib.import_module("tests.faults.merchant_flows")
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(_in_a_child(json.loads(line))), flush=True)


def _in_a_child(wanted: dict[str, Any]) -> dict[str, Any]:
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        _do(wanted, tells)
    os.close(tells)
    with os.fdopen(told) as words:
        said = words.read().splitlines()
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    passed = [word for word in said if not word.startswith(" ")]
    return {"ended": ended, "passed": passed, "error": "\n".join(word[1:] for word in said if word.startswith(" "))}


def _do(wanted: dict[str, Any], tells: int) -> None:
    """The act, in the child, which never returns."""
    from kit import crashpoints

    kill = _trap(wanted["crash_at"])

    def trap(seam: crashpoints.Seam) -> None:
        os.write(tells, f"{seam}\n".encode())
        kill(seam)

    ended = 0
    try:
        with crashpoints.trapped(trap):
            getattr(importlib.import_module(wanted["module"]), wanted["name"])(**wanted["facts"])
    except BaseException:
        ended = 1
        os.write(tells, "".join(f" {line}\n" for line in traceback.format_exc().splitlines()).encode())
    os._exit(ended)


def _trap(crash_at: str) -> Any:
    from kit import crashpoints

    if not crash_at:
        return lambda seam: None
    name, _, number = crash_at.partition(":")
    return crashpoints.killer(crashpoints.Seam(name), int(number))


if __name__ == "__main__":
    main()
