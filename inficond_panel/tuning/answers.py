"""Answers of a person on photos: which photos to ask about, and how the answers judge and teach.

Asked are photos of tune, and photos added to the store: half of them have the largest
z(logit) - 0.7 z(word), half the largest z(word) - 0.7 z(logit). ``word`` is the score of the
concept named like the class, z(x) = (x - mean) / standard deviation over these photos. Without a
concept named like the class, they are those of which the student is least sure (Lewis and Gale
1994, "A sequential algorithm for training text classifiers"). docs/measured.md has what each gains.

Answers teach by what they say of the teacher: it is corrected by them, and the student learns the
corrected teacher on the photos of tune (``fitting.terms``). To judge, the answers are parted
into folds. For each fold the student learns the answers of the other folds, and is judged on those
of the fold. It is taught on all answers only where these are ten or more, where there is something
to repair (it is wrong on a tenth of the photos), and where its mean loss on them (cross-entropy,
nats per photo) falls. Fewer errors are not asked for: many logits move toward the truth, and few
across the threshold. Labels of tune that it does not learn judge too: AP on them may not fall
beyond noise. The photos were chosen, so what is seen on them says nothing of the error on all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.interval import Interval
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.texts import words_for
from inficond_panel.distill import Outcome, change_intervals, decision_function
from inficond_panel.distill.metrics.bootstrap import FOLDS, draw_counts, interval, stratified_folds
from inficond_panel.distill.metrics.outcome import Cutoff, Mask, above, cutoff_rows
from inficond_panel.distill.scores import Array
from inficond_panel.errors import CancelledError, TuningError
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning.cures.class_photos import ClassPhotos
from inficond_panel.tuning.cures.resolution import enough
from inficond_panel.tuning.edits import Cure, Label, Learn
from inficond_panel.tuning.fitting.class_fit import ClassFit, learns_from_tune
from inficond_panel.tuning.fitting.recipe import Cancelled, Progress
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.thumbs import check_name
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.intents import ANSWERS
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE

#: Photos that are asked about at once.
ASKED = 20
#: Weight of the score that is to be low beside the one that is to be high: below 1, so that photos
#: that rank high come first, since errors there cost most AP.
AGAINST = 0.7


@dataclass(frozen=True)
class AskedPhotos:
    """Photos to ask about: rows of ``AllImages``, the most instructive first, and the reason.

    The reason does not reveal the student's decision on a photo.
    """

    rows: NDArray[np.intp]
    why: str


def photos_to_ask(
    student: ClassFit, most: int = ASKED, without: Collection[str] = ()
) -> AskedPhotos:
    """Return up to ``most`` photos of tune that have no label, and of those added to the store;
    where all have a label, of all of tune.

    Photos whose label the student has learned, and the images ``without``, are left out. Raises
    ``TuningError`` for ``most`` below 1.
    """
    if most < 1:
        raise TuningError(f"The number of photos is {most}.", "Ask for 1 photo or more.")
    images = AllImages(student.store)
    rows = np.concatenate([student.store.rows(TUNE), images.added])
    sides, why = _sides(student, images.scores(rows))
    free = _free(student, images, rows, without)
    return AskedPhotos(rows[free][_in_turn([side[free] for side in sides], most)], why)


def _free(
    student: ClassFit, images: AllImages, rows: NDArray[np.intp], without: Collection[str]
) -> NDArray[np.intp]:
    """Positions in ``rows`` of the photos that can be asked about."""
    taught = student.terms.taught
    learned = {*without, *(() if taught is None else taught.labels)}
    known = images.label(rows, student.k) >= 0
    free = np.array([images.names[row] not in learned for row in rows], dtype=bool)
    return np.flatnonzero(free & ~known if (free & ~known).any() else free)


def _sides(student: ClassFit, scores: NDArray) -> tuple[list[Array], str]:
    """Values of photos by their scores, and the reason; the photos with the largest are asked."""
    store, logit = student.store, student.logits_of(student.base, scores)
    words = words_for(student.name, store.concepts, store.synonyms)
    if not words:
        return [-np.abs(logit)], "the student is least sure"
    z, word = _standard(logit), _standard(scores[:, words].astype(np.float64).max(axis=1))
    why = f"the student and {store.concepts[words[0]]!r} disagree"
    return [z - AGAINST * word, word - AGAINST * z], why


def _standard(values: NDArray) -> Array:
    """Values less their mean, in standard deviations; 0 where all are equal."""
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread if spread > 0 else 1.0))


def _in_turn(sides: list[Array], most: int) -> NDArray[np.intp]:
    """Positions of up to ``most`` photos: of each side in turn the largest that is not taken."""
    orders = [iter(np.argsort(-side, kind="stable").tolist()) for side in sides]
    taken: dict[int, None] = {}
    while len(taken) < min(most, len(sides[0])):
        order = orders[len(taken) % len(orders)]
        taken[next(position for position in order if position not in taken)] = None
    return np.array(list(taken), dtype=np.intp)


#: Share of the photos on which a student has to be wrong to be taught, and the least number.
SHARE_WRONG, LEAST_WRONG = 0.1, 2
#: Answers without which no teacher is corrected.
LEAST_ANSWERED = 10
_JUDGED = 0.8  #: share of the work that is done once the answers have judged


@dataclass(frozen=True)
class Answers:
    """Answers by photo, 1 present, 0 absent, None skipped; and why the photos were asked."""

    class_name: str
    values: Mapping[str, int | None]
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, int]:
        """Return the answers that are 1 or 0."""
        return {image: value for image, value in self.values.items() if value is not None}

    @property
    def labels(self) -> list[Label]:
        """Return the answers as edits. Raises ``TuningError`` for a value that is not 0 or 1."""
        return [
            Label(self.class_name, image, value, self.why.get(image, ""))
            for image, value in self.given.items()
        ]

    @property
    def edits(self) -> list[Cure]:
        """Return what teaches the answers; errors as for ``labels``."""
        return taught_by(self.labels)


@dataclass(frozen=True)
class Teaching:
    """Answered photos and the logits of the student on them, before and after it is taught.

    ``present`` ``(n,)`` are the answers; ``before`` and ``after`` ``(n,)`` the logits. After, the
    student has learned the answers of the other folds alone. It decides that the class is present
    above ``cutoff``. ``on_labels`` is the change in AP, by teaching all answers, on the photos of
    tune that have a label and no answer; None where these are too few, or the student learns them.
    ``node`` is the iteration that was taught, None where nothing was.
    """

    answers: Answers
    present: Mask
    before: Array
    after: Array
    cutoff: Cutoff
    noise: Noise
    on_labels: Interval | None = None
    node: Node | None = None

    @property
    def wrong_before(self) -> Mask:
        """Mask ``(n,)`` of the photos on which the student is wrong."""
        return above(self.before, self.cutoff) != self.present

    @property
    def wrong_after(self) -> Mask:
        """Mask ``(n,)`` of the photos on which the taught student is wrong, out of fold."""
        return above(self.after, self.cutoff) != self.present

    @property
    def error_before(self) -> Interval:
        """Share of the photos on which the student is wrong."""
        return self._share(self.wrong_before)

    @property
    def error_after(self) -> Interval:
        """Share of the photos on which the taught student is wrong, out of fold."""
        return self._share(self.wrong_after)

    @property
    def loss_change(self) -> Interval:
        """Change of the mean loss by teaching, out of fold, in nats per photo."""
        change = self._loss_changes
        draws = draw_counts(len(change), self.noise["draws"], 0) @ change / len(change)
        return interval(float(change.mean()), draws, self.noise["level"], "loss")

    @property
    def helps(self) -> bool:
        """True if the answers are enough, there is something to repair, the mean loss falls, and
        AP on other labels does not."""
        falls = self._loss_changes.mean() < 0
        return bool(self.enough and self.repairable and falls and not self.contradicted)

    @property
    def enough(self) -> bool:
        """True if there are answers enough to correct a teacher by."""
        return len(self.present) >= LEAST_ANSWERED

    @property
    def contradicted(self) -> bool:
        """True if AP falls beyond noise on the photos of tune that have a label."""
        return self.on_labels is not None and self.on_labels.high < 0

    @property
    def repairable(self) -> bool:
        """True if the student is wrong on a tenth of the photos, and on two or more."""
        least = max(LEAST_WRONG, ceil(SHARE_WRONG * len(self.present)))
        return bool(self.wrong_before.sum() >= least)

    @property
    def _loss_changes(self) -> Array:
        return _loss(self.after, self.present) - _loss(self.before, self.present)

    def _share(self, wrong: Mask) -> Interval:
        """Return the share of a mask with its interval (Wilson 1927)."""
        from scipy.stats import binomtest  # noqa: PLC0415 - slow to load

        level = self.noise["level"]
        limits = binomtest(int(wrong.sum()), len(wrong)).proportion_ci(level, method="wilson")
        return Interval(float(wrong.mean()), float(limits.low), float(limits.high))


def teach(
    tuner: Tuner,
    parent: Node,
    answers: Answers,
    *,
    force: bool = False,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
    author: str = "user",
) -> Teaching:
    """Judge the student of one class at ``parent`` by answers, and teach it where that helps.

    ``force`` teaches it in any case. The answers are ``Label`` edits of the new iteration. Raises
    ``TuningError`` without an answer, for names that are not there, photos of the holdout, and
    students that learn no labels; ``CancelledError``.
    """
    teaching = judged(tuner, parent, answers, progress, cancelled)
    if not (force or teaching.helps):
        return teaching
    if progress:
        progress(_JUDGED, "Teaching the answers")
    node = tuner.fine_tune(parent, answers.edits, cancelled=cancelled, author=author)
    return replace(teaching, node=node)


def taught_by(labels: Sequence[Label]) -> list[Cure]:
    """Return the edits that teach these labels of one class: they correct its teacher."""
    return [*labels, *(Learn(name, ANSWERS, 1.0) for name in {x.class_name for x in labels})]


def judged(
    tuner: Tuner,
    parent: Node,
    answers: Answers,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Teaching:
    """Judge the student of one class at ``parent`` by answers; errors as in ``teach``."""
    check_name("class", answers.class_name, tuner.store.classes)
    labels = answers.labels
    if not labels:
        raise TuningError(
            f"No photo has an answer for {answers.class_name!r}.",
            "Answer 1 where the class is present, 0 where it is absent; leave out the others.",
        )
    tuner.cures.check(labels)
    with one_thread():
        return _judged(tuner, parent, answers, progress, cancelled)


def decided(tuner: Tuner, node: Node, class_name: str, images: Sequence[str]) -> list[bool]:
    """Return whether the student of a class at ``node`` decides that these images show it."""
    every, student = AllImages(tuner.store), tuner.cures.class_fit(node, class_name)
    rows = every.rows(images)
    logits = student.logits_of(student.base, every.scores(rows))
    return [bool(one) for one in above(logits, _cutoff(tuner, node, student, every, rows))]


def teacher_decided(tuner: Tuner, class_name: str, images: Sequence[str]) -> list[bool]:
    """Return whether the teacher decides that these images show a class."""
    every = AllImages(tuner.store)
    present = tuner.decided(every.teacher_log_odds(every.rows(images)))
    return [bool(one) for one in present[:, tuner.store.classes.index(class_name)]]


def _cutoff(
    tuner: Tuner, node: Node, student: ClassFit, images: AllImages, rows: NDArray[np.intp]
) -> Cutoff:
    logits, fitted = tuner.logits(node), (node.weights, node.intercepts, student.link)
    if len(images.more):
        logits = np.concatenate([logits, decision_function(images.more.score, *fitted)])
    return cutoff_rows(tuner.cutoffs(logits).of(student.k), rows)


def _judged(
    tuner: Tuner,
    parent: Node,
    answers: Answers,
    progress: Progress | None,
    cancelled: Cancelled | None,
) -> Teaching:
    labels, store, images = answers.labels, tuner.store, AllImages(tuner.store)
    rows = images.rows([label.image for label in labels])
    scores = images.scores(rows)
    present = np.array([label.value for label in labels]) == 1
    student = _unaware(tuner.cures.class_fit(parent, answers.class_name), set(answers.given))
    after = np.empty(len(rows))
    folds = stratified_folds(present[:, None], FOLDS, 0)
    others = np.setdiff1d(store.rows(TUNE), rows)  # a label of the store must not judge its photo
    photos = tuner.cures.photos(student, others)
    for fold in np.unique(folds):
        if cancelled and cancelled():
            raise CancelledError("Cancelled.")
        if progress:
            progress(_JUDGED * fold / FOLDS, f"Evaluating the student, fold {fold + 1} of {FOLDS}")
        out = folds == fold
        learned = [label for label, kept in zip(labels, ~out, strict=True) if kept]
        terms = tuner.cures.of_class(photos, taught_by(learned), parent.bounds)
        taught = student.under(terms)
        after[out] = taught.logits_of(taught.base, scores[out])
    return Teaching(
        answers,
        present,
        student.logits_of(student.base, scores),
        after,
        _cutoff(tuner, parent, student, images, rows),
        tuner.spec.views.noise(),
        _change_on_labels(tuner, parent, photos, answers),
    )


def _change_on_labels(
    tuner: Tuner, parent: Node, photos: ClassPhotos, answers: Answers
) -> Interval | None:
    """Return the change in AP by teaching all answers on the labelled ones of the other photos."""
    student, label = photos.student, photos.tune_label
    if not enough(photos) or learns_from_tune(student.terms, student.store):
        return None
    taught = student.under(tuner.cures.of_class(photos, answers.edits, parent.bounds))
    before, after = (Outcome(label, one.logits(one.base, photos.tune)) for one in (student, taught))
    return change_intervals(before, after, (AP.key,), **tuner.spec.views.noise())[AP.key]


def _unaware(student: ClassFit, images: set[str]) -> ClassFit:
    """Return the student fitted without the labels of these photos, if it has learned any."""
    taught = student.terms.taught
    if taught is None or images.isdisjoint(taught.labels):
        return student
    kept = {image: value for image, value in taught.labels.items() if image not in images}
    learned = tuple(each for each in student.terms.learned if each.source != ANSWERS)
    return student.under(
        replace(student.terms, taught=replace(taught, labels=kept), learned=learned)
    )


def _loss(logits: Array, present: Mask) -> Array:
    """Return the cross-entropy ``(n,)`` of each photo, in nats."""
    return np.asarray(np.logaddexp(0, np.where(present, -logits, logits)))
