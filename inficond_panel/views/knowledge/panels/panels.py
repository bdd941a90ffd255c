"""Panels of one student: what the data say against it, its metrics, what the refit did."""

from __future__ import annotations

from pathlib import Path

import param

from inficond_panel.state import SLICE_METRICS
from inficond_panel.ui import browser
from inficond_panel.views.knowledge.parts import StudentPart
from inficond_panel.vocabulary.metrics import AP


class StudentPanels(StudentPart):
    """Panels that open, the sentence that stands for them, and photos that are asked about."""

    cures = param.List(default=[], item_type=dict, doc="Pending cures of all classes.")
    summary = param.Dict(default={}, doc="As ``make_summary`` gives it.")
    asking = param.Dict(default={"offer": ""}, doc="As ``make_asking`` gives it.")

    teacher = param.List(
        default=[], item_type=str, doc="That the teacher does not know the class, and advice."
    )
    shift = param.Dict(default={}, doc="As ``make_shift`` gives it; empty: not known yet.")
    shiftless = param.String(default="", doc="Why it does not come.")
    terms = param.List(default=[], item_type=str, doc="What earlier cures made, in sentences.")
    mended = param.Boolean(default=False, doc="Whether suspects and cures are open.")
    path = param.Dict(default={}, doc="As ``make_path`` gives it; empty: not known yet.")

    line = param.List(default=[], item_type=dict, doc="As ``make_line`` gives it.")
    measures = param.Dict(default=None, allow_None=True, doc="As ``make_measures``.")
    measured = param.Boolean(default=False, doc="Whether the metrics are open.")
    slice_by = param.String(default="", doc="Column that slices are made by; empty: none.")
    slice_metric: param.Selector[str] = param.Selector(default=AP.key, objects=SLICE_METRICS)
    slices = param.Dict(default=None, allow_None=True, doc="As ``make_slices`` gives it.")
    threshold = param.Dict(default={}, doc="The one in force, and as ``make_threshold`` gives it.")

    refit: param.Integer[int | None] = param.Integer(
        default=None, allow_None=True, doc="Number of the iteration that made the student."
    )
    report = param.Dict(default=None, allow_None=True, doc="As ``make_report``; None: not there.")
    explained = param.Boolean(default=False, doc="Whether the report is open.")

    _taken = frozenset({"explained", "measured", "mended", "slice_by", "slice_metric"})
    _esm = browser.module(Path(__file__).with_name("panels.js"))
    _stylesheets = browser.styles(Path(__file__).with_name("panels.css"))
