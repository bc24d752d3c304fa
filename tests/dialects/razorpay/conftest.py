"""A merchant, another one, and the official SDK as they use it."""

from __future__ import annotations

from typing import Any

import pytest
import razorpay

from tests import merchants
from tests.merchants import Integration
from tests.server_process import ServerProcess


@pytest.fixture
def books(db: None) -> Integration:
    """A merchant."""
    return merchants.enrol("Bangalore Books")


@pytest.fixture
def tea(db: None) -> Integration:
    """Another merchant."""
    return merchants.enrol("Tea House")


@pytest.fixture
def sdk(server: ServerProcess, books: Integration) -> Any:
    """The official Python SDK with the merchant's keys, its base URL set to the running server."""
    return razorpay.Client(auth=books.auth, base_url=server.base_url)
