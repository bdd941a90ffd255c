"""Settings of the views, beside the selection: sorts, filters, metrics, projection, tab."""

from __future__ import annotations

import param

from inficond_panel.results.gallery import ASSIGNED, FILTERS
from inficond_panel.results.patches import PATCHES_OF
from inficond_panel.spec.sections.page import TOPS
from inficond_panel.vocabulary.metrics import AP, ERRORS, SHARES
from inficond_panel.vocabulary.sorts import CLASS_SORTS, CONCEPT_SORTS, WEIGHT

#: Metrics whose change a view shows, one at a time; fidelity beside accuracy.
CHANGE_METRICS = list(SHARES)
#: Metrics that slices are compared by.
SLICE_METRICS = [*CHANGE_METRICS, *ERRORS]


class Settings(param.Parameterized):
    """Settings of the views of one session, which set and watch them."""

    show: param.Selector[str] = param.Selector(
        default="full", objects=["full", "simple"], doc="Amount that the views show."
    )
    sort: param.Selector[str] = param.Selector(
        default="gap", objects=list(CLASS_SORTS), doc="What the classes are sorted by."
    )
    descending = param.Boolean(True, doc="Largest value first.")
    confused = param.Boolean(False, doc="Whether confusions stand in the place of the classes.")
    scope: param.Selector[str] = param.Selector(
        default="class", objects=["class", "all"], doc="Metrics of one class, or means over all."
    )
    concept_sort: param.Selector[str] = param.Selector(
        default=WEIGHT.key,
        objects=list(CONCEPT_SORTS),
        doc="What the concepts of a class are sorted by.",
    )
    top: param.Selector[int] = param.Selector(
        default=10, objects=list(TOPS), doc="Number of concepts listed; 0: all that have a rank."
    )
    effect: param.Selector[str] = param.Selector(
        default=AP.key, objects=CHANGE_METRICS, doc="Metric of the what-if of the concepts listed."
    )
    patches_of: param.Selector[str] = param.Selector(
        default=PATCHES_OF[0],
        objects=list(PATCHES_OF),
        doc="Patches of a concept: segments nearest to its text, or those assigned to it.",
    )
    measured = param.Boolean(False, doc="Whether all metrics of the student are open.")
    slice_by = param.String("", doc="Metadata that slices are made by; empty: none.")
    slice_metric: param.Selector[str] = param.Selector(
        default=AP.key, objects=SLICE_METRICS, doc="Metric that slices are compared by."
    )
    mended = param.Boolean(False, doc="Whether suspects and cures of the student are open.")
    explained = param.Boolean(False, doc="Whether the report on the refit is open.")
    what_if: param.Selector[str] = param.Selector(
        default="exact", objects=["exact", "refit"], doc="Other influences held, or re-optimised."
    )
    filters = param.ListSelector(
        [ASSIGNED], objects=list(FILTERS), doc="Which images the gallery shows; empty: all."
    )
    history_metric: param.Selector[str] = param.Selector(
        default=AP.key, objects=CHANGE_METRICS, doc="Metric whose changes the iterations show."
    )
    projection = param.String("", doc="Map of the concepts; empty: the store's first.")
    tab = param.String("detail", doc="View in front where views share a place as tabs.")
