"""Uploaded pictures, looked at by what they are and not by what they are called, and encoded anew.

Nothing of the bytes that came is kept: neither a place where a picture was taken nor what else may hide in a file that
is two things at once. Pure; the caller bounds the size of what it hands in.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from django.conf import settings
from PIL import Image, ImageOps, UnidentifiedImageError

from kit.errors import DomainError, Fault

MAX_SIDE = 2400
"""Pixels; what is larger is made smaller. No mail shows more."""
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# Whatever a decoder may raise for bytes that are no picture of its kind.
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, struct.error, zlib.error)
_BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as we encoded it."""

    encoded: bytes
    extension: str
    width: int
    height: int


def read_picture(raw: bytes) -> Picture:
    """The picture in the bytes of a JPEG, PNG, WebP or GIF file: upright, at most MAX_SIDE wide and high, the first one
    if it moves; as PNG where it is transparent or was drawn, else as JPEG.

    Raises DomainError: `image_unreadable` for whatever is none of these or broken, `image_too_large` beyond
    `settings.MAX_IMAGE_PIXELS`, which is told before any of it is decoded.
    """
    try:
        image = Image.open(io.BytesIO(raw), formats=_FORMATS)
        if image.width * image.height > settings.MAX_IMAGE_PIXELS:
            raise _refused("image_too_large", most=settings.MAX_IMAGE_PIXELS // 1_000_000)
        stays_png = image.format in ("PNG", "GIF") or image.has_transparency_data
        if image.format == "JPEG":
            # Decoded at a fraction of its size where that is enough.
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))
        upright = ImageOps.exif_transpose(image)
        return _encoded(upright.convert("RGBA" if upright.has_transparency_data else "RGB"), stays_png)
    except UnidentifiedImageError:
        raise _refused("image_unreadable") from None
    except _BOMBS:
        raise _refused("image_too_large", most=settings.MAX_IMAGE_PIXELS // 1_000_000) from None
    except _UNREADABLE:
        raise _refused("image_unreadable") from None


def _encoded(image: Image.Image, as_png: bool) -> Picture:
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    # What the file said of itself stays behind: only the pixels go on.
    bare = Image.new(image.mode, image.size)
    bare.paste(image)
    out = io.BytesIO()
    if as_png:
        bare.save(out, "PNG", optimize=False, compress_level=6)
    else:
        bare.save(out, "JPEG", quality=85, progressive=True)
    return Picture(out.getvalue(), "png" if as_png else "jpg", bare.width, bare.height)


def _refused(code: str, **facts: object) -> DomainError:
    return DomainError([Fault(code, facts, at=("image",))])
