"""Shift of a class between fit and tune: verdict, suspect concepts, and baselines of AP."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from inficond_panel.common.interval import Interval
from inficond_panel.concepts.own_words import class_words, near_words, own_word
from inficond_panel.distill import Outcome, TeacherSkill, metric_intervals, teacher_skill
from inficond_panel.distill.suspects import (
    CLEAR,
    LARGE_LOSS,
    SHIFT,
    UNCERTAIN,
    UNKNOWN,
    Presence,
    Suspicion,
    Verdict,
    presence,
)
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.repairs.labelled import Labelled, measured_by_labels
from inficond_panel.tuning.repairs.repair_terms import RepairTerms
from inficond_panel.tuning.through_classes import of_its_own
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Least loss of correlation, in standard errors, of a suspect, if the class has a shift.
PLAUSIBLE = 2.0
#: Least score of a further suspect, as a share of the first suspect's score.
LEAST_SHARE = 0.2
#: Least partial correlation of suspects that are grouped.
ALIKE = 0.5
#: Difference of shares below which a suspect's loss is modest.
MODEST = 0.2
#: Standard errors of a reliance below which a concept without influence is unused.
_UNUSED = 3.0
#: Difference of the shares of the positives from which they tell what a suspect lost.
_TELLING = 0.05
#: Largest number of suspects per class, and of members per group.
MOST, MOST_ALIKE, MOST_CARRIERS = 10, 8, 3


@dataclass(frozen=True)
class Suspect:
    """A concept that the student relies on and that correlates less with the class on ``tune``.

    ``score`` (suspect score) and ``lost`` (lost separation in logits) are defined in
    ``distill.suspects``; ``q`` is the false discovery rate, ``weight`` the influence. ``fit`` and
    ``tune`` are the mean score of positives less the mean of negatives, in standard deviations of
    the score on ``fit``. ``group`` are suspects with the same meaning, ``presence`` the shares of
    photos that show the concept. If the concept names another class of the store, ``labelled``,
    then z, q, reliance and shares come from the labels of that class, or the teacher's decisions
    (``by_teacher``); so do they if it names a value of a column of metadata (``by_column``).
    ``removed``: the concept is held at 0, and correlated concepts carry the labelled thing.
    ``carried_by`` are the concepts by which the student relies on it most (``_carriers``).
    ``teacher_reliance`` is the partial correlation of the teacher's log-odds with it, as the
    student's reliance. ``high``: it is a number (``Store.numeric``), which is high in a row or not.
    ``unused``: it has no influence, and the student's logit hardly goes with it (``_UNUSED``).
    """

    concept: str
    score: float
    z: float
    q: float
    reliance: float
    weight: float
    lost: float
    fit: float
    tune: float
    group: tuple[str, ...]
    presence: Presence
    labelled: str = ""
    by_teacher: bool = False
    by_column: bool = False
    removed: bool = False
    carried_by: tuple[str, ...] = ()
    teacher_reliance: float = 0.0
    high: bool = False
    unused: bool = False

    @property
    def uncertain(self) -> bool:
        """Whether so large a loss is likely among as many concepts by chance, or the student may
        not rely on the concept."""
        return self.q > UNCERTAIN or self.unused

    @property
    def in_shares(self) -> bool:
        """Whether the shares of the positives have a part in the loss: they are by labels, as z is,
        or differ in its direction by more than a standard error. Means of scores may differ
        alone."""
        return bool(self.labelled) or np.sign(self.reliance) * self.presence.fall > 1

    @property
    def told_by_shares(self) -> bool:
        """Whether the shares of the positives tell the loss: by labels, or by ``_TELLING``."""
        fit, tune = self.presence.fit[0], self.presence.tune[0]
        return bool(self.labelled) or (self.in_shares and abs(fit - tune) >= _TELLING)


@dataclass(frozen=True)
class TeacherMemory:
    """Verdicts where the student is worse on ``tune``, perhaps since its teacher knows the labels
    of ``fit``: the teacher too is worse on ``tune``, or on ``fit`` it is worse than the student.

    If the teacher was trained on ``fit``, its outputs there contain the labels, and the student is
    better there by as much of them as it can imitate. Then its fall is no evidence of a shift. If
    the teacher was cross-fitted, its output on a photo does not contain the photo's label, but its
    outputs on the other photos do: a student that is fitted to the others learns it from them.

    ``teacher`` is the verdict on the teacher, ``labels`` on a model of the labels of ``fit``, each
    photo evaluated by a model that was not fitted to it. If the class goes with a context in
    ``fit`` only, that model falls too. ``student_ap`` is the student's AP on ``fit``.
    """

    teacher: Verdict
    labels: Verdict
    student_ap: float

    @property
    def trained(self) -> bool:
        """True if the teacher's AP falls clearly more than that of the model of the labels."""
        return bool(self.teacher.ap_lost.low > max(self.labels.ap_lost.estimate, 0.0))

    @property
    def by_far(self) -> bool:
        """True if the teacher's AP falls by ``LARGE_LOSS`` more than that of the model of the
        labels, at the lower limit."""
        return bool(self.teacher.ap_lost.low > max(self.labels.ap_lost.estimate, 0.0) + LARGE_LOSS)

    @property
    def ap(self) -> tuple[float, float]:
        """AP of the teacher on ``fit``, as if the class were as frequent there, and on ``tune``."""
        return self.teacher.ap, self.teacher.ap - self.teacher.ap_lost.estimate


@dataclass(frozen=True)
class ClassShift:
    """Shift of one class: ``kind`` is ``shift``, ``none`` or ``unknown``.

    ``lacking`` states which photos are missing. It is a shift if the ``verdict`` is one, or if the
    student relies on a concept that clearly correlates less with the class on ``tune``: photos of
    ``fit`` may be too similar to show its cost. ``lost_bond``: there is such a concept, perhaps a
    removed one, which is no shift by its scores; ``clear`` are those that are one: what was not
    removed, and things known by labels, on which correlated concepts let the student rely still.
    ``belonging`` are suspects of which a person said that they belong to the class.
    ``tune_photos`` and ``fit_photos`` are numbers of positives and negatives. ``by_teacher``:
    ``fit`` has no labels, and the teacher's decisions replace them. ``decided``: ``tune`` has none,
    they replace all labels, and AP is agreement with the teacher. ``teacher`` is the teacher's AP
    on ``tune``; if it does not know the class, the verdict covers no gains.

    ``memory`` is set where the student is worse on ``tune``, perhaps since its teacher knows the
    labels of ``fit``. Then ``decisive``, the verdict that counts, is that on a model of the labels;
    else it is ``verdict``, on the student. ``by_heart`` is the same where the student is not worse,
    but the teacher is by far.

    ``own_word`` is the AP on ``tune`` of the concept named like the class, ``tune_model`` the AP of
    a cross-fitted logistic regression on the labels of ``tune``; None if not computed. ``things``
    is what sentences call the images. ``by_bounds``: thumbs set bounds (``tuning.refit`` all), so
    that the removal of a concept without influence changes nothing. ``hint``: where the kind is
    ``unknown``, the first concept of which the lost correlation is no chance, though not strong
    enough for a shift.
    """

    class_name: str
    kind: str
    lacking: str = ""
    tune_photos: tuple[int, int] = (0, 0)
    fit_photos: tuple[int, int] = (0, 0)
    lost_bond: bool = False
    clear: tuple[str, ...] = ()
    by_teacher: bool = False
    decided: bool = False
    verdict: Verdict | None = None
    memory: TeacherMemory | None = None
    by_heart: TeacherMemory | None = None
    suspects: tuple[Suspect, ...] = ()
    belonging: tuple[Suspect, ...] = ()
    teacher: TeacherSkill | None = None
    own_word: Interval | None = None
    tune_model: Interval | None = None
    things: str = "photos"
    by_bounds: bool = False
    hint: str = ""

    @property
    def decisive(self) -> Verdict | None:
        """The verdict that counts: on the student, or on a model of the labels."""
        return self.verdict if self.memory is None else self.memory.labels

    @property
    def first(self) -> Suspect:
        """The suspect to name: the first. If suspects alone make the shift, the first of those that
        are ``clear``: another is not why the class is said to have a shift."""
        if self.decisive is not None and self.decisive.kind == SHIFT:
            return self.suspects[0]
        reasons = (one for one in self.suspects if one.concept in self.clear)
        return next(reasons, self.suspects[0])

    @property
    def removable(self) -> bool:
        """Whether a removal of the suspect to name changes the student."""
        if not self.suspects or self.first.removed:
            return False
        return bool(self.first.weight) or not self.by_bounds

    @property
    def slight(self) -> bool:
        """True if the suspect to name lost little: the shares do not tell it, and it is no shift
        by itself."""
        if not self.suspects:
            return False
        return not self.first.in_shares and self.first.concept not in self.clear

    @property
    def modest(self) -> bool:
        """True if the shares tell what the suspect to name lost, and differ little: a concept that
        is a reason for the class differs as much from one place to another."""
        return bool(self.suspects) and self.first.in_shares and self.first.presence.apart < MODEST

    @property
    def ap_lost(self) -> float:
        """AP (0 to 1) lost from fit to tune by the decisive verdict; 0 if unknown."""
        return self.decisive.ap_lost.estimate if self.decisive else 0.0

    @property
    def unknown_to_teacher(self) -> bool:
        """True if the AP of the teacher is not above chance; see ``TeacherSkill``."""
        return self.teacher is not None and self.teacher.does_not_know

    @property
    def unsure(self) -> bool:
        """True if the teacher knows the class, but there are too few photos for a verdict."""
        return self.kind == UNKNOWN and not self.unknown_to_teacher


class Repairable(Protocol):
    """Students that can be repaired: a tuner."""

    repairs: RepairTerms


def shift_photos(tuner: Repairable, node: Node, name: str, seed: int = 0) -> Evidence:
    """Return the photos with and without a class, from which its shift is computed.

    Labels say which photos have the class. If tune has no labels, the teacher's decisions do; then
    a mistake that the teacher makes too cannot be seen."""
    student = tuner.repairs.class_fit(node, name)
    evidence = tuner.repairs.evidence(student, seed=seed)
    if len(evidence.tune):
        return evidence
    return tuner.repairs.evidence(student, seed=seed, decided=True)


def class_shift(evidence: Evidence) -> ClassShift:
    """Return the shift of the class of ``evidence``; ``with_baselines`` adds the baselines."""
    unknown = ClassShift(
        evidence.student.name,
        UNKNOWN,
        evidence.lacking,
        by_teacher=evidence.by_teacher,
        decided=evidence.decided,
        teacher=None if evidence.decided else _skill_of_teacher(evidence),
        things=evidence.student.store.things,
    )
    if evidence.lacking:
        return unknown
    verdict, lost = evidence.verdict(), _lost(evidence)
    memory = teacher_memory(evidence, verdict) if verdict.kind == SHIFT else None
    by_heart = _by_heart(evidence, verdict) if memory is None else None
    decisive = verdict if memory is None else memory.labels
    kind = SHIFT if len(lost.relied_on) else decisive.kind
    return replace(
        unknown,
        kind=kind,
        tune_photos=_counts(evidence.tune_label),
        fit_photos=_counts(evidence.fit_label),
        lost_bond=len(lost.clear) > 0,
        clear=tuple(evidence.concepts[c] for c in lost.relied_on),
        verdict=verdict,
        memory=memory,
        by_heart=by_heart,
        suspects=_suspects(evidence, lost) if kind == SHIFT else (),
        hint=_hint(evidence, lost) if kind == UNKNOWN else "",
    )


def _skill_of_teacher(evidence: Evidence) -> TeacherSkill:
    def on_fit() -> Outcome:
        odds = evidence.teacher_log_odds(FIT)
        return Outcome(evidence.fit_label, odds, group=evidence.fit_group)

    return teacher_skill(evidence.teacher, on_fit=on_fit)


def _counts(label: NDArray) -> tuple[int, int]:
    return int((label == 1).sum()), int((label == 0).sum())


def _hint(evidence: Evidence, lost: _Lost) -> str:
    order = _standing_out(evidence, lost)
    order = order[~evidence.held_at_zero[order]]
    clear = order[lost.measured.q[order] <= CLEAR]
    return evidence.concepts[clear[0]] if len(clear) else ""


@dataclass(frozen=True)
class _Lost:
    """Lost correlations of all concepts: ``by_scores``, and ``measured``, by the labels of what is
    ``labelled``. ``clear`` (indices) are those that are a shift by themselves, ``relied_on`` those
    of them on which the student still relies."""

    by_scores: Suspicion
    measured: Suspicion
    labelled: dict[int, Labelled]
    clear: NDArray[np.intp]
    relied_on: NDArray[np.intp]


def _lost(evidence: Evidence) -> _Lost:
    """Return the lost correlations; scores can make them clear, or labels of what a concept names.

    The reliance on a thing with labels, and how much correlation it lost, are by these: the
    concept's score is also correlated with other things. The teacher's decisions make nothing
    clear: it may know the photos of fit better. A concept that is held at 0 is relied on no more,
    unless labels show that the student relies on the thing: then correlated concepts have taken
    over.
    """
    by_scores = evidence.suspicion()
    measured, labelled = measured_by_labels(evidence, by_scores)
    share = float((evidence.tune_label == 1).mean())
    rule = evidence.spread, share, _meaning_class(evidence)
    reliance, spread = measured.reliance.copy(), evidence.spread.copy()
    bonds = np.stack([measured.fit_bond, measured.tune_bond])
    for c, of in labelled.items():
        reliance[c] = of.reliance if of.relied_on else 0.0
        bonds[:, c], spread[c] = of.bonds, 1.0
    told = replace(measured, reliance=reliance, fit_bond=bonds[0], tune_bond=bonds[1])
    by_labels = told.clear(spread, *rule[1:])
    by_labels = np.intersect1d(by_labels, np.array([*labelled], dtype=np.intp))
    clear, least_z = np.union1d(by_scores.clear(*rule), by_labels), -ndtri(CLEAR / len(told.z))
    clear = of_its_own(evidence, by_scores, clear, told.z, float(least_z))
    still = ~evidence.held_at_zero[clear] | np.isin(clear, by_labels)
    return _Lost(by_scores, measured, labelled, clear, clear[still])


def teacher_memory(evidence: Evidence, student: Verdict) -> TeacherMemory | None:
    """Return the verdicts on the teacher and on a model of the labels, if the teacher is worse on
    tune than on fit, or on fit worse than the ``student``; else None.

    Without labels of fit there is nothing to compare it with."""
    if evidence.by_teacher:
        return None
    teacher = evidence.teacher_verdict()
    seen = teacher.kind == SHIFT or student.ap > teacher.ap
    return TeacherMemory(teacher, evidence.label_verdict(), student.ap) if seen else None


def _by_heart(evidence: Evidence, student: Verdict) -> TeacherMemory | None:
    """Return the verdicts on a teacher that falls by far more than a model of the labels, where the
    ``student`` does not show it."""
    if evidence.by_teacher:
        return None
    teacher = evidence.teacher_verdict()
    if not teacher.ap_lost.low > LARGE_LOSS:
        return None  # without the model of the labels, which takes time
    memory = TeacherMemory(teacher, evidence.label_verdict(), student.ap)
    return memory if memory.by_far else None


def first_suspects(
    evidence: Evidence, count: int, besides: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the names of the ``count`` most suspect concepts but those ``besides``; empty if none
    is significant."""
    names = (evidence.concepts[c] for c in _standing_out(evidence, _lost(evidence)))
    return tuple(islice((name for name in names if name not in besides), count))


def with_baselines(evidence: Evidence, found: ClassShift, noise: Noise) -> ClassShift:
    """Return the shift ``found`` with ``own_word`` and ``tune_model``; ``noise`` sets intervals."""
    if evidence.lacking or evidence.decided:
        return found
    scores = _own_scores(evidence)
    return replace(
        found,
        own_word=None if scores is None else tune_ap(evidence, scores, noise),
        tune_model=tune_model_ap(evidence, noise),
    )


def tune_model_ap(evidence: Evidence, noise: Noise) -> Interval:
    """Return the cross-fitted AP on tune of a logistic regression on the labels of tune."""
    return tune_ap(evidence, evidence.model_of_tune[0], noise)


def _own(evidence: Evidence) -> list[int]:
    """Return the indices of the concepts named like the class, synonyms included."""
    store = evidence.student.store
    return class_words(store, evidence.student.name)


def _meaning_class(evidence: Evidence) -> list[int]:
    """Return the indices of the concepts that mean the class, which are never suspects."""
    return sorted(near_words(evidence.student.store, evidence.student.name))


def _own_scores(evidence: Evidence) -> NDArray | None:
    """Return the scores (n,) on tune of the concepts named like the class, the largest, else of the
    class's own word beside the store; None without any."""
    if own := _own(evidence):
        return np.asarray(evidence.tune_scores[:, own].max(axis=1))
    word = own_word(evidence.student.store, evidence.student.name)
    return None if word is None else word.scores[evidence.tune]


def tune_ap(evidence: Evidence, logit: NDArray, noise: Noise) -> Interval:
    """Return the AP on tune of logits (n,) on its photos."""
    logit = np.asarray(logit, dtype=np.float64)
    outcome = Outcome(evidence.tune_label, logit, group=evidence.tune_group)
    return metric_intervals(outcome, (AP.key,), **noise)[AP.key]


def _standing_out(evidence: Evidence, lost: _Lost) -> NDArray[np.intp]:
    """Return the indices of the significantly suspect concepts, most suspect first."""
    meant, by_scores, measured = _meaning_class(evidence), lost.by_scores, lost.measured
    least = LEAST_SHARE * by_scores.score[by_scores.ranked(meant)].max(initial=0.0)
    order = measured.ranked(meant)
    found = order[(measured.z[order] >= PLAUSIBLE) & (measured.score[order] >= least)]
    return of_its_own(evidence, by_scores, found, measured.z, PLAUSIBLE)


def _suspects(evidence: Evidence, lost: _Lost) -> tuple[Suspect, ...]:
    """Return the significant suspects, each with the group of concepts of the same meaning."""
    order, held = _standing_out(evidence, lost), evidence.held_at_zero
    order = order[~held[order] | np.isin(order, lost.relied_on)][: MOST * 3]
    scores = evidence.tune_scores[:, order].T
    alike = evidence.tune_photos.partial_correlation(scores)[:, order] >= ALIKE
    np.fill_diagonal(alike, False)
    if not len(order):
        return ()
    of, first = evidence.one_of_each, order[:MOST]
    (teacher,) = of.tune_photos.partial_correlation(of.teacher_log_odds(TUNE)[None])
    rest = zip(first, alike, _carriers(evidence, lost, first), strict=False)
    return tuple(
        _suspect(
            *(evidence, lost, int(c), order[same][:MOST_ALIKE]),
            removed=bool(held[c]),
            carried_by=carriers,
            teacher=float(teacher[c]),
        )
        for c, same, carriers in rest
    )


def _carriers(evidence: Evidence, lost: _Lost, some: NDArray[np.intp]) -> list[tuple[str, ...]]:
    """Return, for each of ``some`` concepts (indices), the concepts by which the student relies
    most on what it names: at most ``MOST_CARRIERS``, without itself.

    At equal class label the logit rises with a thing by the sum, over all concepts, of weight times
    the rise of the score with the thing: the terms of this sum, on the photos of tune."""
    photos, weights = evidence.tune_photos, evidence.student.weights
    things = np.stack([_thing(evidence, c, lost.labelled.get(int(c))) for c in some])
    terms = weights * photos.scores.gradient(photos.within(things)).T
    terms *= np.sign(terms.sum(axis=1, keepdims=True))
    terms[np.arange(len(some)), some] = 0.0
    first = np.argsort(-terms, axis=1, kind="stable")[:, :MOST_CARRIERS]
    return [
        tuple(evidence.concepts[j] for j in at if of[j] > 0)
        for at, of in zip(first, terms, strict=True)
    ]


def _thing(evidence: Evidence, c: int, of: Labelled | None) -> NDArray:
    """Return the scores (n,) of a concept on tune, or the labels of what it names; of unknown ones
    the mean of those with the same class label."""
    if of is None:
        return np.asarray(evidence.tune_scores[:, c], dtype=np.float64)
    values, known = of.tune.astype(np.float64), of.tune >= 0
    for side in (evidence.tune_label == 1, evidence.tune_label == 0):
        if (side & known).any():
            values[side & ~known] = values[side & known].mean()
    return values


def _suspect(
    evidence: Evidence,
    lost: _Lost,
    c: int,
    group: NDArray[np.intp],
    *,
    removed: bool,
    carried_by: tuple[str, ...],
    teacher: float,
) -> Suspect:
    other = lost.labelled.get(c)
    measured = lost.measured if other else lost.by_scores
    spread = evidence.spread[c] or np.inf
    measures = ("score", "z", "q", "reliance", "lost")
    weight, images = float(evidence.student.weights[c]), len(evidence.one_of_each.tune_label)
    hardly = abs(float(measured.reliance[c])) < _UNUSED / np.sqrt(max(images, 1))
    fit = evidence.fit_scores[:, c], evidence.fit_label
    tune = evidence.tune_scores[:, c], evidence.tune_label
    return Suspect(
        concept=evidence.concepts[c],
        **{name: float(getattr(measured, name)[c]) for name in measures},
        weight=weight,
        fit=float(measured.fit_bond[c] / spread),
        tune=float(measured.tune_bond[c] / spread),
        group=tuple(evidence.concepts[j] for j in group),
        presence=other.presence(evidence.one_of_each) if other else presence(*fit, *tune),
        labelled=other.name if other else "",
        by_teacher=bool(other and other.by_teacher),
        by_column=bool(other and other.by_column),
        removed=removed,
        carried_by=carried_by,
        teacher_reliance=other.teacher_reliance if other and other.tells_more else teacher,
        high=evidence.concepts[c] in evidence.student.store.numeric,
        unused=bool(not weight and hardly and not removed),
    )
