"""What can be wrong with the flyers of a purchase. Reads only."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from kit.errors import Fault
from orders.campaigns.content import FlyerContent
from orders.campaigns.images import find_images
from orders.models import FlyerImage

MAX_PIECES = 500
"""So many campaigns has an order at most."""


def check_flyers(
    contents: Mapping[int, FlyerContent], *, pieces: int, customer_id: uuid.UUID
) -> tuple[dict[str, FlyerImage], list[Fault]]:
    """The images that the flyers name, by their paths, and what is wrong. `contents` are by the index of their item,
    `pieces` is how many flyers the order has. One statement, and only if an image is named.
    """
    found = find_images({one.main_image for one in contents.values() if one.main_image}, customer_id=customer_id)
    faults = [
        Fault("image_not_found", {"path": one.main_image}, at=("items", index, "flyer", "main_image"))
        for index, one in contents.items()
        if one.main_image and one.main_image not in found
    ]
    if pieces > MAX_PIECES:
        faults.append(Fault("too_many_flyers", {"most": MAX_PIECES, "requested": pieces}, at=("items",)))
    return found, faults
