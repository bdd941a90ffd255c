"""Values of a study that are valid and probably a mistake, as warnings for the researcher."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from inficond_panel.spec import Spec
from inficond_panel.study.run.shown_views import page_spec
from inficond_panel.study.run.tasks import Ready, allowed
from inficond_panel.study.spec.conditions import Level
from inficond_panel.study.spec.study_spec import StudySpec

#: Most minutes of a time limit, or without an open page, that nobody is asked about.
LONG = 240


def plan_warnings(study: StudySpec, ready: Mapping[str, Ready]) -> Iterator[str]:
    """Yield a sentence per time that is longer than ``LONG`` minutes, and per pair of conditions
    that show people the same; ``ready`` has the prepared tasks by name."""
    times = {f"{study.key_of(task)}.time_limit": task.time_limit for task in study.all_tasks}
    times["participants.gone_after"] = study.participants.gone_after
    for key, minutes in times.items():
        if minutes and minutes > LONG:
            yield f"{key} is in minutes: is {minutes:g} ({minutes / 60:.3g} hours) right?"
    tasks = [ready[task.name_] for task in study.tasks]
    for first, second in combinations(study.levels, 2):
        if all(_shown(task, first) == _shown(task, second) for task in tasks):
            yield f"conditions: {first.name_} and {second.name_} are the same but for the name"


def _shown(ready: Ready, level: Level) -> tuple[Spec, bool, bool]:
    """Return what a task shows under a condition, and whether concepts can be typed and images
    answered."""
    spec = level.spec.over(ready.spec) if level.spec else ready.spec
    may_type, may_ask = (allowed(ready.task, level, key) for key in ("may_type", "may_ask"))
    return page_spec(spec, ready.task, level), may_type, may_ask
