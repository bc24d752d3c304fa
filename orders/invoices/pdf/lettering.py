"""Setting text: a font for every letter, letters that join joined, widths, and lines broken where they must be.

The fonts are loaded once per process, the large ones when the first letter needs them. What is set depends on the text
alone, so that the same invoice has the same bytes whatever was set before it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import uharfbuzz
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from orders.invoices.pdf.direction import is_from_right, runs, without_controls

_FONTS = Path(__file__).parent / "fonts"
REGULAR, BOLD = "NotoSans-Regular", "NotoSans-Bold"
# In the order in which they are asked for a letter. Those with True have letters that join or move.
_OTHERS = (
    ("NotoSansArabic-Regular", True),
    ("NotoSansHebrew-Regular", False),
    ("NotoSansDevanagari-Regular", True),
    ("NotoSansBengali-Regular", True),
    ("NotoSansTamil-Regular", True),
    ("NotoSansTelugu-Regular", True),
    ("NotoSansGujarati-Regular", True),
    ("NotoSansGurmukhi-Regular", True),
    ("NotoSansKannada-Regular", True),
    ("NotoSansMalayalam-Regular", True),
    ("NotoSansThai-Regular", True),
    ("NanumGothicCoding", False),
    ("DroidSansFallbackFull", False),
)
_JOINING = {name for name, joins in _OTHERS if joins}
_UNKNOWN = "?"
# Where the glyphs of fonts with joining letters are given a place, the same one in every process.
_PRIVATE = 0xE000


@dataclass(frozen=True, slots=True)
class Glyphs:
    """A piece of text as a font sets it: characters that the font knows, each with its shift and its advance, in
    thousandths of the size."""

    font: str
    text: str
    places: tuple[tuple[float, float, float], ...] | None
    width: float


@functools.cache
def _font(name: str) -> TTFont:
    font = TTFont(name, _FONTS / f"{name}.ttf")
    pdfmetrics.registerFont(font)
    return font


@functools.cache
def _shaper(name: str) -> uharfbuzz.Font:
    return uharfbuzz.Font(uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(_FONTS / f"{name}.ttf"))))


@functools.lru_cache(maxsize=20_000)
def _font_of(char: str, wanted: str) -> str:
    """The first font that has a letter."""
    if ord(char) in _font(wanted).face.charToGlyph:
        return wanted
    for name, _ in _OTHERS:
        if ord(char) in _font(name).face.charToGlyph:
            return name
    return ""


def cleaned(text: str) -> str:
    """What of a text can be set: other letters are question marks."""
    return "".join(char if _font_of(char, REGULAR) else _UNKNOWN for char in without_controls(text))


@functools.lru_cache(maxsize=5_000)
def _set(text: str, font: str) -> tuple[Glyphs, ...]:
    """The pieces of a line from left to right."""
    return tuple(
        glyphs for piece, from_right in runs(cleaned(text)) for glyphs in _directed(piece, font, from_right=from_right)
    )


def _directed(piece: str, font: str, *, from_right: bool) -> Iterator[Glyphs]:
    fonts = _fonts_of(piece, font)
    parts = [(name, "".join(piece[i] for i in group)) for name, group in groupby(range(len(piece)), lambda i: fonts[i])]
    for name, part in reversed(parts) if from_right else parts:
        if name in _JOINING:
            yield _shaped(part, name)
        else:
            yield _plain(part[::-1] if from_right else part, name)


def _fonts_of(piece: str, font: str) -> list[str]:
    """The font of each letter; a blank keeps that of the letter before it, so that words are not torn apart."""
    fonts: list[str] = []
    for char in piece:
        name = _font_of(char, font)
        if fonts and char == " " and fonts[-1] in _JOINING:
            name = fonts[-1]
        fonts.append(name)
    return fonts


def _plain(text: str, font: str) -> Glyphs:
    face = _font(font).face
    return Glyphs(font, text, None, sum(face.charWidths.get(ord(char), face.defaultWidth) for char in text))


def _shaped(text: str, font: str) -> Glyphs:
    face = _font(font).face
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text)
    buffer.guess_segment_properties()
    if any(is_from_right(char) for char in text):
        buffer.direction = "rtl"
    uharfbuzz.shape(_shaper(font), buffer)
    scale = 1000 / face.unitsPerEm
    chars, places, width = [], [], 0.0
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        code = _PRIVATE + info.codepoint
        face.charToGlyph[code] = info.codepoint
        face.charWidths[code] = place.x_advance * scale
        chars.append(chr(code))
        places.append((place.x_offset * scale, place.y_offset * scale, place.x_advance * scale))
        width += place.x_advance * scale
    return Glyphs(font, "".join(chars), tuple(places), width)


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line is, in points."""
    return sum(glyphs.width for glyphs in _set(text, BOLD if bold else REGULAR)) * size / 1000


def draw(canvas: Canvas, x: float, y: float, text: str, size: float, *, bold: bool = False) -> None:
    """A line of text from `x` on its base line `y`."""
    for glyphs in _set(text, BOLD if bold else REGULAR):
        canvas.setFont(glyphs.font, size)
        if glyphs.places is None:
            canvas.drawString(x, y, glyphs.text)
        else:
            at = x
            for char, (right, up, advance) in zip(glyphs.text, glyphs.places, strict=True):
                canvas.drawString(at + right * size / 1000, y + up * size / 1000, char)
                at += advance * size / 1000
        x += glyphs.width * size / 1000


def draw_right(canvas: Canvas, x: float, y: float, text: str, size: float, *, bold: bool = False) -> None:
    """A line of text that ends at `x`."""
    draw(canvas, x - width_of(text, size, bold=bold), y, text, size, bold=bold)


def wrapped(text: str, size: float, room: float, *, bold: bool = False, most: int = 60) -> list[str]:
    """The text in lines no wider than `room` points; a word that is wider is broken, and so is text without blanks."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for word in _words(without_controls(paragraph)):
            candidate = f"{line}{word}"
            if width_of(candidate.rstrip(), size, bold=bold) <= room:
                line = candidate
                continue
            if line.strip():
                lines.append(line.rstrip())
            *whole, line = _broken(word.lstrip(), size, room, bold=bold)
            lines += whole
        lines.append(line.rstrip())
    return lines[:most] if any(lines) else []


def _words(text: str) -> Iterable[str]:
    """Words with the blanks after them."""
    word = ""
    for char in text:
        if word.endswith(" ") and char != " ":
            yield word
            word = ""
        word += char
    if word:
        yield word


def _broken(word: str, size: float, room: float, *, bold: bool) -> list[str]:
    parts = [""]
    for char in word:
        if parts[-1] and width_of(parts[-1] + char, size, bold=bold) > room:
            parts.append("")
        parts[-1] += char
    return parts
