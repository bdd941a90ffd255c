"""Students of one class over lambda: AP with its interval, fidelity, and the concepts left.

With them what ``lambda: auto`` would take there, which need not be the one of highest AP."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from inficond_panel.common.interval import columns_of
from inficond_panel.common.threads import one_thread
from inficond_panel.distill import Fit, Outcome, metric_intervals
from inficond_panel.distill.scores import Array
from inficond_panel.results.cross_fitted import chosen_on_tune
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.tuning.cures.resolution import (
    choose,
    enough,
    judging,
    lambdas_tried,
    logits_of_tune,
)
from inficond_panel.tuning.fitting.class_fit import (
    ClassFit,
    fit_each,
    learns_from_tune,
    unseen_logits,
)
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.student import Student
from inficond_panel.tuning.thumbs import check_name
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import AP, FIDELITY
from inficond_panel.vocabulary.splits import TUNE

#: Metrics of a student that lambda is judged by.
MEASURED = (AP.key, FIDELITY.key)


_HEADINGS = {
    "lambda": Heading("lambda", significant=3),
    "now": Heading("now"),
    "auto": Heading("auto"),
    "concepts": Heading("concepts"),
    AP.key: Heading(AP.word),
    FIDELITY.key: Heading(FIDELITY.word),
}


@dataclass(frozen=True)
class AutoChoice:
    """What ``lambda: auto`` would take alone, and why, by the labels of tune.

    ``best`` is the lambda of highest AP, ``first`` the one to stay with; ``gain`` the AP of the
    best less that of the first, and ``error`` its standard error.
    """

    taken: float
    best: float
    first: float
    gain: float
    error: float

    @property
    def sentence(self) -> str:
        """Sentence on the lambda that is taken, and why it is not the one of highest AP."""
        taken = f"auto takes λ {self.taken:.3g}"
        gain, error = (f"{100 * value:.1f}" for value in (self.gain, self.error))
        if self.taken != self.first:
            return (
                f"{taken}: it gains {gain} AP points on tune over λ {self.first:.3g}, with a "
                f"standard error of {error}."
            )
        if self.best == self.first:
            return f"{taken}, the first that it tries: none has a higher AP on tune."
        return (
            f"{taken}, the first that it tries: λ {self.best:.3g} has the highest AP on tune, but "
            f"gains {gain} points, which is no more than its standard error of {error}."
        )


def penalty_path(tuner: Tuner, node: Node, class_name: str, split: str = TUNE) -> pd.DataFrame:
    """Students of a class at ``node`` over lambda, other terms and bounds in force; one row each.

    The values are those that ``lambda: auto`` tries, and the one in force, ``now``; ``auto`` is the
    one that it would take, and the fact ``auto`` says why (None where it cannot choose).
    ``concepts`` counts weights that are not 0; AP and fidelity are of the images of a split. Looks
    at the holdout are the caller's to count. Raises ``TuningError`` for a class that is not there.
    """
    check_name("class", class_name, tuner.store.classes)
    student, evaluated = tuner.cures.class_fit(node, class_name), tuner.at(node, split)[class_name]
    here, noise = student.data.lambda_of(student.k), tuner.spec.views.noise()
    with one_thread():
        path = lambdas_tried(student, student.terms)
        values = sorted({*path, here})
        fits = _fits(tuner, student, values)
        auto = _auto(tuner, student, path, [fits[values.index(value)] for value in path])
        logits_of_fits = _logits(student, values, fits, evaluated)
    rows = []
    for value, fit, logits in zip(values, fits, logits_of_fits, strict=True):
        cutoff = student.cutoff_of(fit, evaluated.scores, evaluated.cutoff)
        outcome = Outcome(evaluated.labels, logits, evaluated.teacher_decided, cutoff)
        row = {
            "lambda": value,
            "now": value == here,
            "auto": auto is not None and value == auto.taken,
            "concepts": int(np.count_nonzero(fit.weights[:, 0])),
        }
        rows.append(row | columns_of(metric_intervals(outcome, MEASURED, **noise)))
    chose = chosen_on_tune(tuner, node, class_name) if split == TUNE else 0
    notes = (
        ["These images chose settings of the student: expect less on new ones."] if chose else []
    )
    return make_frame(
        rows,
        "lambda",
        _HEADINGS,
        title=f"{node_title(tuner, node)}, {class_name} on the split {split}",
        notes=notes + ([] if auto is None else [auto.sentence]),
        facts={
            "node": node.id,
            "class": class_name,
            "split": split,
            "chosen_on": chose,
            "auto": None if auto is None else {**asdict(auto), "sentence": auto.sentence},
        },
        level=noise["level"],
    )


def _fits(tuner: Tuner, student: ClassFit, values: list[float]) -> list[Fit]:
    tried = _tried(student, values)
    if tuner.joint:
        return [student.under(terms).base for terms in tried]
    fits = fit_each(student, tried, student.lower, student.upper)
    return [fits.at(np.array([index])) for index in range(len(values))]


def _tried(student: ClassFit, values: list[float]) -> list[Terms]:
    return [replace(student.terms, penalty=value) for value in values]


def _logits(student: ClassFit, values: list[float], fits: list[Fit], evaluated: Student) -> Array:
    """Logits ``(len(fits), n)`` of the images of ``own``, by students that did not learn them."""
    if evaluated.split == TUNE and learns_from_tune(student.terms, student.store):
        return unseen_logits(student, _tried(student, values))
    return student.logits_of_each(fits, evaluated.scores)


def _auto(tuner: Tuner, student: ClassFit, path: list[float], fits: list[Fit]) -> AutoChoice | None:
    """The choice among the students ``fits`` of the values of ``path``, as the cure makes it."""
    judged = judging(tuner.cures.photos(student), student.terms)
    if tuner.cures.refused is not None or not enough(judged):
        return None
    if any(each.of_tune for each in student.terms.learned):
        tried = _tried(student, path)
        logits = logits_of_tune(judged, tried, student.lower, student.upper)
    else:
        logits = student.logits_of_each(fits, judged.tune_scores)
    made = choose(judged.tune_label, logits)
    return AutoChoice(path[made.taken], path[made.best], path[0], made.gain, made.error)
