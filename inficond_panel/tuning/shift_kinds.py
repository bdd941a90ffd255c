"""Kinds of shift of a class: lost correlation, wrong labels, other photos, other share, image
properties, noisier scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.interval import Interval
from inficond_panel.distill.noisier import noisier
from inficond_panel.distill.shift_kinds import (
    NO_CONCEPT,
    LabelNoise,
    OtherPhotos,
    Shared,
    other_photos,
    shared_by_classes,
)
from inficond_panel.distill.spread import divisor, spread, support
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
from inficond_panel.distill.through_class import NONE_OF_THEM, share_z
from inficond_panel.store import Store
from inficond_panel.tuning.label_noise import (
    NO_NOISE,
    PERHAPS_NOISY,
    DoubtedLabels,
    fit_labels_in_doubt,
    fit_noise,
    is_possible,
    is_shown,
    tune_labels_in_doubt,
    tune_noise,
)
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.score_limits import ScoreLimit, Together, score_limit
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.picture_properties import PICTURE_PROPERTIES, PictureProperty
from inficond_panel.vocabulary.shift_kinds import (
    FEW,
    LOST,
    NOISE,
    NOISIER,
    OUTDONE,
    PHOTOS,
    PICTURES,
    SHARE,
    TUNE_NOISE,
    WORSE,
    ShiftKind,
)
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

#: False discovery rate at which an image property differs.
CLEAR_PICTURES = 0.01
#: Least z at which the share of the class differs, at which the photos without the class differ,
#: and at which those with it do so, too.
OTHER_SHARE, APART, ALIKE = 4.0, 5.0, 1.0
#: Evidence by the teacher alone that labels of tune are wrong, which none that was trained on the
#: images of fit had in 18 classes with right labels.
VERY_CLEAR = 40.0
#: Least difference of the shares of a class's images of both splits with an image property from
#: which hardly any image tells it from what else differs.
PARTED = 0.7
#: Most p at which the scores of a concept differ between the splits.
SCORES_APART = 1e-4
#: Least share of a student's influence, over all concepts, of one whose scores are noisier.
RELIED_ON = 0.05
#: Most that the scores of a suspect may move in the images without the class, by the move in those
#: with it, for these to differ alone.
MOVED_TOO = 0.25

#: Photos of which no difference was measured.
ALL_ALIKE = OtherPhotos(0.0, 0.0)
#: Kinds of shift, the most important first.
Kinds: TypeAlias = tuple[ShiftKind, ...]


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
    def parts(self) -> bool:
        """Whether nearly all images with the class of one split have it, and hardly any of the
        other: no image tells what else differs."""
        return abs(self.presence.fit[0] - self.presence.tune[0]) >= PARTED

    @property
    def words(self) -> str:
        """Word for photos with high values of the property if ``high``, else with low values."""
        return self.kind.high if self.high else self.kind.low


@dataclass(frozen=True)
class NoisierScores:
    """Concept that a student uses, whose scores vary more on ``tune``, with the class and
    without it: standard deviations within the images of one label."""

    concept: str
    fit: float
    tune: float


@dataclass(frozen=True)
class Differences:
    """Differences between ``fit`` and ``tune`` for one class.

    ``positives`` and ``photos`` are numbers on ``fit`` and on ``tune``. ``kinds`` are the kinds of
    shift (``WORSE`` in place of ``LOST`` where no concept is a suspect); ``perhaps`` are possible
    kinds: alternative explanations, or chance. ``share`` is the z of the difference in the share of
    positives; ``noise`` and ``other`` are None with few photos,
    ``labels`` unless labels of fit may be wrong, ``tune_labels`` unless labels of tune may, and
    ``limit`` unless the teacher sees more of the class than the concepts, or a sum of them, show,
    or is worse than its student (``UNSHOWN``, ``UNSUMMED``, ``OUTDONE``). ``apart`` is the
    concept by whose scores alone the images without the class differ, ``noisier`` the one that the
    student uses and whose scores are noisier on ``tune``, where no other is the suspect to name.
    """

    class_name: str
    positives: tuple[int, int]
    photos: tuple[int, int]
    kinds: Kinds
    perhaps: Kinds
    share: float
    noise: LabelNoise | None = None
    other: OtherPhotos | None = None
    pictures: tuple[PictureDifference, ...] = ()
    labels: DoubtedLabels | None = None
    limit: ScoreLimit | None = None
    tune_labels: DoubtedLabels | None = None
    apart: str = ""
    noisier: NoisierScores | None = None

    @property
    def reliance_explained(self) -> bool:
        """Whether other pictures of the class, wrong labels of tuning images, or noisier scores,
        explain what its student seems to rely on."""
        return bool({PICTURES, TUNE_NOISE, NOISIER} & {*self.kinds}) and LOST in self.perhaps

    @property
    def harder(self) -> bool:
        """Whether training images of the class differ, or may, from the tuning images: single
        labels of harder images look wrong."""
        return bool({LOST, WORSE, PICTURES, PHOTOS} & {*self.kinds, *self.perhaps})

    @property
    def tune_labels_possible(self) -> bool:
        """Whether wrong labels of tune may be what a suspect is a sign of."""
        return TUNE_NOISE in self.perhaps

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

    @property
    def labels_alone(self) -> bool:
        """Whether scores contradict labels of fit, and the teacher does not: it learned them, or
        knows better than scores that are wrong."""
        return self.noise is not None and self.noise.alone


def differences(
    evidence: Evidence,
    shift: ClassShift,
    origin: ClassShift,
    student: Interval,
    interval: Noise,
    together: Together | None = None,
) -> Differences:
    """Return the differences between fit and tune for the class of ``evidence``; ``interval`` has
    the draws and level of limits. ``shift`` is that of its student, ``origin`` that of the original
    one: an edit ends a reliance, and does not change the photos or labels of which it was a sign.
    ``student`` is its AP on tune, as metrics show it; ``together`` is of the students of all
    classes, for classes of which each image has one.
    """
    labels, one = (evidence.fit_label, evidence.tune_label), evidence.one_of_each
    shown = [int(np.count_nonzero(label == 1)) for label in labels]
    positives, sizes = (shown[0], shown[1]), (len(labels[0]), len(labels[1]))
    share = float(share_z(one.fit_label, one.tune_label)) if min(sizes) else 0.0
    if shift.lacking:
        return Differences(evidence.student.name, positives, sizes, (FEW,), (), share)
    measured = _measured(one, share, shift)
    noise, of_tune = measured.noise, measured.of_tune
    kinds, perhaps = _told_apart(shift, origin, measured)
    noisy = _noisier(one) if LOST in kinds else None
    if noisy and (not shift.suspects or shift.first.concept == noisy.concept):
        kinds, perhaps = tuple(NOISIER if k == LOST else k for k in kinds), (LOST, *perhaps)
    elif not shift.suspects:
        kinds = tuple(WORSE if k == LOST else k for k in kinds)
    explained = bool({NOISE, TUNE_NOISE, LOST, WORSE} & {*kinds, *perhaps})
    limit = score_limit(evidence, shift, student, interval, explained=explained, together=together)
    kinds = _with_limit(kinds, limit)
    kinds = kinds or ((FEW,) if shift.kind == UNKNOWN and not perhaps else ())
    doubted, each, level = {*kinds, *perhaps}, (evidence, one), interval["level"]
    other = measured.other
    told_alone = other.alone != NO_CONCEPT and other.negatives >= APART
    return Differences(
        evidence.student.name,
        positives,
        sizes,
        kinds,
        perhaps,
        share,
        noise=noise,
        other=other,
        apart=evidence.concepts[other.alone] if told_alone else "",
        noisier=noisy if NOISIER in kinds else None,
        pictures=measured.pictures,
        labels=fit_labels_in_doubt(*each, noise, level) if NOISE in doubted else None,
        limit=limit,
        tune_labels=tune_labels_in_doubt(*each, of_tune, level) if TUNE_NOISE in doubted else None,
    )


@dataclass(frozen=True)
class PhotoDifferences:
    """What is measured of the photos of a class: wrong labels of fit (``noise``) and ``of_tune``,
    ``other`` photos, image properties that differ (``pictures``), the z of the ``share``, whether
    the scores that tell the class best differ in all photos (``scores_apart``), and whether those
    of the suspect do with the class alone (``with_class``)."""

    noise: LabelNoise = NO_NOISE
    of_tune: LabelNoise = NO_NOISE
    other: OtherPhotos = ALL_ALIKE
    pictures: tuple[PictureDifference, ...] = ()
    share: float = 0.0
    scores_apart: bool = False
    with_class: bool = False


def _measured(one: Evidence, share: float, shift: ClassShift) -> PhotoDifferences:
    sides = one.fit_scores, one.fit_label, one.tune_scores, one.tune_label
    store = one.student.store
    one_class = store.task == SINGLE_LABEL
    other = other_photos(*sides, _shared(store), one.other_labels, one_class=one_class)
    noise = NO_NOISE if one.by_teacher else fit_noise(one)
    apart = _scores_apart(one)
    differ = picture_differences(one), share, apart, _moved_with_class(one, shift)
    return PhotoDifferences(noise, tune_noise(one), other, *differ)


def _scores_apart(one: Evidence) -> bool:
    """Return whether the scores of the concept that tells the class best in the photos of tune
    differ between all photos of fit and of tune (Kolmogorov and Smirnov): wrong scores of a part
    contradict right labels, as wrong labels contradict right scores."""
    from scipy.stats import ks_2samp  # noqa: PLC0415 - slow to load

    first = int(np.argmax(np.abs(one.tune_photos.bond) / divisor(one.tune_scores)))
    p = ks_2samp(one.fit_scores[:, first], one.tune_scores[:, first]).pvalue
    return bool(p <= SCORES_APART)


def _noisier(one: Evidence) -> NoisierScores | None:
    """Return the concept with the largest influence on the student of those whose scores are
    noisier on ``tune``; None if it has less than ``RELIED_ON`` of all influence."""
    influence = np.abs(one.student.weights) * spread(one.fit_scores)
    relied_on = np.flatnonzero(influence >= RELIED_ON * influence.sum())
    if not influence.any():
        return None
    sides = one.fit_scores[:, relied_on], one.fit_label, one.tune_scores[:, relied_on]
    spreads = noisier(*sides, one.tune_label)
    if np.isnan(spreads[0]).all():
        return None
    most = int(np.nanargmax(np.where(np.isnan(spreads[0]), np.nan, influence[relied_on])))
    return NoisierScores(one.concepts[relied_on[most]], *map(float, spreads[:, most]))


def _with_limit(kinds: Kinds, limit: ScoreLimit | None) -> Kinds:
    """Return the kinds with that of a ``limit``: a worse teacher comes first; concepts that show
    less than the teacher sees come after other pictures, which say more."""
    if limit is None:
        return kinds
    if limit.kind == OUTDONE:
        return (OUTDONE, *kinds)
    rest = tuple(kind for kind in kinds if kind != PICTURES)
    return (*((PICTURES,) if PICTURES in kinds else ()), limit.kind, *rest)


@once(4)
def _shared(store: Store) -> Shared:
    """Return what the discriminants of all classes of a store share."""
    return shared_by_classes(store.scores_of(FIT), store.scores_of(TUNE))


def _with_pictures(
    kinds: Kinds, perhaps: Kinds, picture: PictureDifference, shift: ClassShift, noise: LabelNoise
) -> tuple[Kinds, Kinds]:
    """Return the kinds, and the possible ones, with "pictures" after the kinds that are clearer.

    Objects that occur with a class have their own brightness, so a lost correlation may change
    image properties too. Wrong labels that are less clear are only possible: such pictures
    contradict a model of the labels of tune, too. So is a lost correlation where the ``picture``
    ``parts`` the splits: no image shows which of both it is.
    """
    z = np.inf if picture.parts else picture.z
    evidence = {NOISE: float(np.sqrt(noise.evidence)), LOST: _clearest(shift)}
    clearer = tuple(kind for kind in kinds if evidence.get(kind, 0.0) > z)
    looks_so = {NOISE, LOST} if picture.parts else {NOISE}
    doubted = tuple(kind for kind in kinds if kind in looks_so and kind not in clearer)
    rest = tuple(kind for kind in kinds if kind not in (*clearer, *doubted))
    return (*clearer, PICTURES, *rest), (*doubted, *perhaps)


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


def _moved_with_class(one: Evidence, shift: ClassShift) -> bool:
    """Return whether the scores of the suspect to name moved between the splits in the images with
    the class, and hardly in the others, whatever else differs in all of them."""
    if not shift.suspects or shift.first.concept not in one.concepts:
        return False
    c = one.concepts.index(shift.first.concept)
    with_it, without = (
        one.tune_scores[one.tune_label == label, c].mean()
        - one.fit_scores[one.fit_label == label, c].mean()
        for label in (1, 0)
    )
    return bool(without * np.sign(with_it) < MOVED_TOO * abs(with_it))


def _told_apart(
    shift: ClassShift, origin: ClassShift, found: PhotoDifferences
) -> tuple[Kinds, Kinds]:
    """Return the kinds of shift, most important first, and the possible alternative kinds.

    Wrong labels, of fit or of tune, weaken every correlation and change the share of the class, so
    they may explain all other differences, but a suspect of the ``origin`` that is clearer than
    they are: photos with a new thing in them contradict a model of the labels of tune, too. A
    correlation of ``fit`` alone moves negatives and positives in opposite directions; other photos
    move both the same way, but not by the scores of a suspect that differ with the class alone,
    and more clearly than all others do. Where the scores that tell the class best differ, and not
    by another share of the class, these may be wrong in place of labels.
    """
    noise, of_tune, other, share = found.noise, found.of_tune, found.other, found.share
    lost, was_lost = shift.kind == SHIFT, SHIFT in (shift.kind, origin.kind)
    clearest = _clearest(origin) if was_lost else 0.0
    shown, of_tune_shown = (is_shown(each) for each in (noise, of_tune))
    moved = abs(share) >= OTHER_SHARE
    noisy = shown and clearest <= np.sqrt(noise.evidence) and (moved or not found.scores_apart)
    tune_noisy = of_tune_shown and clearest <= np.sqrt(of_tune.evidence)
    either = shown or of_tune_shown
    apart = other.negatives >= APART and other.through == NONE_OF_THEM
    alike = apart and other.positives >= ALIKE
    with_class = found.with_class and _clearest(shift) > other.negatives
    unexplained = apart and not alike and not lost and not shift.lost_bond
    fewer = moved and share < 0  # fewer positives on fit: fewer photos, or missing labels
    kinds = {
        NOISE: noisy,
        TUNE_NOISE: tune_noisy,
        LOST: lost and not (noisy or tune_noisy or (alike and not with_class)),
        PHOTOS: alike,
        SHARE: moved and not fewer and not either,
    }
    perhaps = {
        NOISE: not noisy and (fewer or noise.evidence >= PERHAPS_NOISY),
        TUNE_NOISE: not tune_noisy and _tune_may_be_wrong(shift, of_tune),
        LOST: (was_lost and (either or alike) and not kinds[LOST]) or unexplained,
        PHOTOS: unexplained,
        SHARE: moved and (fewer or either),
    }
    named, possible = (tuple(k for k, on in each.items() if on) for each in (kinds, perhaps))
    if not found.pictures:
        return named, possible
    return _with_pictures(named, possible, found.pictures[0], shift, noise)


def _tune_may_be_wrong(shift: ClassShift, noise: LabelNoise) -> bool:
    """Return whether labels of tune may be wrong. Where only the teacher says so, one that was
    trained on the images of fit looks the same: it counts only where the class is worse on tune,
    and the teacher very clear, or its suspects lost little among the images with the class, which
    no missing label changes."""
    clear = shift.slight or noise.evidence >= VERY_CLEAR
    return is_possible(noise) and (not noise.denied or (shift.kind == SHIFT and clear))


def _clearest(shift: ClassShift) -> float:
    """Return the largest z of the suspects, 0 without any."""
    return max((suspect.z for suspect in shift.suspects), default=0.0)
