"""Which addresses payers may be sent to."""

from __future__ import annotations

import pytest

from payments.merchants.callbacks import LONGEST_URL, CallbackRefused, check_callback


@pytest.mark.parametrize(
    "url",
    [
        "https://books.example/paid",
        "https://books.example:8443/paid?x=1&y=2",
        "https://xn--bcher-kva.example/",
        "https://127.0.0.1/near",  # it is the payer's browser that goes there
    ],
)
def test_plain_addresses_are_taken(url: str) -> None:
    check_callback(url, https_only=True)


def test_without_encryption_only_where_nobody_minds() -> None:
    check_callback("http://localhost:3000/paid", https_only=False)
    with pytest.raises(CallbackRefused, match="https://"):
        check_callback("http://localhost:3000/paid", https_only=True)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "books.example",
        "/paid",
        "//books.example/paid",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://books.example/",
        "https://",
        "https:///paid",
        "https:books.example",
        "https://user@books.example/",
        "https://user:pass@books.example/",
        "https://books.example\\@evil.example/",
        "https://books.example/#x",
        "https://books.example/a b",
        "https://books.example/\n",
        "https://bücher.example/",
        "https://books.example:port/",
        "https://[::1/",
        "https://books.example/" + "x" * LONGEST_URL,
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(CallbackRefused):
        check_callback(url, https_only=False)
