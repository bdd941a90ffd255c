"""Frames on how sensitive a student is to lambda, and to the sample of training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import Interval, columns_of
from inficond_panel.common.ordering import strongest
from inficond_panel.common.threads import one_thread
from inficond_panel.distill import Fit, Outcome, Stability, bootstrap_stability, metric_intervals
from inficond_panel.distill.refits import Cancelled, Progress, joint_stability
from inficond_panel.distill.sources import Array
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import chosen_on_tune
from inficond_panel.tuning import Node, Student, Tuner
from inficond_panel.tuning.fitting.class_fit import ClassFit, fit_each
from inficond_panel.tuning.fitting.recipe import start_from
from inficond_panel.tuning.fitting.terms import Terms
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.repairs.choosing import (
    choose,
    compared_by_ap,
    enough,
    logits_of_tune,
    to_choose_by,
)
from inficond_panel.tuning.repairs.cross_fit import logits_if
from inficond_panel.tuning.repairs.penalty import OwnPenalty, lambdas_tried
from inficond_panel.tuning.thumbs import box, known_name
from inficond_panel.vocabulary.confidence import few_draws, least_draws
from inficond_panel.vocabulary.metrics import AP, FIDELITY
from inficond_panel.vocabulary.splits import IMAGES_OF, TUNE

#: Metrics of a student shown for each lambda.
SENSITIVITY_METRICS = (AP.key, FIDELITY.key)


_PATH_HEADINGS = {
    "lambda": Heading("lambda", significant=3),
    **plain_headings("now", "auto", "concepts"),
    **plain_headings(**{AP.key: AP.word, FIDELITY.key: FIDELITY.word}),
}


@dataclass(frozen=True)
class AutoChoice:
    """Choice that ``lambda: auto`` would make by the labels of tune, and its reason.

    ``taken`` is the chosen lambda, ``best`` the lambda of highest merit, ``first`` the default;
    ``gain`` is the merit of ``best`` minus the merit of ``first``, and ``error`` its standard
    error. The merit is AP (``by_ap``), or the log likelihood of the labels in nats per photo
    (``repairs.choosing.merits``).
    """

    taken: float
    best: float
    first: float
    gain: float
    error: float
    by_ap: bool = True

    @property
    def sentence(self) -> str:
        """Sentence on the chosen lambda, and why it is not the lambda of highest merit."""
        taken = f"auto takes λ {self.taken:.3g}"
        gain, error = (
            f"{100 * value:.1f}" if self.by_ap else f"{value:.3f}"
            for value in (self.gain, self.error)
        )
        unit = "AP points" if self.by_ap else "nats per image"
        merit = "highest AP on tuning images" if self.by_ap else "likeliest labels of tuning images"
        if self.taken != self.first:
            return (
                f"{taken}: it gains {gain} {unit} on tuning images over λ {self.first:.3g}, with "
                f"a standard error of {error}."
            )
        if self.best == self.first:
            return f"{taken}, its starting value: it has the {merit}."
        return (
            f"{taken}, its starting value: λ {self.best:.3g} has the {merit}, but gains {gain} "
            f"{unit}, which is no more than its standard error of {error}."
        )


_NEAREST = (
    "λ now was chosen by `students.lambda: auto`, which uses no label: its student is the nearest "
    "to the teacher on tuning images. auto here is the repair, which compares AP by the labels."
)


def penalty_path(tuner: Tuner, node: Node, class_name: str, split: str = TUNE) -> pd.DataFrame:
    """Return metrics of a class's student refitted at several lambdas; one row per lambda.

    Other settings are those at ``node``. The lambdas are the ones that ``lambda: auto`` tries, and
    the present lambda (``now``). The column ``auto`` marks the lambda that the repair
    ``lambda: auto`` chooses by AP on tune (not ``students.lambda: auto``, which uses no label); the
    fact ``auto`` gives the reason (None if it cannot choose). ``concepts`` counts weights that are
    not 0; AP and fidelity are on the images of ``split``. The caller counts evaluations on the
    holdout. Raises ``TuningError`` for an unknown class.
    """
    class_name = known_name("class", class_name, tuner.store.classes)
    student = tuner.repairs.class_fit(node, class_name)
    evaluated = tuner.at(node, split)[class_name]
    here, noise = student.data.penalties.lambda_of(student.column), tuner.spec.views.noise()
    with one_thread():
        path = lambdas_tried(student, student.terms)
        values = sorted({*path, here})
        tried = [student.terms.having(OwnPenalty(value)) for value in values]
        fits = _fits(tuner, student, tried)
        at = [values.index(value) for value in path]
        auto = _auto(tuner, student, path, [tried[i] for i in at], [fits[i] for i in at])
        logits_of_fits = _logits(tuner, student, tried, fits, evaluated)
    rows = []
    for value, fit, logits in zip(values, fits, logits_of_fits, strict=True):
        cutoff = student.cutoff_of(fit, evaluated.scores, evaluated.cutoff)
        outcome = evaluated.outcome
        if value != here:
            given = evaluated.labels, logits, evaluated.teacher_decided, cutoff
            outcome = Outcome(*given, group=evaluated.groups)
        row = {
            "lambda": value,
            "now": value == here,
            "auto": auto is not None and value == auto.taken,
            "concepts": int(np.count_nonzero(fit.weights[:, 0])),
        }
        rows.append(row | columns_of(metric_intervals(outcome, SENSITIVITY_METRICS, **noise)))
    chose = chosen_on_tune(tuner, node, class_name) if split == TUNE else 0
    used = "The student was chosen by these images, or fitted to them: AP and fidelity are "
    used += "cross-fitted."
    return make_frame(
        rows,
        "lambda",
        _PATH_HEADINGS,
        title=f"{node_title(tuner, node)}, {class_name} on {IMAGES_OF[split]}",
        notes=[used] * (class_name in tuner.spent(node, split))
        + ([] if auto is None else [auto.sentence])
        + [_NEAREST]
        * (tuner.spec.students.penalty(class_name) is None and node.id == tuner.root_id),
        facts={
            "node": node.id,
            "class": class_name,
            "split": split,
            "chosen_on": chose,
            "auto": None if auto is None else {**asdict(auto), "sentence": auto.sentence},
        },
        level=noise["level"],
    )


def _fits(tuner: Tuner, student: ClassFit, tried: list[Terms]) -> list[Fit]:
    if tuner.joint:
        return [student.under(terms).base for terms in tried]
    fits = fit_each(student, tried)
    return [fits.at(np.array([index])) for index in range(len(tried))]


def _logits(
    tuner: Tuner, student: ClassFit, tried: list[Terms], fits: list[Fit], evaluated: Student
) -> Array:
    """Return logits ``(len(fits), n)`` of the evaluated images, cross-fitted if they are spent."""
    node, name = evaluated.node, student.name
    if name not in tuner.spent(node, evaluated.split):
        return student.logits_of_each(fits, evaluated.scores)
    own = [terms.get(OwnPenalty) for terms in tried]
    values = [None if each is None else each.value for each in own]
    return np.stack([logits_if(tuner, node, name, value) for value in values])


def _auto(
    tuner: Tuner, student: ClassFit, path: list[float], tried: list[Terms], fits: list[Fit]
) -> AutoChoice | None:
    """Return what ``lambda: auto`` chooses among ``path`` by terms and fits; None if it cannot."""
    evidence = to_choose_by(tuner.repairs.evidence(student), student.terms)
    if tuner.repairs.refused is not None or not enough(evidence):
        return None
    if student.terms.learns_tune:
        logits = logits_of_tune(evidence, tried)
    else:
        logits = student.logits_of_each(fits, evidence.tune_scores)
    by_ap = compared_by_ap(evidence)
    made = choose(evidence.tune_label, logits, evidence.tune_group, by_ap=by_ap)
    values = path[made.taken], path[made.best], path[0]
    return AutoChoice(*values, made.gain, made.error, by_ap)


#: Default number of bootstrap refits.
REFITS = 100
#: An influence holds if this share of the refits has its sign. ``views.confidence`` does not apply:
#: it is the level of the intervals.
HOLDS = 1 - 0.05
_STABILITY_HEADINGS = {
    "concept": Heading("concept"),
    "influence": Heading("influence", sign=True),
    "same_sign": Heading("same sign", 2),
    "selected": Heading("selected", 2),
    "rank": Heading("rank", 0),
    "words": Heading(""),
}


def stability(
    tuner: Tuner,
    class_name: str,
    *,
    node: Node | None = None,
    concepts: Sequence[str] | None = None,
    top: int = 5,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> pd.DataFrame:
    """Return a frame on how stable the influences of a class's student are over bootstrap refits.

    ``node`` None: the shown iteration. One row per concept of ``concepts``, or of the ``top`` by
    absolute influence: the influence, and over the refits its limits and ``median``, the shares of
    refits with the ``same_sign`` and with an influence other than 0 (``selected``), and its
    ``rank``. Limits are at ``views.confidence``. ``bounded`` marks a concept with a bound. Refits
    are on the split ``fit``, by the exact solver, with the node's bounds; there are ``draws``, or
    if None 100, or as many as the limits need at the spec's level. The same seed gives the same
    answer. Raises ``TuningError`` for unknown names and too few draws, ``CancelledError`` if
    cancelled.
    """
    store, node = tuner.store, node or tuner.head()
    class_name = known_name("class", class_name, store.classes)
    if concepts is not None:
        concepts = [known_name("concept", name, store.concepts) for name in concepts]
    k, level = store.classes.index(class_name), float(tuner.spec.views.confidence)
    if draws is None:
        draws = max(REFITS, least_draws(level))
    else:
        tuner.spec.views.check_draws(draws)
    chosen = [store.concepts[c] for c in strongest(node.weights[:, k])[:top]]
    drawn: dict[str, Any] = {"draws": draws, "seed": seed, "level": level, "progress": progress}
    refits = _refitted(tuner, node, k, cancelled=cancelled, **drawn)
    rows = [
        {
            **_row(name, store.concepts.index(name), refits),
            "bounded": (class_name, name) in node.bounds,
        }
        for name in (chosen if concepts is None else dict.fromkeys(concepts))
    ]
    notes = [few_draws(level, draws)]
    if tuner.spec.students.solver == "paper":
        notes.append("The refits use the exact solver; the student used the paper's recipe.")
    facts = {"node": node.id, "number": node.number, "class": class_name}
    return make_frame(
        rows,
        "concept",
        _STABILITY_HEADINGS,
        title=f"{node_title(tuner, node)}, {class_name}: {draws} random refits",
        notes=[note for note in notes if note],
        facts=facts | {"draws": draws, "seed": seed},
        level=level,
    )


def _refitted(tuner: Tuner, node: Node, k: int, **given: Any) -> Stability:
    """Return bootstrap refits of the student of class ``k``; a joint student refits all classes."""
    students, store, data = tuner.spec.students, tuner.store, tuner.data_at(node)
    if tuner.joint:
        lower, upper = box(node.bounds, store.classes, store.concepts)
        problem = data.joint_problem().within(lower, upper)
        exact = {"tolerance": students.tolerance, "group": data.images.groups}
        return joint_stability(problem, node.weights, k, **exact, **given)
    lower, upper = box(node.bounds, [store.classes[k]], store.concepts)
    exact = {"tolerance": students.tolerance} if students.solver == "exact" else {}
    problem = data.problem([k]).within(lower, upper)
    start = start_from(node, [k])
    return bootstrap_stability(problem, start, group=data.images.groups, **exact, **given)


def _row(name: str, c: int, refits: Stability) -> dict[str, Any]:
    low, high = float(refits.low[c]), float(refits.high[c])
    influence = Interval(float(refits.influence[c]), low, high)
    same_sign = float(refits.same_sign[c])
    words = f"{'stable' if same_sign >= HOLDS else 'not stable'} over other images"
    return {
        "concept": name,
        **influence.columns("influence"),
        "median": float(refits.median[c]),
        "same_sign": same_sign,
        "selected": float(refits.selected[c]),
        "rank": int(refits.rank[c]),
        "rank_low": int(refits.rank_low[c]),
        "rank_high": int(refits.rank_high[c]),
        "words": words if influence.estimate else "no influence",
    }
