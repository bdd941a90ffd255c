"""Thumbs that a baseline proposes for the original students, with the gain that it states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.tuning import Intent, Tuner
from inficond_panel.tuning.suggest.gain import mean_change
from suggest_parts.baselines import Chosen, at_random, greedy
from suggest_parts.crossfit import Crossfitted, conclusion, crossfit
from suggest_parts.gains import change
from suggest_parts.task import Task


@dataclass(frozen=True)
class Thumbs:
    """Thumbs of one batch; ``stated`` is the mean gain in AP, 0 to 1, that the baseline expects."""

    intents: tuple[Intent, ...]
    stated: float
    summary: str

    @property
    def classes(self) -> set[str]:
        """Classes that get a thumb."""
        return {intent.class_name for intent in self.intents}


def suggest_thumbs(
    tuner: Tuner,
    baseline: str,
    names: Sequence[str],
    rows: NDArray[np.intp],
    *,
    budget: int = 5,
    seed: int = 0,
) -> Thumbs:
    """At most ``budget`` thumbs per class of ``names``, by the labels of the photos at ``rows``;
    ``crossfit`` sees those of ``fit`` as well."""
    return BASELINES[baseline](Task(tuner, rows, names, budget, seed))


def _greedy(task: Task) -> Thumbs:
    chosen = {k: greedy(task, k, task.rows) for k in task.columns}
    return _stated(task, chosen, "Stated on the photos that chose, so too high.")


def _random(task: Task) -> Thumbs:
    return _stated(task, {k: at_random(task, k) for k in task.columns}, "Drawn by chance.")


def _stated(task: Task, chosen: dict[int, Chosen], summary: str) -> Thumbs:
    changes = []
    for k, thumbs in chosen.items():
        trial, before = task.trial(k), task.logit(k)
        after = trial.logits(trial.refit(thumbs), task.rows) if thumbs else before
        changes.append(change(task.label(k), before, after))
    return Thumbs(_intents(task, chosen), mean_change(changes).estimate, summary)


def _crossfit(task: Task) -> Thumbs:
    found = crossfit(task)
    chosen = {k: {pick.concept: pick.thumb for pick in picks} for k, picks in found.picks.items()}
    return Thumbs(_intents(task, chosen), _shrunk(found, len(task.columns)), conclusion(found))


def _shrunk(found: Crossfitted, classes: int) -> float:
    """Gain of the mean AP over all classes: the shrunk gains of those that are proposed."""
    return sum(each.estimate for k, each in found.shrunk.items() if k in found.picks) / classes


def _intents(task: Task, chosen: dict[int, Chosen]) -> tuple[Intent, ...]:
    return tuple(
        task.trial(k).intent(concept, thumb)
        for k, thumbs in chosen.items()
        for concept, thumb in thumbs.items()
    )


BASELINES: dict[str, Callable[[Task], Thumbs]] = {
    "crossfit": _crossfit,
    "greedy": _greedy,
    "random": _random,
}
