"""Results of a study: time, gain and AP on the holdout of each participant in each task.

Participants never see the holdout. A student is measured on the holdout once, after its task is
finished: the result is stored with the study, so that a second report measures no student again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np

from inficond_panel.common import clock
from inficond_panel.distill import ClassMetrics
from inficond_panel.study.results.timeline import own_events, progress_of
from inficond_panel.study.run.progress import StudyProgress
from inficond_panel.study.run.records import Participant
from inficond_panel.study.run.study import Study
from inficond_panel.study.run.tasks import SPLIT, ConceptSet
from inficond_panel.tuning import History
from inficond_panel.vocabulary.splits import HOLDOUT

_MOVES = {"fine-tune", "jump", "undo", "redo"}
#: Settings that sort lists.
_SORTS = {"sort", "descending", "concept_sort"}


@dataclass(frozen=True)
class TaskResult:
    """Result of one participant in one task when the goal was reached, the time was up, or the task
    was left, whichever came first.

    ``minutes`` are without breaks; ``iterations`` counts fine-tunes; ``thumbs`` is the mean number
    of intents per fine-tune; ``ap_start``, ``ap_end`` and ``teacher_ap`` are AP of the task's class
    on tune. ``place`` is the position of the task in the participant's order, from 1 (0: training);
    ``outcome`` is done, time, left, or "" while the task has no end: then all that is counted or
    measured until the end is nan. ``holdout_start`` and ``holdout_end`` are AP on the holdout, nan
    until a report has measured them (``holdout``). ``sorts`` counts how often lists were sorted,
    ``typed`` the typed concepts; ``node`` is the id of the last student. ``goal`` says whether the
    task has one; without it done is what the participant said.
    """

    participant: str
    task: str
    condition: str
    place: int
    outcome: str
    minutes: float
    iterations: float
    thumbs: float
    undos: float
    ap_start: float
    ap_end: float
    teacher_ap: float
    node: str = ""
    sorts: float = 0
    typed: float = 0
    goal: bool = True
    holdout_start: float = np.nan
    holdout_end: float = np.nan

    @property
    def reached(self) -> float:
        """1 if the goal was reached, else 0, also as long as the task has no end; nan for a task
        without a goal."""
        return float(self.outcome == "done") if self.goal else np.nan

    @property
    def minutes_reached(self) -> float:
        """``minutes`` if the goal was reached; else nan."""
        return self.minutes if self.reached == 1 else np.nan

    @property
    def gain(self) -> float:
        """Change in AP on tune since the start of the task, in points (1 point is 0.01 AP)."""
        return 100 * (self.ap_end - self.ap_start)

    @property
    def holdout_gain(self) -> float:
        """Change in AP on the holdout since the start of the task, in points; nan if unmeasured."""
        return 100 * (self.holdout_end - self.holdout_start)


def results(study: Study) -> list[TaskResult]:
    """Return the results of all tasks that any participant has begun."""
    return [
        _result(study, participant, progress, task)
        for participant in study.log.participants()
        for progress in [progress_of(study, participant)]
        for task in study.ready
        if progress.first(task, "start") and study.begun(participant, task)
    ]


def _result(
    study: Study, participant: Participant, progress: StudyProgress, task: str
) -> TaskResult:
    """Return the result of a participant in a begun task, from its history and events."""
    ready, end = study.ready_for(participant, task), progress.ended(task)
    every = study.concept_sets(participant, task, progress.of(task))
    sets = [one for one in every if one.since <= end] if end else every
    counts = _counts(study, participant, progress, task, sets) if end else _WITHOUT_END
    nodes = [ready.start.id, *filter(None, [counts["node"]])]
    start, *last = metrics_of(study, participant, task, nodes, SPLIT, sets)
    order = [item.task for item in participant.plan]
    return TaskResult(
        participant=participant.label,
        task=task,
        condition=participant.condition(task),
        place=order.index(task) + 1 if task in order else 0,
        outcome=progress.outcome(task),
        ap_start=start.ap,
        ap_end=last[0].ap if last else np.nan,
        teacher_ap=start.teacher_ap,
        goal=not ready.task.ends_by_word,
        **counts,
    )


#: ``_counts`` of a task without an end.
_WITHOUT_END: Mapping[str, Any] = {
    "node": "",
    **dict.fromkeys(("minutes", "iterations", "thumbs", "undos", "sorts", "typed"), np.nan),
}


def _counts(
    study: Study,
    participant: Participant,
    progress: StudyProgress,
    task: str,
    sets: Sequence[ConceptSet],
) -> dict[str, Any]:
    """Return what a ``TaskResult`` has of the time until the task's end, and its last ``node``;
    ``sets`` are the concept sets of this time."""
    last_event, end = progress.end(task), progress.ended(task)
    done = last_event if last_event and last_event.action == "done" else None
    with closing(History(study.history(participant, task))) as history:
        events = [event for event in own_events(history, sets) if event.created <= end]
        tuned = [
            node
            for event in events
            if event.kind == "fine-tune" and (node := history.get(event.node))
        ]
    moves = [(event.created, event.node) for event in events if event.kind in _MOVES]
    shown = max([*((one.since, one.node) for one in sets), *moves], key=itemgetter(0))
    seconds = progress.seconds(task, end)
    return {
        "node": done.payload["node"] if done else shown[1],
        "minutes": np.nan if seconds is None else seconds / 60,
        "iterations": len(tuned),
        "thumbs": float(np.mean([len(node.intents) for node in tuned])) if tuned else np.nan,
        "undos": sum(event.kind == "undo" for event in events),
        "sorts": sum(
            event.action == "set" and bool(_SORTS & event.payload.keys()) and event.time <= end
            for event in progress.of(task)
        ),
        "typed": len(sets[-1].typed),
    }


def metrics_of(
    study: Study,
    participant: Participant,
    task: str,
    nodes: Sequence[str],
    split: str,
    sets: Iterable[ConceptSet],
) -> list[ClassMetrics]:
    """Return the metrics of the task's class for each of ``nodes`` (ids), on ``split``; ``sets``
    are the participant's concept sets, of which each node has one.

    Raises ``TuningError`` for a node that does not exist.
    """
    name, by_set = study.ready_for(participant, task).class_name, {}
    for concepts in sets:
        tuner = study.tuner(participant, task, concepts)
        with closing(tuner.history) as history:
            for node in nodes:
                kept = history.get(node)
                if kept is None or kept.root == tuner.root_id:
                    by_set[node] = tuner.at(tuner.node(node), split)[name].metrics
    return [by_set[node] for node in nodes]


def with_holdout(
    study: Study, results: Sequence[TaskResult], *, look: bool = True
) -> list[TaskResult]:
    """Return ``results`` with AP on the holdout for every finished task.

    Students that no report has measured are measured now; without ``look`` their AP stays nan.
    Results of a participant who is deleted meanwhile are left out.
    """

    def present() -> set[str]:
        return {who.label for who in study.log.participants()}

    known, made = study.holdout(), []
    for result in results:
        key = f"{result.participant}/{result.task}"
        missing = result.outcome and key not in known
        if look and missing and result.participant in present():
            known[key] = _measure(study, result)
            study.keep_holdout(key, known[key])
        seen = known.get(key) if result.outcome else None
        ends = {f"holdout_{at}": seen[at] for at in ("start", "end")} if seen else {}
        made.append(replace(result, **ends))
    remaining = present()
    return [result for result in made if result.participant in remaining]


def unmeasured(study: Study, results: Iterable[TaskResult]) -> int:
    """Return the number of finished tasks, without the training, whose students no report has
    measured on the holdout."""
    known = study.holdout()
    finished = (one for one in results if one.outcome and one.place)
    return sum(f"{one.participant}/{one.task}" not in known for one in finished)


def looks_of(study: Study) -> list[str]:
    """Return the times of the measurements on the holdout by reports so far, ascending."""
    return sorted(one["time"] for one in study.holdout().values())


def _measure(study: Study, result: TaskResult) -> dict[str, Any]:
    """Return the AP on the holdout of a task's start node and last student, with the time."""
    who = study.log.participant(int(result.participant[1:]))
    nodes = study.ready_for(who, result.task).start.id, result.node
    sets = study.concept_sets(who, result.task)
    start, end = (one.ap for one in metrics_of(study, who, result.task, nodes, HOLDOUT, sets))
    return {"time": clock.now(), "node": result.node, "start": float(start), "end": float(end)}
