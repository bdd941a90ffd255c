"""How the views are set, beside what is selected: sorts, filters, projection, tab."""

from __future__ import annotations

import param

from inficond_panel.state.rows import SORTS

CLASS_SORTS = ["gap", "ap", "recall", "precision", "f1", "accuracy", "fidelity"]
FILTERS = ["positive", "negative", "right", "wrong"]


class Settings(param.Parameterized):
    """Settings of the views of one session, which set and watch them."""

    sort: param.Selector[str] = param.Selector(
        default="gap", objects=CLASS_SORTS, doc="What the classes are sorted by."
    )
    descending = param.Boolean(True, doc="Largest value first.")
    concept_sort: param.Selector[str] = param.Selector(
        default="weight", objects=list(SORTS), doc="What the concepts of a class are sorted by."
    )
    filters = param.ListSelector([], objects=FILTERS, doc="Which images the gallery shows.")
    projection = param.String("", doc="Map of the concepts; empty: the store's first.")
    tab = param.String("detail", doc="View in front where views share a place as tabs.")
