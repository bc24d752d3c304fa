"""How large a body may be. Known before the settings are read: the server's entry point needs it."""

from __future__ import annotations

import re

from django.conf import settings

_TAKES_IMAGES = re.compile(r"/api/v1/flyer-images/?|/admin/orders/campaign/\d+/edit/", re.ASCII)


def body_limit(path: str) -> int:
    """How many bytes a body sent to this path may have: more where images are uploaded."""
    room: int = settings.MAX_IMAGE_BYTES if _TAKES_IMAGES.fullmatch(path) else 0
    limit: int = settings.MAX_BODY_BYTES
    return limit + room
