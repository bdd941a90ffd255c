"""The group of concepts selected on the map, as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inficond_panel.common.numbers import signed

if TYPE_CHECKING:
    from inficond_panel.plots.concept_map import Shown
    from inficond_panel.state import AppState


def make_group(app: AppState, shown: Shown, places: np.ndarray) -> dict[str, Any]:
    """The group: ``count``, its concepts as ``rows``, and what its thumbs are.

    Strongest influence first; in the order of selection without a student. ``given`` is the
    direction that all of the group have in the batch; ``thumbs`` is whether one can be given,
    ``locked`` why none can on this split.
    ``places`` ``(C, 2)`` are all concepts' places as shares of the plot; of the group's that are
    on screen ``from`` and ``to`` are the leftmost and the rightmost.
    """
    group = list(app.selection.concepts)
    position = {name: c for c, name in enumerate(app.store.concepts)}
    if shown.influence is not None:
        place = {c: at for at, c in enumerate(shown.order)}
        group.sort(key=lambda name: place[position[name]])
    across = places[[position[name] for name in group], 0]
    across = across[(across >= 0) & (across <= 1)]
    directions = {shown.pending.get(position[name], "") for name in group}
    return {
        "count": len(group),
        "rows": [_row(name, position[name], shown) for name in group],
        "from": float(across.min(initial=1)),
        "to": float(across.max(initial=0)),
        "given": directions.pop() if len(directions) == 1 else "",
        "thumbs": shown.influence is not None and not (app.tuning.busy or app.tuning.locked),
        "locked": app.tuning.locked,
    }


def _row(name: str, concept: int, shown: Shown) -> dict[str, str]:
    weight = None if shown.influence is None else float(shown.influence[concept])
    return {
        "concept": name,
        "influence": signed(weight),
        "direction": shown.pending.get(concept, ""),
        "opened": "yes" if concept == shown.opened else "",
    }
