"""HTML by others: what is harmless stays as it was written, everything else goes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.campaigns.content import FlyerContent
from orders.campaigns.html import safe_html

HARMLESS = [
    '<p>If you\'ve seen this before, "wait" until you see it now!</p>',
    "<p>Two beds,  washer & dryer</p>",
    "<ul><li>One</li><li><b>Two</b> <em>and</em> <u>more</u></li></ul>",
    "<h2>Open house</h2><p>On<br>Sunday</p><hr>",
    "plain",
    "",
    "日本 ₹ é",
]
HARMFUL = [
    ("<script>alert(1)</script>x", "x"),
    ("<SCRIPT SRC=//evil.example/x.js></SCRIPT>x", "x"),
    ("<p onclick=alert(1)>x</p>", "<p>x</p>"),
    ('<p style="position:fixed">x</p>', "<p>x</p>"),
    ('<a href="javascript:alert(1)">x</a>', '<a rel="noopener noreferrer">x</a>'),
    ('<a href=" jAvascript&#58;alert(1)">x</a>', '<a rel="noopener noreferrer">x</a>'),
    ('<a href="data:text/html,x">x</a>', '<a rel="noopener noreferrer">x</a>'),
    ('<a href="https://a.example/" target=_top>x</a>', '<a href="https://a.example/" rel="noopener noreferrer">x</a>'),
    ("<img src=x onerror=alert(1)>x", "x"),
    ("<svg><script>alert(1)</script></svg>x", "x"),
    ("<iframe src=//evil.example></iframe>x", "x"),
    ("<style>p{display:none}</style>x", "x"),
    ("<form action=//evil.example><input name=a></form>x", "x"),
    ("<!-- a comment -->x", "x"),
    ("<math><mtext></p><style><img src=x onerror=alert(1)>", ""),
    ("<noscript><p title='</noscript><img src=x onerror=alert(1)>'>", "&lt;p title=''&gt;"),
    ("a < b > c", "a &lt; b &gt; c"),
    ("&lt;script&gt;", "&lt;script&gt;"),
    ("& lt;script&amp;gt;", "& lt;script&amp;gt;"),
    ("<b>unclosed", "<b>unclosed</b>"),
]
_BARE = {f"<{slash}{tag}>" for slash in ("", "/") for tag in ("a", "b", "p", "s")}


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_harmless_stays_to_the_byte(text: str) -> None:
    assert safe_html(text) == text


@pytest.mark.parametrize(("text", "left"), HARMFUL)
def test_what_is_not_goes(text: str, left: str) -> None:
    assert safe_html(text) == left


@given(st.text(alphabet=st.sampled_from("<>&;\"'/=abps ltgscriptonerror#x0123\n"), max_size=80))
def test_cleaning_again_changes_nothing(text: str) -> None:
    cleaned = safe_html(text)
    assert safe_html(cleaned) == cleaned
    assert set(re.findall(r"<[^>]*>", cleaned)) <= {'<a rel="noopener noreferrer">', *_BARE}


def test_there_is_no_way_round_it_into_a_flyer() -> None:
    assert FlyerContent(prop_desc="<script>x</script><p>y</p>").prop_desc == "<p>y</p>"
