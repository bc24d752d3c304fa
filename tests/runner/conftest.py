from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.checkout import Checkout


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that the account which root lends PostgreSQL can reach; pytest's own is closed to it."""
    made = Path(tempfile.mkdtemp(prefix="quittance-runner-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def checkout(directory: Path) -> Iterator[Checkout]:
    # A space in the name: checkouts of people have them.
    made = Checkout(directory / "my checkout")
    made.directory.chmod(0o755)
    yield made
    made.close()
