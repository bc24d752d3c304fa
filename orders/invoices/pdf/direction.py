"""Which way text runs: the order in which the pieces of a line are set, for scripts that are written from the right.

The part of Unicode's bidirectional algorithm (UAX 9) that names and addresses need: one paragraph, no explicit
embeddings, numbers read from the left within text that is read from the right.
"""

from __future__ import annotations

import unicodedata
from itertools import groupby

_FROM_RIGHT = frozenset({"R", "AL"})
_NUMBERS = frozenset({"EN", "AN"})
# Marks that steer the direction and have no shape; an invoice is not the place to turn text around with them.
_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"})


def without_controls(text: str) -> str:
    """The text without what is not meant to be seen: controls, and marks that turn its direction."""
    return "".join(
        char
        for char in text
        if unicodedata.bidirectional(char) not in _CONTROLS and not unicodedata.category(char).startswith("C")
    )


def is_from_right(char: str) -> bool:
    """Whether a letter belongs to a script that is written from the right."""
    return unicodedata.bidirectional(char) in _FROM_RIGHT


def runs(text: str) -> list[tuple[str, bool]]:
    """The text as pieces of one direction in the order in which they are seen from left to right; each with whether it
    is read from the right. The letters within a piece stay in the order in which they are read."""
    if not any(is_from_right(char) for char in text):
        return [(text, False)] if text else []
    levels = _levels(text)
    pieces = [
        (level, "".join(text[index] for index in group))
        for level, group in groupby(range(len(text)), lambda i: levels[i])
    ]
    for level in range(max(levels), 0, -1):
        pieces = _reversed_from(pieces, level)
    return [(piece, level % 2 == 1) for level, piece in pieces]


def _levels(text: str) -> list[int]:
    """Even levels are read from the left, odd ones from the right."""
    kinds = [unicodedata.bidirectional(char) for char in text]
    strong = next((kind for kind in kinds if kind == "L" or kind in _FROM_RIGHT), "L")
    base = 1 if strong in _FROM_RIGHT else 0
    levels = [_level(kind, base) for kind in kinds]
    # A number counts as text from the right where it follows some.
    last = strong
    for index, kind in enumerate(kinds):
        if kind == "L" or kind in _FROM_RIGHT:
            last = kind
        elif kind in _NUMBERS:
            levels[index] = 2 if base or last in _FROM_RIGHT else 0
    return _fill_neutrals(levels, base)


def _level(kind: str, base: int) -> int:
    if kind == "L":
        return 2 if base else 0
    return 1 if kind in _FROM_RIGHT else -1


def _fill_neutrals(levels: list[int], base: int) -> list[int]:
    """Blanks and punctuation go with what stands on both sides of them, and with the paragraph otherwise."""
    filled = list(levels)
    index = 0
    while index < len(levels):
        if levels[index] != -1:
            index += 1
            continue
        end = index
        while end < len(levels) and levels[end] == -1:
            end += 1
        before = levels[index - 1] if index else base
        after = levels[end] if end < len(levels) else base
        # Among text that is read from the right, a number sides with it.
        is_within = {before, after} <= {1, 2} and (base == 1 or 1 in (before, after))
        level = before if before == after != 2 else 1 if is_within else base
        if before == after == 2 and base:
            level = 2
        filled[index:end] = [level] * (end - index)
        index = end
    return filled


def _reversed_from(pieces: list[tuple[int, str]], level: int) -> list[tuple[int, str]]:
    """Every longest stretch of pieces at this level or above, turned around."""
    turned: list[tuple[int, str]] = []
    for is_within, group in groupby(pieces, lambda piece: piece[0] >= level):
        stretch = list(group)
        turned += reversed(stretch) if is_within else stretch
    return turned
