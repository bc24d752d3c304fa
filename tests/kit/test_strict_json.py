"""Whatever the bytes are, the answer is a value that the database can keep, or a refusal that says why."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import strict_json
from kit.strict_json import MalformedJSON, TooDeep


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2, null, true, "x"]} ', {"a": [1, -2, None, True, "x"]}),
        (b"459.98", Decimal("459.98")),
        (b"1E+2", Decimal(100)),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775808", -(2**63)),
        ('"\U0001f600 é"'.encode(), "\U0001f600 é"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\u00e9"', "é"),
        (b'"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["', "[" * 40),
    ],
)
def test_ordinary_json_is_read_exactly(body: bytes, value: Any) -> None:
    read = strict_json.loads(body)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"01", "not JSON"),
        (b'"a\nb"', "not JSON"),
        (b"NaN", "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"-Infinity", "Infinity"),
        (b"9223372036854775808", "64 bits"),
        (b"-9223372036854775809", "64 bits"),
        (b"9" * 5000, "64 bits"),
        (b"1e400", "64 bits"),
        (b"1e-400", "64 bits"),
        (b"0e-999999999", "64 bits"),
        (b"0.0e+99", "64 bits"),
        (b"0." + b"1" * 60, "digits"),
        (rb'"\u0000"', "NUL"),
        (rb'{"\u0000": 1}', "NUL"),
        (rb'["\ud800"]', "surrogate"),
        (rb'{"a": {"\udfff": 1}}', "surrogate"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"x": {"a": 1, "\\u0061": 2}}', "twice"),
        (b'"\xff"', "UTF-8"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        ("{}".encode("utf-16"), "UTF-8"),
    ],
)
def test_what_readers_would_disagree_about_is_refused_with_a_reason(body: bytes, reason: str) -> None:
    with pytest.raises(MalformedJSON, match=reason):
        strict_json.loads(body)


def test_nesting_is_refused_beyond_the_limit_and_not_before() -> None:
    limit = strict_json.MAX_DEPTH
    assert strict_json.loads(b"[" * limit + b"]" * limit) is not None
    for depth in (limit + 1, 100_000):
        with pytest.raises(TooDeep):
            strict_json.loads(b"[" * depth + b"]" * depth)
    with pytest.raises(TooDeep):
        strict_json.loads(b'{"a":' * 100_000)


def test_brackets_side_by_side_are_not_nesting() -> None:
    assert len(strict_json.loads(b"[" + b"[]," * 100 + b"[]]")) == 101


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_the_refusal(body: bytes) -> None:
    with contextlib.suppress(MalformedJSON):
        strict_json.loads(body)


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_VALUES)
def test_every_storable_value_comes_back_as_it_was(value: Any) -> None:
    assert strict_json.loads(json.dumps(value).encode(), max_depth=64) == value
