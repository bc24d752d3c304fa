"""Keys and tokens do not survive in a text."""

from __future__ import annotations

import pytest

from kit.secrets import MASK, scrub


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_51Habcdef",
        "rk_test_51Habcdef",
        "whsec_0123456789",
        "pi_3Nabc_secret_0987xyz",
        "Bearer abc.def-ghi",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    ],
)
def test_a_secret_is_cut_out_wherever_it_stands(secret: str) -> None:
    assert scrub(f"before {secret}, after") == f"before {MASK}, after"


@pytest.mark.parametrize("text", ["order_EKwxwAgItmmXdp", "pi_3Nabc", "a bear, a key", "ask_me_later"])
def test_what_is_no_secret_stays(text: str) -> None:
    assert scrub(text) == text
