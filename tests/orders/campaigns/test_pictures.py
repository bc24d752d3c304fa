"""Pictures are known by their content, and nothing of the file but the pixels is kept."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, ImageCms

from kit.errors import DomainError
from orders.campaigns.pictures import MAX_SIDE, read_picture
from tests.flyers import picture

HIDDEN = b"GPS 48.8584 N, by a careless camera"


def opened(raw: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(raw))
    image.load()
    return image


def code_of(raw: bytes) -> str:
    with pytest.raises(DomainError) as refused:
        read_picture(raw)
    assert refused.value.first.at == ("image",)
    return refused.value.first.code


@pytest.mark.parametrize(
    ("form", "mode", "extension", "kept"),
    [
        ("JPEG", "RGB", "jpg", "RGB"),
        ("JPEG", "L", "jpg", "RGB"),
        ("JPEG", "CMYK", "jpg", "RGB"),
        ("PNG", "RGB", "png", "RGB"),
        ("PNG", "RGBA", "png", "RGBA"),
        ("PNG", "P", "png", "RGB"),
        ("PNG", "1", "png", "RGB"),
        ("PNG", "I;16", "png", "RGB"),
        ("GIF", "P", "png", "RGB"),
        ("WEBP", "RGB", "jpg", "RGB"),
    ],
)
def test_each_kind_of_picture_becomes_one_of_two(form: str, mode: str, extension: str, kept: str) -> None:
    raw = picture(form, mode=mode) if mode != "I;16" else _sixteen_bits()
    made = read_picture(raw)
    image = opened(made.encoded)
    assert (made.extension, made.width, made.height) == (extension, 40, 30)
    assert (image.format, image.mode, image.size) == ({"jpg": "JPEG", "png": "PNG"}[extension], kept, (40, 30))
    if mode not in ("L", "1", "I;16"):
        red, _, blue = image.convert("RGB").getpixel((2, 2))  # type: ignore[misc]
        assert red > 150 > 100 > blue


def _sixteen_bits() -> bytes:
    out = io.BytesIO()
    Image.new("I;16", (40, 30), 40_000).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(("form", "more"), [("PNG", {}), ("WEBP", {"lossless": True, "exact": True})])
def test_transparency_stays(form: str, more: dict[str, Any]) -> None:
    out = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(out, form, **more)
    made = read_picture(out.getvalue())
    assert (made.extension, opened(made.encoded).getpixel((0, 0))) == ("png", (255, 0, 0, 0))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_what_a_file_says_of_itself_is_left_behind(form: str) -> None:
    exif = Image.Exif()
    exif[0x010E] = HIDDEN.decode()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    more: dict[str, Any] = {"comment": HIDDEN} if form == "JPEG" else {}
    raw = picture(form, exif=exif, icc_profile=profile, **more)
    assert HIDDEN in raw
    made = read_picture(raw + b"<script>" + HIDDEN + b"PK\x03\x04")
    assert HIDDEN not in made.encoded
    assert b"script" not in made.encoded
    image = opened(made.encoded)
    assert not image.getexif()
    assert image.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "progressive", "progression"}


def test_it_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    made = read_picture(picture("JPEG", (40, 20), exif=exif))
    assert (made.width, made.height) == (20, 40)


def test_what_is_larger_than_any_mail_shows_is_made_smaller() -> None:
    made = read_picture(picture("JPEG", (4800, 1000)))
    assert (made.width, made.height) == (MAX_SIDE, 500)


def test_of_what_moves_the_first_picture_is_kept() -> None:
    out = io.BytesIO()
    frames = [Image.new("RGB", (10, 10), colour) for colour in ("red", "blue")]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    image = opened(read_picture(out.getvalue()).encoded)
    assert image.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    assert getattr(image, "n_frames", 1) == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"RIFF\x00\x00\x00\x00WEBP",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><body>",
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0\n",
        b"BM" + bytes(60),
        bytes(1000),
        picture("BMP"),
        picture("TIFF"),
        picture("PPM"),
        picture("ICO"),
        picture("JPEG")[:300],
        picture("PNG")[:60],
        picture("GIF")[:30],
        picture("WEBP")[:40],
    ],
    ids=repr,
)
def test_anything_else_is_unreadable(raw: bytes) -> None:
    assert code_of(raw) == "image_unreadable"


def _png_that_says_it_is(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(5001, 5000), (10_000, 9_000), (30_000, 30_000), (2**31 - 1, 1)])
def test_a_bomb_is_told_by_its_header(width: int, height: int) -> None:
    raw = _png_that_says_it_is(width, height)
    assert len(raw) < 200
    assert code_of(raw) == "image_too_large"


def test_the_largest_that_is_allowed_is_read(settings: Any) -> None:
    settings.MAX_IMAGE_PIXELS = 1200
    assert read_picture(picture(size=(40, 30))).width == 40
    assert code_of(picture(size=(40, 31))) == "image_too_large"


def _outcome(raw: bytes) -> str:
    try:
        return read_picture(raw).extension
    except DomainError as refused:
        return refused.first.code


def test_damage_anywhere_is_a_refusal_or_a_picture() -> None:
    for form in ("JPEG", "PNG", "GIF", "WEBP"):
        raw = picture(form)
        for at in range(0, len(raw), max(1, len(raw) // 60)):
            broken = raw[:at] + bytes([raw[at] ^ 0xFF]) + raw[at + 1 :]
            assert _outcome(broken) in ("jpg", "png", "image_unreadable", "image_too_large")
