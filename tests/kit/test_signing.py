"""Signatures: one purpose each, keys that rotate, and nothing that a stranger sends makes them stumble."""

from __future__ import annotations

from typing import Any

import pytest

from kit.signing import Signer


def test_a_signature_verifies_for_its_message_and_no_other() -> None:
    signer = Signer(["key"], purpose="invoice")
    signature = signer.sign("order 1")
    assert len(signature) == 64
    assert signer.verify("order 1", signature)
    assert not signer.verify("order 2", signature)
    assert not signer.verify("order 1", signature[:-1] + ("0" if signature[-1] != "0" else "1"))


def test_a_signature_for_one_purpose_is_none_for_another() -> None:
    signature = Signer(["key"], purpose="invoice").sign("1")
    assert not Signer(["key"], purpose="refund").verify("1", signature)


def test_after_a_rotation_old_signatures_verify_until_the_old_key_goes() -> None:
    signature = Signer(["old"], purpose="p").sign("1")
    rotated = Signer(["new", "old"], purpose="p")
    assert rotated.verify("1", signature)
    assert rotated.sign("1") == Signer(["new"], purpose="p").sign("1")
    assert not Signer(["new"], purpose="p").verify("1", signature)


@pytest.mark.parametrize("signature", ["", "é" * 64, "\ud800", "0" * 10_000, None, 1, b"0" * 64])
def test_what_is_no_signature_is_simply_wrong(signature: Any) -> None:
    assert Signer(["key"], purpose="p").verify("1", signature) is False


@pytest.mark.parametrize("keys", [[], [""], ["key", ""]])
def test_an_empty_key_is_refused(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="key"):
        Signer(keys, purpose="p")
