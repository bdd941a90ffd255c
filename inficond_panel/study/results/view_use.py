"""Use of the views in each task: minutes in each, and acts there."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from inficond_panel.study.results.timeline import progress_of
from inficond_panel.study.run.progress import Progress, when
from inficond_panel.study.run.study import Study
from inficond_panel.study.run.study_events import Event


@dataclass(frozen=True)
class ViewUse:
    """Use of one view by one participant in one task: up to when it was done, or left.

    ``minutes`` from a visit of the view to that of another, without breaks and without the time in
    which the page was hidden; ``acts`` are the events in the view but for visits.
    """

    participant: str
    task: str
    condition: str
    view: str
    minutes: float
    acts: int


def view_use(study: Study) -> Iterator[ViewUse]:
    """Yield the use of each view that was visited, in the tasks that were begun."""
    for who in study.log.participants():
        progress = progress_of(study, who)
        for name in study.ready:
            if progress.first(name, "start"):
                minutes, acts = use_in(progress, name)
                for view in sorted({*minutes, *acts}):
                    use = minutes[view], acts[view]
                    yield ViewUse(who.label, name, who.condition(name), view, *use)


def use_in(progress: Progress, task: str) -> tuple[dict[str, float], Counter[str]]:
    """Minutes and acts by view in one task of a participant; "" is no view."""
    start = progress.first(task, "start")
    end = progress.first(task, "done") or progress.first(task, "leave")
    minutes: dict[str, float] = defaultdict(float)
    acts: Counter[str] = Counter()
    if start is None:
        return minutes, acts
    until = end.time if end else progress.events[-1].time
    view, since = "", start.time
    for event in progress.events:
        inside = event.step == task or event.action == "open"
        if not inside or not start.time <= event.time <= until:
            continue
        if event.view and event.action not in {"visit", "set"}:
            acts[event.view] += 1
        following = _view_after(event, view)
        if following != view or event.action == "open":
            minutes[view] += _minutes(since, _gone(event))
            view, since = following, event.time
    minutes[view] += _minutes(since, until)
    minutes.pop("", None)
    return minutes, acts


def _view_after(event: Event, view: str) -> str:
    """View that is used after an event; none while the page is hidden or was just opened."""
    if event.action in {"away", "open"}:
        return ""
    return event.view or view


def _gone(event: Event) -> str:
    """Time up to which the page before an event was there."""
    return str(event.payload.get("seen") or event.time) if event.action == "open" else event.time


def _minutes(since: str, until: str) -> float:
    return max(0.0, (when(until) - when(since)).total_seconds() / 60)
