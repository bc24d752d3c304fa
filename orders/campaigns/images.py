"""Uploaded images: kept under a random name, found again by their path, forgotten when nobody uses them.

The file is there before its row, and its row gone before the file: a file without a row is never served.
"""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db.models import Exists, OuterRef, Q, QuerySet

from customers.models import User
from kit import clock
from kit.errors import DomainError, Fault
from orders.campaigns.pictures import read_picture
from orders.models import Campaign, FlyerImage

UNUSED_PER_ACCOUNT = 100
"""So many images that no campaign shows may wait for one."""
UNUSED_KEPT = timedelta(days=30)
_PATH = re.compile(r"/uploads/([0-9a-f]{32}\.(?:jpg|png))", re.ASCII)
_BATCH = 500


def store_image(raw: bytes, *, uploader: User, customer_id: uuid.UUID | None) -> FlyerImage:
    """The picture in these bytes, encoded anew and kept, for flyers of this customer.

    Raises DomainError: `image_unreadable`, `image_too_large`, `too_many_images` while too many wait for a campaign.
    """
    if unused_images().filter(uploaded_by=uploader)[:UNUSED_PER_ACCOUNT].count() >= UNUSED_PER_ACCOUNT:
        raise DomainError([Fault("too_many_images", {"most": UNUSED_PER_ACCOUNT}, at=("image",))])
    picture = read_picture(raw)
    name = f"{secrets.token_hex(16)}.{picture.extension}"
    default_storage.save(f"uploads/{name}", ContentFile(picture.encoded))
    return FlyerImage.objects.create(
        name=name,
        customer_id=customer_id,
        uploaded_by=uploader,
        width=picture.width,
        height=picture.height,
        size=len(picture.encoded),
    )


def find_images(paths: set[str], *, customer_id: uuid.UUID, user_id: uuid.UUID | None = None) -> dict[str, FlyerImage]:
    """The images that these paths name and that flyers of the customer may show: the customer's own, and those that the
    user who asks has uploaded. At most one statement."""
    names = [match[1] for path in paths if (match := _PATH.fullmatch(path))]
    if not names:
        return {}
    usable = Q(customer_id=customer_id) | Q(uploaded_by=user_id) if user_id else Q(customer_id=customer_id)
    return {image.path: image for image in FlyerImage.objects.filter(usable, name__in=names)}


def unused_images() -> QuerySet[FlyerImage]:
    """Images that no campaign shows."""
    return FlyerImage.objects.filter(~Exists(Campaign.objects.filter(main_image=OuterRef("pk"))))


def forget_unused() -> int:
    """Delete images that no campaign has shown for UNUSED_KEPT since they came, a batch of them; how many."""
    old = unused_images().filter(created_at__lt=clock.now() - UNUSED_KEPT).order_by("pk")[:_BATCH]
    names = list(old.values_list("name", flat=True))
    FlyerImage.objects.filter(name__in=names).delete()
    for name in names:
        default_storage.delete(f"uploads/{name}")
    return len(names)
