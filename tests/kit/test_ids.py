"""Ids are ordered by time and have one spelling."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from kit.ids import new_id, parse_id


def test_a_new_id_is_a_version_7_uuid_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert before <= made.int >> 80 <= after


def test_ids_do_not_repeat() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_the_canonical_spelling_is_read_in_either_case() -> None:
    made = new_id()
    assert parse_id(str(made)) == made
    assert parse_id(str(made).upper()) == made


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "",
        "1001",
        "0192d3e4c0007000800000000000000a",
        "{0192d3e4-c000-7000-8000-00000000000a}",
        "urn:uuid:0192d3e4-c000-7000-8000-00000000000a",
        " 0192d3e4-c000-7000-8000-00000000000a",
        "0192d3e4-c000-7000-8000-00000000000a\n",
        "0192d3e4-c000-7000-8000-00000000000g",
        "\uff10192d3e4-c000-7000-8000-00000000000a",
        uuid.UUID(int=1),
    ],
)
def test_any_other_spelling_is_not_an_id(text: Any) -> None:
    assert parse_id(text) is None
