"""A shop and two of its customers."""

from __future__ import annotations

import pytest

from tests.shop import Shop, Shopper, open_shop, sign_up


@pytest.fixture
def shop(db: None) -> Shop:
    """The shop with its goods in stock."""
    return open_shop()


@pytest.fixture
def ada(db: None) -> Shopper:
    """A customer."""
    return sign_up("ada@example.com")


@pytest.fixture
def bob(db: None) -> Shopper:
    """Another customer."""
    return sign_up("bob@example.com")
