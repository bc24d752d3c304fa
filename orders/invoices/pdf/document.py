"""The PDF of a document: A4, as many pages as it takes, with the table's head on each of them.

The bytes depend on the view alone (`invariant`): no clock, no random id, nothing left over from what was rendered
before. `RENDERING` names all that they depend on beside it, and changes with every change of it.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import reportlab
import uharfbuzz
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from orders.invoices.pdf.lettering import draw, draw_right, width_of, wrapped
from orders.invoices.presentation import Cell, Presentation, Table, present
from orders.invoices.view import InvoiceView

LAYOUT = 1
RENDERING = f"layout {LAYOUT}, reportlab {reportlab.Version}, uharfbuzz {uharfbuzz.__version__}"

_WIDTH, _HEIGHT = A4
_LEFT, _RIGHT, _TOP, _BOTTOM = 48.0, _WIDTH - 48.0, _HEIGHT - 48.0, 62.0
_INK, _SOFT, _RULE, _SHADE, _ACCENT = (
    HexColor(code) for code in ("#111827", "#5b6472", "#d5d9e0", "#f3f5f7", "#0f766e")
)
_SIZE, _SMALL, _LEAD = 8.6, 7.2, 11.4
# One document at a time: reportlab's fonts are shared by all that are being made.
_LOCK = threading.Lock()


def render(view: InvoiceView) -> bytes:
    """The document as PDF."""
    with _LOCK:
        paper = _Paper(present(view))
        paper.fill()
        return paper.finish()


class _Pages(Canvas):
    """A canvas that knows how many pages there are before it writes any: every page can say so."""

    def __init__(self, *args: Any, footer: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._footer = footer
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802 - reportlab's own name
        """Kept until all are there."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """All pages, each with its foot."""
        for number, page in enumerate(self._kept, start=1):
            self.__dict__.update(page)
            self._footer(self, number, len(self._kept))
            super().showPage()
        super().save()


class _Paper:
    """The document on its way onto paper: where the next thing goes."""

    def __init__(self, shown: Presentation) -> None:
        self._shown = shown
        self._file = BytesIO()
        self._canvas = _Pages(self._file, pagesize=A4, invariant=1, pageCompression=1, lang="en", footer=self._footer)
        self._canvas.setTitle(f"{shown.title} {shown.number}".strip())
        self._canvas.setAuthor(shown.seller)
        self._canvas.setCreator("Quittance")
        self._canvas.setProducer("Quittance")
        self._y = _TOP

    def fill(self) -> None:
        """Everything, from the head to the notes."""
        self._head()
        self._parties()
        self._table(self._shown.lines, size=_SIZE)
        self._sums()
        for table in self._shown.tables:
            self._table(table, size=7.8, width=min(_RIGHT - _LEFT, 90.0 * len(table.columns)))
        self._paid()
        self._notes()

    def finish(self) -> bytes:
        """The bytes."""
        self._canvas.showPage()
        self._canvas.save()
        return self._file.getvalue()

    # --- parts ---

    def _head(self) -> None:
        shown, canvas = self._shown, self._canvas
        canvas.setFillColor(_ACCENT)
        canvas.rect(0, _HEIGHT - 7, _WIDTH, 7, stroke=0, fill=1)
        self._ink(_INK)
        title = wrapped(shown.title, 21, 250, bold=True)
        for index, line in enumerate(title):
            draw_right(canvas, _RIGHT, _TOP - 18 - 24 * index, line, 21, bold=True)
        names = wrapped(shown.seller, 13, 245, bold=True, most=3)
        y = _TOP - 12
        for line in names:
            draw(canvas, _LEFT, y, line, 13, bold=True)
            y -= 16
        self._ink(_SOFT)
        for text in shown.seller_lines:
            for line in wrapped(text, _SIZE, 245, most=3):
                draw(canvas, _LEFT, y, line, _SIZE)
                y -= _LEAD
        right = _TOP - 18 - 24 * len(title)
        if shown.number:
            self._ink(_ACCENT)
            draw_right(canvas, _RIGHT, right, shown.number, 12, bold=True)
        self._y = min(y, right - 12) - 10
        if shown.warning:
            self._warning()
        self._rule(_RULE)
        self._y -= 18

    def _warning(self) -> None:
        self._canvas.setFillColor(HexColor("#fdf3d7"))
        self._canvas.rect(_LEFT, self._y - 16, _RIGHT - _LEFT, 20, stroke=0, fill=1)
        self._ink(HexColor("#7a4b00"))
        draw(self._canvas, _LEFT + 8, self._y - 9, self._shown.warning, 9, bold=True)
        self._y -= 28

    def _parties(self) -> None:
        shown, canvas = self._shown, self._canvas
        y = self._y
        self._ink(_SOFT)
        draw(canvas, _LEFT, y, shown.buyer_label, _SMALL)
        y -= 14
        self._ink(_INK)
        for line in wrapped(shown.buyer, 10.5, 255, bold=True, most=4):
            draw(canvas, _LEFT, y, line, 10.5, bold=True)
            y -= 13
        for text in shown.buyer_lines:
            for line in wrapped(text, _SIZE, 255, most=4):
                draw(canvas, _LEFT, y, line, _SIZE)
                y -= _LEAD
        facts = self._y
        for label, value in shown.facts:
            self._ink(_SOFT)
            draw(canvas, 340, facts, label, _SIZE)
            self._ink(_INK)
            for line in wrapped(value, _SIZE, _RIGHT - 425, most=3):
                draw_right(canvas, _RIGHT, facts, line, _SIZE)
                facts -= _LEAD + 1
        self._y = min(y, facts) - 14

    def _table(self, table: Table, *, size: float, width: float = _RIGHT - _LEFT) -> None:
        if not table.rows:
            return
        edges = _edges(table, width)
        heads = [wrapped(column.label, _SMALL, right - left - 6) for column, (left, right) in _placed(table, edges)]
        if table.title:
            self._need(60)
            self._ink(_INK)
            draw(self._canvas, _LEFT, self._y, table.title, _SIZE, bold=True)
            self._y -= 8
        else:
            self._need(70)
        self._table_head(table, edges, heads)
        for row in table.rows:
            self._row(table, edges, heads, row, size)
        if table.total:
            self._row(table, edges, heads, table.total, size, bold=True)
        self._y -= 16

    def _table_head(self, table: Table, edges: Sequence[float], heads: Sequence[list[str]]) -> None:
        height = 8 + 9 * max(len(lines) for lines in heads)
        self._canvas.setFillColor(_SHADE)
        self._canvas.rect(_LEFT, self._y - height, edges[-1] - _LEFT, height, stroke=0, fill=1)
        self._ink(_SOFT)
        for (column, (left, right)), lines in zip(_placed(table, edges), heads, strict=True):
            for index, line in enumerate(lines):
                y = self._y - 10.5 - 9 * index
                if column.is_figure:
                    draw_right(self._canvas, right - 3, y, line, _SMALL, bold=True)
                else:
                    draw(self._canvas, left + 3, y, line, _SMALL, bold=True)
        self._y -= height

    def _row(
        self,
        table: Table,
        edges: Sequence[float],
        heads: Sequence[list[str]],
        row: tuple[Cell, ...],
        size: float,
        *,
        bold: bool = False,
    ) -> None:
        """A row; one that does not fit the page begins on the next, and one that fits no page goes on there."""
        placed = _placed(table, edges)
        texts = [
            wrapped(cell.text, size, right - left - 6, bold=bold) if not column.is_figure else [cell.text]
            for (column, (left, right)), cell in zip(placed, row, strict=True)
        ]
        smalls = [
            wrapped(cell.small, _SMALL, right - left - 6)
            if not column.is_figure
            else [cell.small]
            if cell.small
            else []
            for (column, (left, right)), cell in zip(placed, row, strict=True)
        ]
        lines = [
            [(line, size, _INK) for line in text] + [(line, _SMALL, _SOFT) for line in small]
            for text, small in zip(texts, smalls, strict=True)
        ]
        most = max(len(cell) for cell in lines)
        if self._y - (7 + 10.5 * min(most, 40)) < _BOTTOM:
            self._next_page()
            self._table_head(table, edges, heads)
        for index in range(most):
            if self._y - 14 < _BOTTOM:
                self._next_page()
                self._table_head(table, edges, heads)
            self._y -= 12.5 if index == 0 else 10.5
            for (column, (left, right)), cell in zip(placed, lines, strict=True):
                if index < len(cell):
                    text, letters, colour = cell[index]
                    self._ink(colour)
                    if column.is_figure:
                        self._figure(left + 3, right - 3, text, letters, bold=bold)
                    else:
                        draw(self._canvas, left + 3, self._y, text, letters, bold=bold)
        self._y -= 5
        self._canvas.setStrokeColor(_RULE)
        self._canvas.setLineWidth(0.5)
        self._canvas.line(_LEFT, self._y, edges[-1], self._y)

    def _figure(self, left: float, right: float, text: str, size: float, *, bold: bool) -> None:
        """Figures stand at the right edge, and shrink before they would leave their column."""
        wide = width_of(text, size, bold=bold)
        fitting = size if wide <= right - left else size * (right - left) / wide
        draw_right(self._canvas, right, self._y, text, fitting, bold=bold)

    def _sums(self) -> None:
        height = 20.0 + 16 * len(self._shown.sums)
        self._need(min(height, 300))
        for one in self._shown.sums:
            size = 10.0 if one.is_strong else _SIZE
            if one.is_strong:
                self._canvas.setStrokeColor(_INK)
                self._canvas.setLineWidth(0.8)
                self._canvas.line(330, self._y + 2, _RIGHT, self._y + 2)
                self._y -= 4
            self._need(16)
            self._y -= 9
            self._ink(_INK if one.is_strong else _SOFT)
            draw(self._canvas, 333, self._y, one.label, size, bold=one.is_strong)
            self._ink(_INK)
            draw_right(self._canvas, _RIGHT - 3, self._y, one.amount, size, bold=one.is_strong)
            self._y -= 6
        self._y -= 18

    def _paid(self) -> None:
        if not self._shown.paid:
            return
        self._need(30)
        self._ink(_INK)
        draw(self._canvas, _LEFT, self._y, "Payments", _SIZE, bold=True)
        self._y -= _LEAD + 2
        for label, amount in self._shown.paid:
            self._need(_LEAD)
            self._ink(_SOFT)
            draw(self._canvas, _LEFT, self._y, label, _SIZE)
            self._ink(_INK)
            draw_right(self._canvas, _LEFT + 260, self._y, amount, _SIZE)
            self._y -= _LEAD
        self._y -= 8

    def _notes(self) -> None:
        self._ink(_INK)
        for note in self._shown.notes:
            for line in wrapped(note, _SIZE, _RIGHT - _LEFT):
                self._need(_LEAD)
                self._ink(_INK)
                draw(self._canvas, _LEFT, self._y, line, _SIZE)
                self._y -= _LEAD

    def _footer(self, canvas: Canvas, number: int, pages: int) -> None:
        canvas.setStrokeColor(_RULE)
        canvas.setLineWidth(0.5)
        canvas.line(_LEFT, 48, _RIGHT, 48)
        canvas.setFillColor(_SOFT)
        said = f"{self._shown.title} {self._shown.number}".strip()
        shop = wrapped(self._shown.seller, _SMALL, 230, most=1)
        draw(canvas, _LEFT, 36, " \N{MIDDLE DOT} ".join([*shop, said]), _SMALL)
        draw_right(canvas, _RIGHT, 36, f"Page {number} of {pages}", _SMALL)

    # --- moving on ---

    def _need(self, height: float) -> None:
        if self._y - height < _BOTTOM:
            self._next_page()

    def _next_page(self) -> None:
        self._canvas.showPage()
        self._y = _TOP

    def _ink(self, colour: Color) -> None:
        self._canvas.setFillColor(colour)

    def _rule(self, colour: Color) -> None:
        self._canvas.setStrokeColor(colour)
        self._canvas.setLineWidth(0.5)
        self._canvas.line(_LEFT, self._y, _RIGHT, self._y)


def _edges(table: Table, width: float) -> list[float]:
    """Where the columns begin, and where the last one ends."""
    whole = sum(column.share for column in table.columns)
    edges = [_LEFT]
    for column in table.columns:
        edges.append(edges[-1] + width * column.share / whole)
    return edges


def _placed(table: Table, edges: Sequence[float]) -> list[tuple[Any, tuple[float, float]]]:
    return [(column, (edges[index], edges[index + 1])) for index, column in enumerate(table.columns)]
