"""Student knowledge as the browser draws it: one component, whose parameters are plain data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import param
from panel.custom import Child

from inficond_panel.analysis.concept_rows import SORTS
from inficond_panel.analysis.images.patches import PATCHES_OF
from inficond_panel.state import CHANGE_METRICS, SLICE_METRICS, TOPS, Status
from inficond_panel.state.tuning import TuningState
from inficond_panel.ui import browser
from inficond_panel.ui.component import ViewComponent
from inficond_panel.vocabulary.metrics import AP, METRICS

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
    """The whole view. Actions come back as messages with a ``type``; see ``knowledge.js``."""

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
    sort: param.Selector[str] = param.Selector(default=SORTS[0], objects=list(SORTS))

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
    shift = param.Dict(default={}, doc="As ``make_shift`` gives it; empty: not known yet.")
    shiftless = param.String(default="", doc="Why it does not come.")
    marks = param.Dict(default={}, doc="Rank as a suspect, by concept.")
    terms = param.List(default=[], item_type=str, doc="What earlier cures made, in sentences.")
    mended = param.Boolean(default=False, doc="Whether suspects and cures are open.")
    path = param.List(default=[], item_type=dict, doc="As ``make_path`` gives it.")
    auto = param.String(default="", doc="Which lambda auto takes alone, and why.")
    photos = param.List(default=[], item_type=dict, doc="As ``make_photos`` gives it.")
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
