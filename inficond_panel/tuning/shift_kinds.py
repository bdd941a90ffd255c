"""Kinds of shift of a class: lost correlation, wrong labels, other photos, other share, image
properties."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.cache import once
from inficond_panel.common.interval import Interval
from inficond_panel.common.ordering import normal_scores
from inficond_panel.distill.platt import platt_scaling
from inficond_panel.distill.shift_kinds import (
    LabelNoise,
    OtherPhotos,
    Shared,
    beyond_misfit,
    label_noise,
    other_photos,
    right_logits,
    share_limits,
    share_z,
    shared_by_classes,
    wrong_chance,
)
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import support
from inficond_panel.distill.suspects import (
    LEAST_SUPPORT,
    SHIFT,
    UNKNOWN,
    Photos,
    Presence,
    lost_bond,
    parting_score,
    presence,
)
from inficond_panel.store import Store
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.shift import ClassShift, tune_ap
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES, PictureProperty
from inficond_panel.vocabulary.shift_kinds import (
    FEW,
    LOST,
    NOISE,
    OUTDONE,
    PHOTOS,
    PICTURES,
    SHARE,
    UNSHOWN,
    ShiftKind,
)
from inficond_panel.vocabulary.splits import FIT, TUNE

#: Evidence (twice the log likelihood ratio) from which wrong labels are reported, or reported as
#: possible.
NOISY, PERHAPS_NOISY = 12.0, 6.0
#: Evidence by model and teacher from which that by the model alone is believed as it is.
AGREED = 3.0
#: Least evidence by model and teacher to prefer it: the larger of two measures is biased upward.
BY_TEACHER = 15.0
#: Least evidence beyond a misfit of both splits: so much is chance in 3 % of classes with right
#: labels (a mixture of chi-squared distributions, since shares are not below 0).
BEYOND = 5.0
#: False discovery rate at which an image property differs.
CLEAR_PICTURES = 0.01
#: Least AP by which a teacher is above all models of the scores, or below its student.
LEAST_ABOVE = 0.1
#: Least labels that are contradicted one by one to say so of a class unasked: where all labels are
#: right, so many are in about one of a hundred classes (docs/measured.md).
LEAST_CONTRADICTED = 5
NO_NOISE = LabelNoise(0.0, 0.0, 0.0)
#: Least z at which the share of the class differs, and at which the photos differ.
OTHER_SHARE, APART = 4.0, 5.0


#: Limits of the share of negatives labelled present, and of that of positives labelled absent.
ShareLimits: TypeAlias = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class FitLabels:
    """Labels (n,) of the training images at ``rows``, with cross-fitted probabilities (n,) that
    the class is ``present``, and that the label is ``wrong``; and ``limits`` of the shares of
    negatives labelled present, and of positives labelled absent, at the confidence ``level``; nan
    where these shares are not measured."""

    rows: NDArray[np.intp]
    label: NDArray
    present: Array
    wrong: Array
    limits: ShareLimits
    level: float

    @property
    def likely_wrong(self) -> NDArray[np.intp]:
        """Indices of labels with a probability of being wrong above 0.5, the highest first."""
        order = np.argsort(-self.wrong, kind="stable")
        return np.asarray(order[self.wrong[order] > 0.5])

    @property
    def several(self) -> bool:
        """Whether so many labels are likely wrong that chance is not the reason."""
        return len(self.likely_wrong) >= LEAST_CONTRADICTED

    @property
    def listed(self) -> FitLabels:
        """The labels ``likely_wrong`` alone."""
        some = self.likely_wrong
        return replace(
            self,
            rows=self.rows[some],
            label=self.label[some],
            present=self.present[some],
            wrong=self.wrong[some],
        )


@dataclass(frozen=True)
class PictureDifference:
    """Image property whose correlation with the class differs between the splits.

    ``z`` is the difference in standard errors. ``high``: photos with the class, compared with
    photos without, have higher values on ``fit`` than on ``tune``; else lower values. ``q`` is the
    false discovery rate over all properties; ``presence`` counts the photos beyond the value at
    which the photos with the class of both splits differ most.
    """

    kind: PictureProperty
    high: bool
    z: float
    q: float
    presence: Presence

    @property
    def words(self) -> str:
        """Word for photos with high values of the property if ``high``, else with low values."""
        return self.kind.high if self.high else self.kind.low


@dataclass(frozen=True)
class ScoreLimit:
    """AP on ``tune`` of a ``teacher``, and that which is ``reached`` by the scores of the concepts:
    by the student if that is clearly more; if it is clearly less, the highest of the student's, and
    of models of the labels of ``fit`` and of ``tune``."""

    teacher: Interval
    reached: Interval

    @property
    def outdone(self) -> bool:
        """Whether the student is better than its teacher."""
        return self.reached.estimate > self.teacher.estimate


@dataclass(frozen=True)
class Differences:
    """Differences between ``fit`` and ``tune`` for one class.

    ``positives`` and ``photos`` are numbers on ``fit`` and on ``tune``. ``kinds`` are the kinds of
    shift; ``perhaps`` are possible kinds: alternative explanations, or chance. ``share`` is the z
    of the difference in the share of positives; ``noise`` and ``other`` are None with few photos,
    and ``labels`` unless labels of fit may be wrong, and ``limit`` unless the teacher sees more of
    the class than the concepts show, or is worse than its student (``UNSHOWN``, ``OUTDONE``).
    """

    class_name: str
    positives: tuple[int, int]
    photos: tuple[int, int]
    kinds: tuple[ShiftKind, ...]
    perhaps: tuple[ShiftKind, ...]
    share: float
    noise: LabelNoise | None = None
    other: OtherPhotos | None = None
    pictures: tuple[PictureDifference, ...] = ()
    labels: FitLabels | None = None
    limit: ScoreLimit | None = None

    @property
    def labels_listed(self) -> bool:
        """Whether there are labels of fit to list: some are more likely wrong than right."""
        return self.labels is not None and len(self.labels.likely_wrong) > 0

    @property
    def labels_in_doubt(self) -> bool:
        """Whether labels of fit may be wrong: wrong labels are a kind, or a possible one."""
        return NOISE in (*self.kinds, *self.perhaps)

    @property
    def labels_wrong(self) -> bool:
        """Whether labels of fit are wrong: no other kind of shift could look the same."""
        return self.kinds == (NOISE,) and not self.perhaps


def differences(
    evidence: Evidence, shift: ClassShift, origin: ClassShift, student: Interval, interval: Noise
) -> Differences:
    """Return the differences between fit and tune for the class of ``evidence``; ``interval`` has
    the draws and level of limits. ``shift`` is that of its student, ``origin`` that of the original
    one: an edit ends a reliance, and does not change the photos or labels of which it was a sign.
    ``student`` is its AP on tune, as metrics show it.
    """
    labels, one = (evidence.fit_label, evidence.tune_label), evidence.one_of_each
    shown = [int(np.count_nonzero(label == 1)) for label in labels]
    positives, sizes = (shown[0], shown[1]), (len(labels[0]), len(labels[1]))
    share = share_z(one.fit_label, one.tune_label) if min(sizes) else 0.0
    if shift.lacking:
        return Differences(evidence.student.name, positives, sizes, (FEW,), (), share)
    noise = NO_NOISE if evidence.by_teacher else _noise(one)
    sides = one.fit_scores, one.fit_label, one.tune_scores, one.tune_label
    other = other_photos(*sides, _shared(evidence.student.store))
    pictures = picture_differences(one)
    kinds, perhaps = _told_apart(shift, origin, noise, other, share)
    if pictures:
        clear = pictures[0].z
        kinds = _with_pictures(kinds, clear, shift, noise)
        if NOISE in kinds and clear > np.sqrt(noise.evidence):
            # such pictures contradict a model of the labels of tune, too
            kinds, perhaps = tuple(kind for kind in kinds if kind != NOISE), (NOISE, *perhaps)
    explained = bool({NOISE, LOST} & {*kinds, *perhaps})
    limit = _score_limit(evidence, shift, student, interval, explained=explained)
    if limit is not None:
        kinds = (OUTDONE if limit.outdone else UNSHOWN, *kinds)
    kinds = kinds or ((FEW,) if shift.kind == UNKNOWN and not perhaps else ())
    doubted = NOISE in (*kinds, *perhaps)
    in_doubt = _in_doubt(evidence, one, noise, interval["level"]) if doubted else None
    given = positives, sizes, kinds, perhaps, share, noise, other, pictures, in_doubt, limit
    return Differences(evidence.student.name, *given)


def _score_limit(
    evidence: Evidence, shift: ClassShift, student: Interval, interval: Noise, *, explained: bool
) -> ScoreLimit | None:
    """Return the AP that the scores reach, if the teacher is clearly above it, or below that of the
    student: by ``LEAST_ABOVE``, and beyond the intervals. None without labels, if the teacher does
    not know the class, or is above it where the student's AP is ``explained`` otherwise."""
    teacher = shift.teacher
    if evidence.by_teacher or evidence.decided or teacher is None or teacher.does_not_know:
        return None
    if _is_above(student, teacher.ap):
        return ScoreLimit(teacher.ap, student)
    if explained:
        return None
    reached = student
    for logits in (lambda: evidence.model_of_fit[1], lambda: evidence.model_of_tune[0]):
        if not _is_above(teacher.ap, reached):
            return None  # without the models, which take time
        reached = max(reached, tune_ap(evidence, logits(), interval), key=lambda ap: ap.estimate)
    return ScoreLimit(teacher.ap, reached) if _is_above(teacher.ap, reached) else None


def _is_above(one: Interval, other: Interval) -> bool:
    return one.low > max(other.high, other.estimate + LEAST_ABOVE)


def _in_doubt(evidence: Evidence, one: Evidence, noise: LabelNoise, level: float) -> FitLabels:
    """Return the labels of fit with the probability that each is wrong, and limits of ``noise``.

    A model of the labels of fit ranks them, with one of those of tune, or with the curve of that
    one and the teacher where the teacher shows wrong labels, too: it knows photos better than a
    model of few. A teacher that learned wrong labels shows none.
    """
    label, (fit, tune) = evidence.fit_label, _model_and_teacher(evidence)
    by_fit, by_tune = evidence.model_of_fit[0], evidence.model_of_tune[1]
    sides = fit, label, tune, evidence.tune_label
    both = _beyond_misfit(*sides)
    if both.evidence >= PERHAPS_NOISY and not both.at_bound:
        by_tune = right_logits(*sides)
    logit = (by_fit + by_tune) / 2
    wrong = wrong_chance(logit, label, NO_NOISE if noise.at_bound else noise)
    of_one, of_one_tune = (scores[:, : noise.models] for scores in _model_and_teacher(one))
    limits = share_limits(of_one, one.fit_label, of_one_tune, one.tune_label, level)
    return FitLabels(evidence.fit, label, expit(logit), wrong, limits, level)


def contradicted_labels(evidence: Evidence) -> FitLabels:
    """Return the labels of fit with the probability that each is wrong if few are: by a model of
    the other labels of fit, a model of those of tune, and the teacher, combined as the labels of
    tune say (``platt_scaling``): a teacher that is too sure of itself would contradict many.

    No measure says that the class has wrong labels, so there are no ``limits`` of their shares.
    """
    fit, tune = (
        np.column_stack([model_of_fit, model_of_tune, evidence.teacher_log_odds(split)])
        for model_of_fit, model_of_tune, split in zip(
            evidence.model_of_fit, evidence.model_of_tune[::-1], (FIT, TUNE), strict=True
        )
    )
    slopes, constant = platt_scaling(evidence.tune_label, tune)
    label, unknown = evidence.fit_label, (np.nan, np.nan)
    wrong, present = wrong_chance(fit @ slopes + constant, label, NO_NOISE), fit[:, :2].mean(axis=1)
    return FitLabels(evidence.fit, label, expit(present), wrong, (unknown, unknown), np.nan)


def _model_and_teacher(evidence: Evidence) -> tuple[Array, Array]:
    """Return logits (n, 2) by the model of the labels of tune and by the teacher, of fit and of
    tune."""
    of_tune, of_fit = evidence.model_of_tune
    fit = np.column_stack([of_fit, evidence.teacher_log_odds(FIT)])
    return fit, np.column_stack([of_tune, evidence.teacher_log_odds(TUNE)])


@once(4)
def _shared(store: Store) -> Shared:
    """Return what the discriminants of all classes of a store share."""
    return shared_by_classes(store.scores_of(FIT), store.scores_of(TUNE))


def _noise(evidence: Evidence) -> LabelNoise:
    """Return the label noise of fit, measured by a model of the labels of tune; by that model and
    the teacher if they show more noise. A teacher that learned wrong labels shows none.

    A model of scores with long tails is no logistic curve, and the shares of wrong labels can fit
    the misfit. So unless the teacher agrees, the evidence is at most that by normal scores, which
    have no tails. And a class that is no logistic curve of any score, as one that only half of the
    likeliest images show, looks so in both splits: without evidence beyond that, it counts alone.
    """
    fit, tune = _model_and_teacher(evidence)
    labels = evidence.fit_label, evidence.tune_label
    alone = _beyond_misfit(fit[:, :1], labels[0], tune[:, :1], labels[1])
    both = _beyond_misfit(fit, labels[0], tune, labels[1])
    if both.evidence >= max(BY_TEACHER, alone.evidence):
        return both
    if both.evidence >= AGREED or alone.evidence < PERHAPS_NOISY:
        return alone
    evened = normal_scores(np.concatenate([fit[:, 0], tune[:, 0]]))[:, None]
    without_tails = label_noise(evened[: len(fit)], labels[0], evened[len(fit) :], labels[1])
    return replace(alone, evidence=min(alone.evidence, without_tails.evidence))


def _beyond_misfit(*sides: NDArray) -> LabelNoise:
    """Return ``label_noise``, with at most the evidence beyond a misfit where that is slight."""
    noise = label_noise(*sides)
    beyond = beyond_misfit(*sides) if noise.evidence >= AGREED else np.inf
    return noise if beyond >= BEYOND else replace(noise, evidence=min(noise.evidence, beyond))


def _with_pictures(
    kinds: tuple[ShiftKind, ...], z: float, shift: ClassShift, noise: LabelNoise
) -> tuple[ShiftKind, ...]:
    """Return ``kinds`` with "pictures" inserted: after the kinds whose evidence exceeds ``z``.

    Objects that occur with a class have their own brightness, so a lost correlation may change
    image properties too.
    """
    evidence = {NOISE: float(np.sqrt(noise.evidence)), LOST: _clearest(shift)}
    clearer = [kind for kind in kinds if evidence.get(kind, 0.0) > z]
    return (*clearer, PICTURES, *(kind for kind in kinds if kind not in clearer))


def picture_differences(evidence: Evidence) -> tuple[PictureDifference, ...]:
    """Return image properties whose correlation with the class differs between fit and tune, most
    significant first; empty if the store has no image properties.

    The images with the class must differ more than those without it: else these are the reason,
    such as those of another class."""
    from scipy.stats import false_discovery_control  # noqa: PLC0415 - slow to load

    pictures, labels = evidence.pictures, (evidence.fit_label, evidence.tune_label)
    if pictures is None:
        return ()
    fit, tune = (Photos(*pair) for pair in zip(pictures, labels, strict=True))
    side = np.sign(fit.bond - tune.bond)
    z, p, _ = lost_bond(side[None], [fit], tune)
    own, others = np.abs(fit.means - tune.means)
    tested = support(np.concatenate(pictures)) >= LEAST_SUPPORT
    q = false_discovery_control(np.where(tested, np.minimum(1.0, 2 * p), 1.0))  # two-sided
    found = []
    for c in np.argsort(-z, kind="stable"):
        if q[c] <= CLEAR_PICTURES and own[c] >= others[c]:
            high, kind = bool(side[c] > 0), PICTURE_PROPERTIES[c]
            of_fit, of_tune = (values[:, c] if high else -values[:, c] for values in pictures)
            parted = parting_score(of_fit[labels[0] == 1], of_tune[labels[1] == 1])
            shares = presence(of_fit, labels[0], of_tune, labels[1], parted)
            found.append(PictureDifference(kind, high, float(z[c]), float(q[c]), shares))
    return tuple(found)


def _told_apart(
    shift: ClassShift, origin: ClassShift, noise: LabelNoise, other: OtherPhotos, share: float
) -> tuple[tuple[ShiftKind, ...], tuple[ShiftKind, ...]]:
    """Return the kinds of shift, most important first, and the possible alternative kinds.

    Wrong labels weaken every correlation and change the share of the class, so they may explain
    all other differences, but a suspect of the ``origin`` that is clearer than they are: photos
    with a new thing in them contradict a model of the labels of tune, too. A correlation of ``fit``
    alone moves negatives and positives in opposite directions; other photos move both the same way.
    """
    lost, was_lost = shift.kind == SHIFT, SHIFT in (shift.kind, origin.kind)
    shown = noise.evidence >= NOISY and not noise.at_bound
    noisy = shown and not (was_lost and _clearest(origin) > np.sqrt(noise.evidence))
    apart = other.negatives >= APART
    moved = abs(share) >= OTHER_SHARE
    alike = apart and other.positives > 0
    unexplained = apart and not alike and not lost and not shift.lost_bond
    fewer = moved and share < 0  # fewer positives on fit: fewer photos, or missing labels
    kinds = {
        NOISE: noisy,
        LOST: lost and not noisy and not alike,
        PHOTOS: alike,
        SHARE: moved and not fewer and not shown,
    }
    perhaps = {
        NOISE: not noisy and (fewer or noise.evidence >= PERHAPS_NOISY),
        LOST: (was_lost and (shown or alike) and not kinds[LOST]) or unexplained,
        PHOTOS: unexplained,
        SHARE: moved and (fewer or shown),
    }
    return tuple(k for k, on in kinds.items() if on), tuple(k for k, on in perhaps.items() if on)


def _clearest(shift: ClassShift) -> float:
    """Return the largest z of the suspects, 0 without any."""
    return max((suspect.z for suspect in shift.suspects), default=0.0)
