"""How many schedules, and from which seed: `python -m pytest tests/simulation --schedules 2000 --seed 7`."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Read when this folder is named; a run of all tests takes the defaults."""
    parser.addoption("--schedules", type=int, help="how many schedules to try")
    parser.addoption("--seed", type=int, help="what they are made from")
    parser.addoption("--no-shrink", action="store_true", help="print a failing schedule as it was found")
