"""Still picture of a student's knowledge: its concepts with their influences and bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inficond_panel.common.numbers import count, number, signed
from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.palette import INFLUENCE, INFLUENCE_SOFT, INK_2, LINE, SELECTION

MOST = 20  #: concepts, the first rows of the list
_ROW, _HEAD, _WIDTH = 24, 52, 500
_NAME, _ZERO, _BAR = 170, 300, 100


def draw_picture(
    student: str, rows: Sequence[Mapping[str, Any]], summary: Mapping[str, Any], concept: str = ""
) -> Drawing:
    """Rows of ``make_concept_rows`` for the student of a class; ``concept`` is the one opened."""
    shown = rows[:MOST]
    drawing = Drawing(_WIDTH, _HEAD + _ROW * (len(shown) + (len(rows) > MOST)) + 8)
    own, teacher = (number(summary.get(key)) for key in (AP.key, "teacher_ap"))
    drawing.text((12, 22), student, size=14, bold=True)
    drawing.text((12, 42), f"AP {own}, teacher {teacher}", INK_2)
    drawing.line([(_ZERO, _HEAD), (_ZERO, _HEAD + _ROW * len(shown))])
    reach = max((abs(row["influence"]) for row in shown), default=0) or 1.0
    for at, row in enumerate(shown):
        top, wide = _HEAD + at * _ROW, _BAR * row["influence"] / reach
        if row["concept"] == concept:
            drawing.box((4, top), (_WIDTH - 8, _ROW), SELECTION.light)
        drawing.text((12, top + 16), row["concept"], room=_NAME)
        colour = INFLUENCE if wide > 0 else INFLUENCE_SOFT
        left = min(_ZERO, _ZERO + wide)
        drawing.box((left, top + 6), (abs(wide), 12), colour.light, INFLUENCE.light)
        words = f"{signed(row['influence'], 2)} {row['held']}".strip()
        drawing.text((_ZERO + _BAR + 8, top + 16), words, room=90)
    if len(rows) > MOST:
        words = f"{count(len(rows) - MOST)} more concepts"
        drawing.text((12, _HEAD + MOST * _ROW + 16), words, INK_2)
    drawing.line([(12, _HEAD - 4), (_WIDTH - 12, _HEAD - 4)], LINE)
    return drawing
