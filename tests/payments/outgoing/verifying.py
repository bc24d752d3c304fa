"""What a receiver does with a signature: the function that docs/outgoing-events.md shows, taken from that page."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.conf import settings


def documented() -> Callable[..., bool]:
    """The page's own code."""
    page = (settings.BASE_DIR / "docs" / "outgoing-events.md").read_text()
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found.group(1), names)
    verify: Callable[..., bool] = names["verify"]
    return verify


def verified(body: bytes, header: str, secret: str, **options: Any) -> bool:
    """Whether the page's code takes it for ours."""
    return documented()(body, header, secret, **options)
