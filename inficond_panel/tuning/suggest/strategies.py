"""``suggest``: a strategy carried out on a parent, as a suggestion with gain and reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.blas_threads import one_thread
from inficond_panel.common.near_words import unknown
from inficond_panel.errors import TuningError
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.suggest.baselines import Chosen, at_random, greedy
from inficond_panel.tuning.suggest.crossfit import Crossfitted, conclusion, crossfit, largest_gains
from inficond_panel.tuning.suggest.repair import repaired
from inficond_panel.tuning.suggest.search import Pick
from inficond_panel.tuning.suggest.suggestion import (
    CROSS_FITTED,
    MEASURED,
    OPTIMISTIC,
    Change,
    ClassSuggestion,
    Gain,
    Suggestion,
    around,
    change,
    mean_change,
)
from inficond_panel.tuning.suggest.task import LEARNED, LEAST_PHOTOS, Task
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.directions import DOWN, REMOVE, UP
from inficond_panel.vocabulary.splits import TUNE

#: Strategies, the default first.
STRATEGIES = ("repair", "crossfit", "greedy", "random")
_UNLABELLED = (
    f"No class has {LEAST_PHOTOS} photos of tune that are labelled as showing it and "
    f"{LEAST_PHOTOS} that are not, which every strategy needs: nothing is proposed. Label photos "
    "of tune, or tune by thumbs."
)


def suggest(
    tuner: Tuner,
    parent: Node | None = None,
    *,
    strategy: str = "repair",
    classes: Sequence[str] | None = None,
    budget: int = 5,
    seed: int = 0,
    rows: NDArray[np.intp] | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Suggestion:
    """Repairs or thumbs that a strategy proposes from ``parent`` (the original students), at most
    ``budget`` thumbs per class, as one batch. Nothing is stored.

    It sees the labels of the split ``tune``, or of the images at ``rows`` alone, and ``crossfit``
    those of ``fit`` as well; never those of ``holdout``. The same seed gives the same suggestion.
    Raises ``TuningError`` for an unknown strategy or class, a budget below 1, or a repair of
    students that take no cures; ``SolverError``; ``CancelledError``.
    """
    if strategy not in STRATEGIES:
        raise TuningError(*unknown("strategy", strategy, STRATEGIES))
    if strategy == "repair" and tuner.cures.refused is not None:
        raise _refused(tuner.cures.refused)
    if budget < 1:
        raise TuningError(f"The budget is {budget} thumbs a class.", "Give 1 or more.")
    with one_thread():
        seen = tuner.store.rows(TUNE) if rows is None else np.sort(np.asarray(rows))
        node = tuner.root() if parent is None else tuner.node(parent.id)
        thumbs = strategy != "repair"
        task = Task(tuner, node, seen, classes, budget, seed, progress, cancelled, thumbs=thumbs)
        task.tell(0.0, f"{strategy} on {len(task.columns)} classes")
        match strategy:
            case _ if not task.columns:
                suggestion = task.suggested(
                    strategy, mean_change([]).gain(), MEASURED, _nothing(task), {}
                )
            case "crossfit":
                suggestion = _crossfitted(task)
            case "repair":
                suggestion = repaired(task)
            case _:
                suggestion = _baseline(task, strategy)
        task.tell(1.0, f"{len(suggestion.intents)} intents")
    return suggestion


def _nothing(task: Task) -> str:
    """Sentence on why no class can be measured."""
    if LEARNED in task.skipped.values():
        return "Thumbs cannot be measured on students that were fitted to photos of tune."
    return _UNLABELLED


def _refused(error: TuningError) -> TuningError:
    """The reason why students take no cures, with the strategy that needs none."""
    return TuningError(
        error.message, f"Take the strategy crossfit: it gives thumbs. {error.remedy}"
    )


def carry_out(
    tuner: Tuner,
    suggestion: Suggestion,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Node | None:
    """Refit by a suggestion and record it as the machine's; None where it has no intents.

    Author and note say whose it is. A node that somebody made before by the same intents stays
    theirs. The head does not move.
    """
    if not suggestion.intents:
        return None
    node = tuner.fine_tune(
        tuner.node(suggestion.parent),
        suggestion.intents,
        progress=progress,
        cancelled=cancelled,
        author=suggestion.author,
    )
    if node.author == suggestion.author and not node.note:
        tuner.set_note(node.id, _note(suggestion), suggestion.author)
    return tuner.node(node.id)


def _note(suggestion: Suggestion) -> str:
    """Note that lists of iterations show beside the node: a machine made it, and no person."""
    expected = f"expected gain {suggestion.gain} AP points, {suggestion.measured}"
    return f"By a machine ({suggestion.strategy}, seed {suggestion.seed}): {expected}."


def _baseline(task: Task, strategy: str) -> Suggestion:
    changes: dict[int, Change] = {}
    by_class: dict[str, ClassSuggestion] = {}
    for place, k in enumerate(task.columns):
        task.tell(place / len(task.columns), f"{strategy} on {task.name(k)}")
        chosen = greedy(task, k, task.rows) if strategy == "greedy" else at_random(task, k)
        changes[k] = _change(task, k, chosen)
        if chosen:
            by_class[task.name(k)] = _by_baseline(
                task, k, chosen, changes[k].gain(task.level), strategy
            )
    kept = task.together(by_class)
    for k in task.columns:
        if task.name(k) in by_class.keys() - kept.keys():
            changes[k] = _change(task, k, {})
    mean = mean_change(list(changes.values()))
    optimistic = strategy == "greedy"
    summary = (
        f"The best gains in AP on these {len(task.rows)} photos, by the labels of the same photos: "
        "on others expect less, or a loss."
        if optimistic
        else "Drawn by chance, as a baseline; no label was looked at to choose."
    )
    measured = OPTIMISTIC if optimistic else MEASURED
    return task.suggested(strategy, mean.gain(task.level), measured, summary, kept)


def _change(task: Task, k: int, chosen: Chosen) -> Change:
    trial, before = task.trial(k), task.logit(k)
    after = trial.logits(trial.refit(chosen), task.rows) if chosen else before
    return change(task.label(k), before, after)


def _by_baseline(task: Task, k: int, chosen: Chosen, gain: Gain, strategy: str) -> ClassSuggestion:
    trial = task.trial(k)
    intents = tuple(trial.intent(c, thumb) for c, thumb in chosen.items())
    reason = "drawn by chance" if strategy == "random" else "best gain in AP, given those before it"
    return ClassSuggestion(
        intents, gain, tuple(f"{intent.concept}: {reason}" for intent in intents)
    )


def _crossfitted(task: Task) -> Suggestion:
    outcome = crossfit(task)
    found = {
        task.name(k): _by_crossfit(task, k, picks, _gain(task, outcome, k))
        for k, picks in outcome.picks.items()
    }
    kept, tried = task.together(found), largest_gains(outcome, task.level)
    taken = [k for k in outcome.picks if task.name(k) in kept]
    gain = _expected(task, outcome, taken)
    return task.suggested("crossfit", gain, CROSS_FITTED, conclusion(outcome), kept, tried=tried)


def _expected(task: Task, outcome: Crossfitted, taken: Sequence[int]) -> Gain:
    """Of the mean AP over the scope: the shrunk gains of the classes that are proposed."""
    if outcome.passed is None or not taken:
        return Gain(0.0, 0.0, 0.0, level=task.level)
    estimate = sum(outcome.shrunk[k].estimate for k in taken)
    changes = mean_change([outcome.passed.changes[k] for k in taken])
    share = len(taken) / len(task.columns)
    return around(estimate / len(task.columns), share * changes.error, task.level)


def _gain(task: Task, outcome: Crossfitted, k: int) -> Gain:
    """Shrunk gain of a class, with the noise of the photos: that of its cross-fitted gain."""
    assert outcome.passed is not None
    return around(outcome.shrunk[k].estimate, outcome.passed.changes[k].error, task.level)


def _by_crossfit(task: Task, k: int, picks: Sequence[Pick], gain: Gain) -> ClassSuggestion:
    trial = task.trial(k)
    intents = tuple(trial.intent(pick.concept, pick.thumb) for pick in picks)
    reasons = tuple(
        _reason(intent.concept, intent.direction, pick)
        for intent, pick in zip(intents, picks, strict=True)
    )
    return ClassSuggestion(intents, gain, reasons)


_FAULTS = {UP.key: "counts too little", DOWN.key: "counts too much", REMOVE.key: "misleads"}


def _reason(concept: str, direction: str, pick: Pick) -> str:
    what = _FAULTS[direction]
    if pick.tune is None:
        return f"{concept} {what}: most AP gained on tune, given those before it"
    text = f"{concept} {what}: the labels of tune say so at {pick.tune:.1f} standard errors"
    if pick.fit is None:
        return text
    side = "those of fit" if pick.fit >= 0 else "those of fit the contrary"
    return f"{text}, {side} at {abs(pick.fit):.1f}"
