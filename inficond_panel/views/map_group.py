"""The group of concepts selected on the map, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inficond_panel.views.theme import signed

if TYPE_CHECKING:
    from inficond_panel.state import AppState
    from inficond_panel.views.concept_map import Shown


def make_group(app: AppState, shown: Shown) -> dict[str, Any]:
    """The group: ``count``, its concepts as ``rows``, and what its thumbs are.

    Strongest influence first; in the order of selection without a student. ``given`` is the
    direction that all of the group have in the batch; ``thumbs`` is whether one can be given.
    """
    group = list(app.selection.concepts)
    position = {name: c for c, name in enumerate(app.store.concepts)}
    if shown.influence is not None:
        place = {c: at for at, c in enumerate(shown.order)}
        group.sort(key=lambda name: place[position[name]])
    directions = {shown.pending.get(position[name], "") for name in group}
    return {
        "count": len(group),
        "rows": [_row(name, position[name], shown) for name in group],
        "given": directions.pop() if len(directions) == 1 else "",
        "thumbs": shown.influence is not None and not app.tuning.busy,
    }


def _row(name: str, concept: int, shown: Shown) -> dict[str, str]:
    weight = None if shown.influence is None else float(shown.influence[concept])
    return {
        "concept": name,
        "influence": "0" if weight == 0 else signed(weight),
        "direction": shown.pending.get(concept, ""),
        "opened": "yes" if concept == shown.opened else "",
    }
