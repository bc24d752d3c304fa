"""A refusal always has a reason, and the first one comes first."""

from __future__ import annotations

import pytest

from kit.errors import DomainError, Fault, NotFound


def test_a_refusal_carries_its_faults_in_order() -> None:
    error = DomainError([Fault("stock_short", {"available": 1}), Fault("price_moved")])
    assert [fault.code for fault in error.faults] == ["stock_short", "price_moved"]
    assert error.first.facts == {"available": 1}
    assert str(error) == "stock_short, price_moved"


def test_a_refusal_without_a_reason_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="reason"):
        DomainError([])


def test_not_found_says_what() -> None:
    assert NotFound("order").first == Fault("not_found", {"what": "order"})
