"""Table of a student's knowledge: the component that the browser draws, and a still picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import param
from panel.custom import Child

from inficond_panel.common.numbers import count, number, signed
from inficond_panel.results.patches import PATCHES_OF
from inficond_panel.state import CHANGE_METRICS, SLICE_METRICS, TOPS, Status
from inficond_panel.state.tuning import TuningState
from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent
from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.vocabulary.metrics import AP, METRICS
from inficond_panel.vocabulary.palette import INFLUENCE, INFLUENCE_SOFT, INK_2, LINE, SELECTION
from inficond_panel.vocabulary.sorts import CONCEPT_SORTS, WEIGHT

if TYPE_CHECKING:
    from inficond_panel.state import AppState


_FACTOR = TuningState.param["factor"]


def make_status(status: Status, change: dict[str, Any] | None, others: str = "") -> dict[str, Any]:
    """Line below the blocks. When a refit is done it tells ``change``, or that it was of others."""
    fields = ("kind", "text", "progress", "remedy")
    told = change if status.kind == "done" else None
    return {
        **{field: getattr(status, field) for field in fields},
        "change": told,
        "others": others,
    }


class KnowledgeTable(ViewComponent):
    """The whole view. The browser's messages are ``{"action": ...}``, see ``ui/actions.py``."""

    student = param.String(default="", doc="Class whose student is shown; empty: none.")
    overview = Child(doc="Shown in the place of the view while no class is selected.")
    rows = param.List(default=[], item_type=dict, doc="As ``make_concept_rows`` gives them.")
    find = param.String(
        default="",
        regex=r"(?s).{0,200}$",
        doc="Part of a concept's name; empty: the rows are listed.",
    )
    found = param.List(default=[], item_type=dict, doc="Rows of the concepts found.")
    sought = param.String(default="", doc="The search that ``found`` answers.")
    patchless = param.String(default="", doc="Why no row has patches; empty: they have.")
    patches_of: param.Selector[str] = param.Selector(
        default=PATCHES_OF[0], objects=list(PATCHES_OF), doc="Segments that the patches are."
    )
    influential = param.Integer(default=0, doc="Number of concepts with influence.")
    concepts = param.Integer(default=0, doc="Number of all concepts.")
    near = param.List(
        default=[], item_type=str, doc="Concepts near the part of a long list that is in view."
    )
    concept = param.String(default="", doc="Concept opened in the detail view.")
    top: param.Selector[int] = param.Selector(
        default=10, objects=list(TOPS), doc="Number of concepts listed; 0: all."
    )
    tops = param.List(default=list(TOPS), doc="Numbers to choose from.")
    sort: param.Selector[str] = param.Selector(default=WEIGHT.key, objects=list(CONCEPT_SORTS))

    confidence = param.String(default="", doc="Level of the intervals, in words; empty: none.")
    effects = param.Dict(default={}, doc="What-if curves by concept; those not there yet come.")
    metric: param.Selector[str] = param.Selector(
        default=AP.key, objects=CHANGE_METRICS, doc="Metric of the what-if."
    )
    metrics = param.List(
        default=[[key, METRICS[key].name] for key in CHANGE_METRICS],
        doc="Ids and names to choose from.",
    )

    pending = param.List(default=[], item_type=dict, doc="The batch, of all classes.")
    held = param.List(default=[], item_type=dict, doc="As ``make_held`` gives it.")
    touched = param.List(default=[], item_type=dict, doc="As ``make_touched`` gives it.")
    cures = param.List(default=[], item_type=dict, doc="Pending cures of all classes.")
    ghosts = param.Dict(default={}, doc="Influence that the batch would give, by concept.")
    pinned = param.Dict(default={}, doc="As ``make_pinned`` gives it; empty: nothing is pinned.")
    summary = param.Dict(default={}, doc="As ``make_summary`` gives it.")
    status = param.Dict(default=make_status(Status(), None))
    locked = param.String(default="", doc="Why nothing can be tuned now; empty: it can.")
    factor = param.Number(
        default=2.0, bounds=_FACTOR.bounds, inclusive_bounds=_FACTOR.inclusive_bounds
    )
    factors = param.List(default=[], doc="Factors to choose from.")
    group = param.Dict(default=None, allow_None=True, doc="As ``make_group_offer`` gives it.")
    notices = param.List(default=[], item_type=str, doc="What the rules decided, in sentences.")

    refit: param.Integer[int | None] = param.Integer(
        default=None, allow_None=True, doc="Number of the iteration that made the student."
    )
    report = param.Dict(default=None, allow_None=True, doc="As ``make_report``; None: not there.")
    explained = param.Boolean(default=False, doc="Whether the report is open.")

    line = param.List(default=[], item_type=dict, doc="As ``make_line`` gives it.")
    measures = param.Dict(default=None, allow_None=True, doc="As ``make_measures``.")
    measured = param.Boolean(default=False, doc="Whether the metrics are open.")
    columns = param.List(default=[], item_type=str, doc="Metadata that slices can be made by.")
    slice_by = param.String(default="", doc="Column that slices are made by; empty: none.")
    slice_metric: param.Selector[str] = param.Selector(default=AP.key, objects=SLICE_METRICS)
    slice_metrics = param.List(
        default=[[key, METRICS[key].name] for key in SLICE_METRICS],
        doc="Ids and names to choose from.",
    )
    slices = param.Dict(default=None, allow_None=True, doc="As ``make_slices`` gives it.")

    threshold = param.Dict(default={}, doc="The one in force, and as ``make_threshold`` gives it.")

    suspecting = param.Boolean(default=True, doc="Whether suspects and cures are shown.")
    cureless = param.String(default="", doc="Why these students take no cures; empty: they do.")
    penalised = param.Boolean(default=True, doc="Whether a value of lambda is taken.")
    suggests = param.Boolean(default=True, doc="Whether a machine's suggestions are offered.")
    teacher = param.List(
        default=[], item_type=str, doc="That the teacher does not know the class, and advice."
    )
    shift = param.Dict(default={}, doc="As ``make_shift`` gives it; empty: not known yet.")
    shiftless = param.String(default="", doc="Why it does not come.")
    marks = param.Dict(default={}, doc="Rank as a suspect, by concept.")
    terms = param.List(default=[], item_type=str, doc="What earlier cures made, in sentences.")
    mended = param.Boolean(default=False, doc="Whether suspects and cures are open.")
    path = param.List(default=[], item_type=dict, doc="As ``make_path`` gives it.")
    auto = param.String(default="", doc="Which lambda auto takes alone, and why.")
    asking = param.Dict(default={"offer": ""}, doc="As ``make_asking`` gives it.")
    suggesting = param.Dict(default={}, doc="As ``make_suggesting`` gives it.")

    stability = param.Dict(default={}, doc="As ``make_stability`` gives it, by concept.")
    typing = param.Dict(default={}, doc="As ``make_typing`` gives it.")

    _taken = frozenset(
        {
            "explained",
            "factor",
            "find",
            "measured",
            "mended",
            "metric",
            "near",
            "patches_of",
            "slice_by",
            "slice_metric",
            "sort",
            "top",
        }
    )
    _esm = browser.module(Path(__file__).with_name("knowledge.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("knowledge.css"))


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
