"""Values of the pinned iteration in each class, beside the students in view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inficond_panel.common.numbers import defined
from inficond_panel.vocabulary.metrics import METRICS, SHARES
from inficond_panel.wording.metric_change import change_text, make_change

if TYPE_CHECKING:
    from inficond_panel.analysis.snapshot import Snapshot
    from inficond_panel.distill import Interval
    from inficond_panel.state.pinned import Pinned


def make_pinned(snapshot: Snapshot, pinned: Pinned | None) -> dict[str, Any]:
    """Metrics of the pinned students, and by how much those in view are above them.

    ``values`` are ``[pinned, in view − pinned]`` by class and metric, shares of 1, None where
    undefined; none on a holdout that nobody looked at. Empty where nothing stands beside.
    """
    if pinned is None:
        return {}
    then = pinned.metrics or {}
    return {
        "number": pinned.number,
        "values": {
            name: {key: _pair(getattr(then[name], key), getattr(now, key)) for key in SHARES}
            for name, now in snapshot.metrics.items()
            if name in then
        },
    }


def _pair(then: float, now: float) -> list[float | None]:
    return [defined(then), defined(now - then)]


def make_against(pinned: Pinned, metric: str, found: Interval | None) -> list[list[str]]:
    """Line of a class's card: the change against the pinned student; none until it is known."""
    told = change_text(make_change(found, unit=METRICS[metric].unit)) if found else ""
    return [[f"{METRICS[metric].name} against {pinned.number}", told]] if told else []
