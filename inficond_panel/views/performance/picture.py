"""Still picture of the students' performance: two bars a class in the four fills."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inficond_panel.common.numbers import count, number
from inficond_panel.plots.performance_bars import FILLS, SIDES
from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.palette import INK_2, SELECTION

MOST = 30  #: classes, the widest gap first
_ROW, _HEAD = 24, 34
_NAME, _BARS, _NUMBER = 120, 250, 60
_WIDTH = 12 + _NAME + _BARS + 2 * _NUMBER


def draw_picture(
    rows: Sequence[Mapping[str, Any]], sort: str, selected: str, descending: bool = True
) -> Drawing:
    """Rows of ``make_performance_rows``, the first ``MOST`` in the order of the table."""
    known = [row for row in rows if row[sort] is not None]
    known.sort(key=lambda row: row[sort], reverse=descending)
    known += [row for row in rows if row[sort] is None]
    drawing = Drawing(_WIDTH, _HEAD + _ROW * (min(len(known), MOST) + (len(known) > MOST)) + 6)
    heads = ("class", 12), ("positives above, negatives below", 12 + _NAME)
    for words, x in (*heads, ("AP", _x(0)), ("teacher", _x(1))):
        drawing.text((x, 20), words, INK_2, 11)
    for at, row in enumerate(known[:MOST]):
        _draw(drawing, _HEAD + at * _ROW, row, row["name"] == selected)
    if len(known) > MOST:
        words = f"{count(len(known) - MOST)} more classes"
        drawing.text((12, _HEAD + MOST * _ROW + 16), words, INK_2)
    return drawing


def _x(column: int) -> float:
    return 20 + _NAME + _BARS + column * _NUMBER


def _draw(drawing: Drawing, top: float, row: Mapping[str, Any], selected: bool) -> None:
    if selected:
        drawing.box((4, top), (_WIDTH - 8, _ROW), SELECTION.light)
    drawing.text((12, top + 16), row["name"], room=_NAME, bold=selected)
    for line, side in enumerate(SIDES):
        images = row[side]
        x, whole = 12.0 + _NAME, max(sum(images), 1)
        for fill, part in zip(FILLS, images, strict=True):
            wide = (_BARS - 8) * part / whole
            if part:
                place, size = (x, top + 3 + 10 * line), (max(wide - 1, 1), 8)
                drawing.box(place, size, fill.ground.light, fill.stripes.light)
            x += wide
    drawing.text((_x(0), top + 16), number(row[AP.key]))
    drawing.text((_x(1), top + 16), number(row["teacher"][AP.key]))
