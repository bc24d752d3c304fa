"""Stripe's form encoding."""

from __future__ import annotations

import pytest

from payments.sandbox.stripe_wire.forms import MalformedForm, nested


@pytest.mark.parametrize(
    ("pairs", "params"),
    [
        ([("a", "1"), ("b", "")], {"a": "1", "b": ""}),
        ([("m[x]", "1"), ("m[y]", "2")], {"m": {"x": "1", "y": "2"}}),
        ([("e[]", "a"), ("e[]", "b")], {"e": ["a", "b"]}),
        ([("e[1]", "b"), ("e[0]", "a"), ("e[10]", "c")], {"e": ["a", "b", "c"]}),
        ([("o[card][details][x]", "1")], {"o": {"card": {"details": {"x": "1"}}}}),
        ([("i[0][amount]", "1"), ("i[1][amount]", "2")], {"i": [{"amount": "1"}, {"amount": "2"}]}),
    ],
)
def test_brackets_nest(pairs: list[tuple[str, str]], params: object) -> None:
    assert nested(pairs) == params


@pytest.mark.parametrize(
    "pairs",
    [
        [("a[", "1")],
        [("", "1")],
        [("a", "1"), ("a[b]", "2")],
        [("a[b]", "1"), ("a", "2")],
        [("a", "\0")],
        [("[a]", "1")],
    ],
)
def test_what_contradicts_itself_is_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(MalformedForm):
        nested(pairs)
