"""Table of a student's knowledge: the component that the browser draws, and a still picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import param
from panel.custom import Child, Children

from inficond_panel.common.numbers import count, number, signed
from inficond_panel.results.patches import PATCHES_OF
from inficond_panel.state import CHANGE_METRICS, TOPS
from inficond_panel.ui import browser
from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.views.knowledge.parts import StudentPart
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.palette import INFLUENCE, INFLUENCE_SOFT, INK_2, LINE, SELECTION
from inficond_panel.vocabulary.sorts import CONCEPT_SORTS, WEIGHT

if TYPE_CHECKING:
    from inficond_panel.state import AppState


class KnowledgeTable(StudentPart):
    """The view with its head and the rows of concepts; it holds the other parts."""

    overview = Child(doc="Shown in the place of the view while no class is selected.")
    parts = Children(doc="The top bar, and the panels below it.")
    rows = param.List(default=[], item_type=dict, doc="As ``make_concept_rows`` gives them.")
    find = param.String(
        default="",
        regex=r"(?s).{0,200}$",
        doc="Part of a concept's name; empty: the rows are listed.",
    )
    found = param.List(default=[], item_type=dict, doc="Rows of the concepts found.")
    sought = param.String(default="", doc="The search that ``found`` answers.")
    patches_of: param.Selector[str] = param.Selector(
        default=PATCHES_OF[0], objects=list(PATCHES_OF), doc="Segments that the patches are."
    )
    influential = param.Integer(default=0, doc="Number of concepts with influence.")
    near = param.List(
        default=[], item_type=str, doc="Concepts near the part of a long list that is in view."
    )
    concept = param.String(default="", doc="Concept opened in the detail view.")
    top: param.Selector[int] = param.Selector(
        default=10, objects=list(TOPS), doc="Number of concepts listed; 0: all."
    )
    sort: param.Selector[str] = param.Selector(default=WEIGHT.key, objects=list(CONCEPT_SORTS))
    effects = param.Dict(default={}, doc="What-if curves by concept; those not there yet come.")
    metric: param.Selector[str] = param.Selector(
        default=AP.key, objects=CHANGE_METRICS, doc="Metric of the what-if."
    )
    ghosts = param.Dict(default={}, doc="Influence that the batch would give, by concept.")
    pinned = param.Dict(default={}, doc="As ``make_pinned`` gives it; empty: nothing is pinned.")
    shift = param.Dict(default={}, doc="As ``make_shift`` gives it; empty: not known yet.")
    stability = param.Dict(default={}, doc="As ``make_stability`` gives it, by concept.")
    typing = param.Dict(default={}, doc="As ``make_typing`` gives it.")

    _taken = frozenset({"find", "metric", "near", "patches_of", "sort", "top"})
    _esm = browser.module(Path(__file__).with_name("table.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("table.css"))


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


def make_typing(app: AppState) -> dict[str, Any]:
    """Content of the dialog: encoder and prompts, the typed concepts, the progress."""
    state, store = app.concepts, app.store
    status = state.status
    prompts = store.attrs.get("prompts", [])
    return {
        "encoder": store.attrs["encoder"],
        "prompt": prompts[0] if prompts else "{}",
        "prompts": len(prompts),
        "typed": state.typed,
        "missing": state.missing,
        "kind": status.kind,
        "text": status.text,
        "progress": status.progress,
        "remedy": status.remedy,
        "carried": state.carried,
        "others": state.others,
        "busy": state.busy,
    }
