"""Still picture of all students: influences as colours, a row a concept and a column a class."""

from __future__ import annotations

from inficond_panel.common.numbers import count
from inficond_panel.plots.concept_matrix import Cells
from inficond_panel.plots.influence_colours import STEPS, make_colours
from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.vocabulary.palette import INK, INK_2, LINE

ROWS, COLUMNS = 24, 40  #: most concepts and classes, the first of the order shown
_NAME, _ROW, _HEAD, _WIDTH, _RIGHT = 150, 18, 84, 500, 36


def draw_picture(cells: Cells) -> Drawing:
    """The first cells of the matrix, in the colours of the page; those marked have an outline."""
    shown = cells.influence[:ROWS, :COLUMNS]
    high, wide = shown.shape
    step = (_WIDTH - _NAME - _RIGHT) / max(wide, 1)
    drawing = Drawing(_WIDTH, _HEAD + _ROW * high + 10)
    drawing.text((12, 20), "All students", size=14, bold=True)
    drawing.text((12, 40), f"{high} of {count(len(cells.concepts))} concepts", INK_2, room=_NAME)
    for at, name in enumerate(cells.classes[:wide]):
        drawing.turned((_NAME + (at + 0.7) * step, _HEAD - 6), name, room=70)
    colours, marked = make_colours(dark=False), set(cells.places(cells.marked))
    for row in range(high):
        top = _HEAD + row * _ROW
        drawing.text((12, top + 13), cells.concepts[row], size=11, room=_NAME - 14)
        drawing.line([(_NAME, top + _ROW), (_WIDTH - _RIGHT, top + _ROW)], LINE)
        for column in range(wide):
            value = shown[row, column]
            if not value and (row, column) not in marked:
                continue
            depth = min(int((value / cells.reach + 1) * STEPS), 2 * STEPS - 1)
            outline = INK.light if (row, column) in marked else "none"
            place, size = (_NAME + column * step, top + 1), (step - 1, _ROW - 2)
            drawing.box(place, size, colours[depth] if value else "none", outline)
    return drawing
