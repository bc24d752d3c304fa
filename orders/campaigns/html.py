"""HTML that others wrote, kept to what is harmless in a mail and on a page."""

from __future__ import annotations

import re

import nh3

_TAGS = frozenset(
    [
        "a",
        "b",
        "blockquote",
        "br",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "li",
        "ol",
        "p",
        "s",
        "small",
        "span",
        "strong",
        "sub",
        "sup",
        "u",
        "ul",
    ]
)
_ATTRIBUTES = {"a": {"href", "title"}}
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
# An ampersand before a blank begins no reference, and is the same HTML either way.
_BARE_AMPERSAND = re.compile(r"&amp;(?=[ \t\n])")


def safe_html(text: str) -> str:
    """The text without scripts, styles, pictures, forms and whatever else is not text and its emphasis.

    What is harmless stays as its author wrote it, a bare ampersand too. Cleaning it again changes nothing.
    """
    cleaned = nh3.clean(text, tags=set(_TAGS), attributes=_ATTRIBUTES, url_schemes=set(_SCHEMES))
    return _BARE_AMPERSAND.sub("&", cleaned)
