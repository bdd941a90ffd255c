"""Results of participants: time, iterations and gain of each task, and means over people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from inficond_panel.distill import ClassMetrics
from inficond_panel.study.results.timeline import own_events, progress_of
from inficond_panel.study.run.concept_sets import ConceptSet
from inficond_panel.study.run.done_rules import SPLIT
from inficond_panel.study.run.people import Participant
from inficond_panel.study.run.progress import Progress
from inficond_panel.study.run.study import Study
from inficond_panel.tuning import History
from inficond_panel.vocabulary.confidence import CONFIDENCE

#: Draws and level of the intervals of a study. They do not follow ``views.confidence``: the tasks
#: of one study may have several specs, and its analysis is planned before anybody takes part.
DRAWS, LEVEL = 2000, CONFIDENCE
_MOVES = {"fine-tune", "jump", "undo", "redo"}


@dataclass(frozen=True)
class Result:
    """One participant in one task, at the moment when it was done, or when it was left.

    ``minutes`` without breaks; ``iterations`` counts fine-tunes; ``thumbs`` is their mean number of
    intents; ``ap_start``, ``ap_end`` and ``teacher_ap`` are AP of the task's class on tune.
    ``place`` is the position in the participant's order, from 1 (0: the training); ``outcome`` is
    done, time, left, or empty while it is not over. ``holdout_start`` and ``holdout_end`` are AP on
    the holdout, nan until a report has measured it (``holdout``). ``typed`` counts the concepts
    that were typed, and ``node`` is the id of the last student, over these.
    """

    participant: str
    task: str
    condition: str
    place: int
    outcome: str
    minutes: float
    iterations: int
    thumbs: float
    undos: int
    ap_start: float
    ap_end: float
    teacher_ap: float
    node: str = ""
    typed: int = 0
    holdout_start: float = np.nan
    holdout_end: float = np.nan

    @property
    def gain(self) -> float:
        """Change in AP on tune from the start, in points (1 is 0.01 AP)."""
        return 100 * (self.ap_end - self.ap_start)

    @property
    def holdout_gain(self) -> float:
        """Change in AP on the holdout from the start, in points; nan before it is measured."""
        return 100 * (self.holdout_end - self.holdout_start)


@dataclass(frozen=True)
class Spread:
    """Mean, standard deviation (n - 1) and bootstrap interval of the mean at ``LEVEL``, over
    people."""

    n: int
    mean: float
    sd: float
    low: float
    high: float

    @property
    def columns(self) -> dict[str, float]:
        """Values of the columns of a table."""
        limits = {"mean_low": self.low, "mean_high": self.high}
        return {"n": self.n, "mean": self.mean, "sd": self.sd, **limits}


@dataclass(frozen=True)
class Summary:
    """One task under one condition (empty: nothing is varied) over its participants.

    ``typed`` counts the concepts that they typed, all together.
    """

    task: str
    condition: str
    people: int
    done: int
    minutes: Spread
    iterations: Spread
    gain: Spread
    holdout_gain: Spread
    typed: int


def results(study: Study) -> list[Result]:
    """Every task that a participant has begun."""
    return [
        result
        for participant in study.log.participants()
        for result in results_of(study, participant, progress_of(study, participant))
    ]


def results_of(study: Study, participant: Participant, progress: Progress) -> list[Result]:
    """The tasks that one participant has begun."""
    order = {item.task: (place, item.condition) for place, item in enumerate(participant.plan, 1)}
    found = []
    for name in study.ready:
        if progress.first(name, "start") and study.begun(participant, name):
            place, condition = order.get(name, (0, participant.condition()))
            achieved = _achieved(study, participant, progress, name)
            found.append(
                Result(participant.label, name, condition=condition, place=place, **achieved)
            )
    return found


def _achieved(
    study: Study, participant: Participant, progress: Progress, task: str
) -> dict[str, Any]:
    """Results of one task, from its history and its events."""
    ready = study.ready_for(participant, task)
    done, left = progress.first(task, "done"), progress.first(task, "leave")
    own = progress.of(task)
    end = (done or left or own[-1]).time
    sets = [one for one in study.concept_sets(participant, task, own) if one.since <= end]
    with closing(History(study.history(participant, task))) as history:
        events = [event for event in own_events(history, sets) if event.created <= end]
        tuned = [
            node
            for event in events
            if event.kind == "fine-tune" and (node := history.get(event.node))
        ]
    moves = [(event.created, event.node) for event in events if event.kind in _MOVES]
    shown = max([*((one.since, one.node) for one in sets), *moves], key=itemgetter(0))
    last = done.payload["node"] if done else shown[1]
    before, after = metrics_of(study, participant, task, (ready.start.id, last), SPLIT, sets)
    seconds = progress.seconds(task, end)
    return {
        "outcome": "done" if done else progress.outcome(task),
        "minutes": np.nan if seconds is None else seconds / 60,
        "iterations": len(tuned),
        "thumbs": float(np.mean([len(node.intents) for node in tuned])) if tuned else np.nan,
        "undos": sum(event.kind == "undo" for event in events),
        "ap_start": before.ap,
        "ap_end": after.ap,
        "teacher_ap": after.teacher_ap,
        "node": last,
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
    """Metrics of the task's class at iterations, each over the one of ``sets`` that it is of.

    Raises ``TuningError`` for one that is not there.
    """
    name, found = study.ready_for(participant, task).class_name, {}
    for concepts in sets:
        tuner = study.tuner(participant, task, concepts)
        with closing(tuner.history) as history:
            for node in nodes:
                kept = history.get(node)
                if kept is None or kept.root == tuner.root_id:
                    found[node] = tuner.metrics(tuner.node(node), split)[name]
    return [found[node] for node in nodes]


def spread(values: Sequence[float], seed: int = 0) -> Spread:
    """Spread of one figure over people; undefined values are left out, nan where none is left.

    The interval is the bias-corrected and accelerated one (Efron 1987), of ``DRAWS`` resamples of
    the people. With fewer than three different values it is not defined, and nan.
    """
    known = np.array([value for value in values if np.isfinite(value)], dtype=float)
    if not len(known):
        return Spread(0, np.nan, np.nan, np.nan, np.nan)
    sd = float(known.std(ddof=1)) if len(known) > 1 else np.nan
    low = high = np.nan
    if len(known) > 2 and np.ptp(known) > 0:
        from scipy.stats import bootstrap  # noqa: PLC0415 - slow to load, seldom used

        found = bootstrap(
            (known,),
            np.mean,
            n_resamples=DRAWS,
            confidence_level=LEVEL,
            method="BCa",
            random_state=np.random.default_rng(seed),
        )
        low, high = (float(limit) for limit in found.confidence_interval)
    return Spread(len(known), float(known.mean()), sd, low, high)


def summaries(found: Iterable[Result], order: Sequence[str]) -> list[Summary]:
    """Means by task and condition, of tasks that are over; tasks in the given order."""
    over = [result for result in found if result.outcome]
    keys = sorted({(result.task, result.condition) for result in over}, key=_by(order))
    return [_summary([r for r in over if (r.task, r.condition) == key]) for key in keys]


def _by(order: Sequence[str]) -> Callable[[tuple[str, str]], tuple[int, str]]:
    return lambda key: (order.index(key[0]), key[1])


def _summary(group: Sequence[Result]) -> Summary:
    return Summary(
        task=group[0].task,
        condition=group[0].condition,
        people=len(group),
        done=sum(result.outcome == "done" for result in group),
        minutes=spread([result.minutes for result in group]),
        iterations=spread([result.iterations for result in group]),
        gain=spread([result.gain for result in group]),
        holdout_gain=spread([result.holdout_gain for result in group]),
        typed=sum(result.typed for result in group),
    )
