"""Labels by a person: choice of the photos to label, evaluation of a student, and its refit.

Candidates are photos of tune, and photos added to the store: half of the chosen photos have the
largest z(logit) - 0.7 z(word), half the largest z(word) - 0.7 z(logit). ``word`` is the score of
the concept named like the class, z(x) = (x - mean) / standard deviation over the candidates.
Without a concept named like the class, the student's least certain photos are chosen (Lewis and
Gale 1994, "A sequential algorithm for training text classifiers"). Gains: docs/measured.md.

The answers correct the teacher's probabilities, and the student is refitted to the corrected
probabilities on the photos of tune (``fitting.terms``). The evaluation is cross-fitted: for each
fold the student learns the answers of the other folds, and is evaluated on this fold. The student
is refitted with all answers only if there are at least ten answers, if the student is wrong on at
least a tenth of the photos, and if the refit lowers its mean loss on them (cross-entropy, nats per
photo). Fewer errors are not required: many logits move toward the truth, but few cross the
threshold. AP on labels of tune that the student does not learn may not fall significantly. The
photos are a chosen sample, so the error on them is no estimate of the error on all photos.

Answers that the teacher makes unlikely are counted. Many of them are a reason to look at these
photos again: the answers are wrong, or the teacher relies on the wrong thing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from inficond_panel.common.interval import Interval
from inficond_panel.common.ordering import strongest
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.own_words import class_words
from inficond_panel.distill import Outcome, change_intervals, decision_function
from inficond_panel.distill.metrics.bootstrap import FOLDS, draw_counts, interval, stratified_folds
from inficond_panel.distill.metrics.groups import Groups, distinct, first_of, of_rows, parts_of
from inficond_panel.distill.metrics.outcome import Cutoff, Mask, above
from inficond_panel.distill.refits import Cancelled, Progress
from inficond_panel.distill.sources import Array
from inficond_panel.distill.spread import divisor
from inficond_panel.errors import CancelledError, TuningError
from inficond_panel.store import Store
from inficond_panel.store.more_photos import AllImages
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.repairs.choosing import enough, losses
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.repairs.label import Label, Taught
from inficond_panel.tuning.repairs.learn import Learn, Learned
from inficond_panel.tuning.repairs.repair import Repair
from inficond_panel.tuning.thumbs import known_name
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.confidence import Noise
from inficond_panel.vocabulary.intents import ANSWERS, ASKED
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.vocabulary.things import ROWS

#: Weight of the score that should be low against the score that should be high. Below 1: photos
#: that rank high come first, since errors on them cost most AP.
AGAINST = 0.7
#: Number of the student's strongest concepts whose values a person is told of a row.
STRONGEST = 5


@dataclass(frozen=True)
class AskedPhotos:
    """Photos to label: rows of ``AllImages``, the most informative first, and the reason ``why``.

    The reason does not reveal the student's decision on a photo. ``concepts`` are those (indices)
    that count most for the class: its words, and the strongest of the student.
    """

    rows: NDArray[np.intp]
    why: str
    concepts: tuple[int, ...] = ()


def photos_to_ask(
    student: ClassFit, most: int = ASKED, without: Collection[str] = ()
) -> AskedPhotos:
    """Return up to ``most`` unlabelled photos, of tune and of those added to the store; if all have
    labels, labelled photos.

    Photos whose label the student has learned, and the images ``without``, are left out. Raises
    ``TuningError`` for ``most`` below 1.
    """
    if most < 1:
        raise TuningError(f"The number of images is {most}.", "Ask for 1 image or more.")
    images = AllImages(student.store)
    rows = np.concatenate([student.store.rows(TUNE), images.added])
    sides, why = _sides(student, images.scores(rows))
    learned = {*without, *student.terms.labels}
    # of near-equal photos one: a second answer would say nothing new
    group = images.near_group[rows]
    done = np.array([images.names[row] in learned for row in rows], dtype=bool)
    free = ~np.isin(group, group[done])
    unlabelled = free & ~np.isin(group, group[images.label(rows, student.k) >= 0])
    free = unlabelled if unlabelled.any() else free
    at = np.flatnonzero(free)
    free[at] = np.isin(at, at[np.unique(group[at], return_index=True)[1]])
    chosen = rows[free][_in_turn([side[free] for side in sides], most)]
    return AskedPhotos(chosen, why, telling_concepts(student.store, student.name, student.weights))


def telling_concepts(store: Store, class_name: str, weights: Array) -> tuple[int, ...]:
    """Return the concepts (indices) that count most for a class: its words, then the strongest by
    the ``weights`` (C,) of its student."""
    relied = [at for at in strongest(weights)[:STRONGEST].tolist() if weights[at]]
    return tuple(dict.fromkeys([*class_words(store, class_name), *relied]))


def _sides(student: ClassFit, scores: NDArray) -> tuple[list[Array], str]:
    """Return one or two arrays of priorities of the photos, and the reason for the choice."""
    store, logit = student.store, student.logits_of(student.base, scores)
    words = class_words(store, student.name)
    if not words:
        return [-np.abs(logit)], "the student is least sure"
    z, word = _standard(logit), _standard(scores[:, words].astype(np.float64).max(axis=1))
    why = f"the student and {store.concepts[words[0]]!r} disagree"
    return [z - AGAINST * word, word - AGAINST * z], why


def _standard(values: NDArray) -> Array:
    """Return z scores of ``values``; 0 if all values are equal."""
    return np.asarray((values - values.mean()) / divisor(values[:, None]))


def _in_turn(sides: list[Array], most: int) -> NDArray[np.intp]:
    """Return up to ``most`` indices: in turn from each array its largest value not chosen yet."""
    orders = [iter(np.argsort(-side, kind="stable").tolist()) for side in sides]
    taken: dict[int, None] = {}
    while len(taken) < min(most, len(sides[0])):
        order = orders[len(taken) % len(orders)]
        taken[next(position for position in order if position not in taken)] = None
    return np.array(list(taken), dtype=np.intp)


#: Least share, and least number, of photos with an error for a student to be refitted.
SHARE_WRONG, LEAST_WRONG = 0.1, 2
#: Least number of answers to correct the teacher with.
LEAST_ANSWERED = 10
#: Probability below which the teacher makes an answer unlikely; share of such answers to doubt.
UNLIKELY, SHARE_DOUBTED = 1 / 3, 0.15
_EVALUATION = 0.8  #: share of the progress bar for the evaluation


@dataclass(frozen=True)
class Answers:
    """Answers of a person on one class: ``values`` by image (1 present, 0 absent, None skipped),
    and ``why`` each image was chosen."""

    class_name: str
    values: Mapping[str, int | None]
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def given(self) -> dict[str, int]:
        """Answers without the skipped photos, by image."""
        return {image: value for image, value in self.values.items() if value is not None}

    @property
    def labels(self) -> list[Label]:
        """Answers as ``Label`` edits. Raises ``TuningError`` for a value that is not 0 or 1."""
        return [
            Label(self.class_name, image, value, self.why.get(image, ""))
            for image, value in self.given.items()
        ]

    @property
    def edits(self) -> list[Repair]:
        """Edits that fit the student to the answers; errors as for ``labels``."""
        return taught_by(self.labels)


@dataclass(frozen=True)
class Teaching:
    """Result of ``teach``: logits on the answered photos before and after a refit with the answers.

    ``present`` ``(n,)`` are the answers; ``before`` and ``after`` ``(n,)`` the logits; ``after`` is
    cross-fitted: fitted without the answers of the photo's fold. Logits above ``cutoff`` decide
    that the class is present. ``on_labels`` is the change in AP by a refit with all answers, on
    photos of tune with a label and no answer; None if these are too few, or the student learns
    them. ``node`` is the new iteration, None without a refit. ``group`` ``(n,)``: see
    ``distill.metrics.groups``. ``teacher`` ``(n,)`` are the teacher's log-odds. ``shown`` is what
    a person was shown of an image, as ``Store.shown``; of a table ``row``.
    """

    answers: Answers
    present: Mask
    before: Array
    after: Array
    cutoff: Cutoff
    noise: Noise
    on_labels: Interval | None = None
    node: Node | None = None
    group: Groups = None
    teacher: Array | None = None
    shown: str = "photo"

    @property
    def doubted(self) -> list[str]:
        """Photos with an answer to which the teacher gives a probability below ``UNLIKELY``; empty
        unless they are a share ``SHARE_DOUBTED`` of the photos, and two or more. Near-equal photos
        count once."""
        if self.teacher is None:
            return []
        unlikely = expit(np.where(self.present, self.teacher, -self.teacher)) < UNLIKELY
        once = first_of(parts_of(self.group, self.present))
        if unlikely[once].sum() < max(LEAST_WRONG, ceil(SHARE_DOUBTED * len(once))):
            return []
        return [image for image, held in zip(self.answers.given, unlikely, strict=True) if held]

    @property
    def wrong_before(self) -> Mask:
        """Mask ``(n,)`` of the photos on which the student is wrong."""
        return above(self.before, self.cutoff) != self.present

    @property
    def wrong_after(self) -> Mask:
        """Mask ``(n,)`` of the photos on which the refitted student is wrong, cross-fitted."""
        return above(self.after, self.cutoff) != self.present

    @property
    def error_before(self) -> Interval:
        """Share of the photos on which the student is wrong."""
        return self._share(self.wrong_before)

    @property
    def error_after(self) -> Interval:
        """Share of the photos on which the refitted student is wrong, cross-fitted."""
        return self._share(self.wrong_after)

    @property
    def loss_change(self) -> Interval:
        """Change of the mean loss by the refit, cross-fitted, in nats per photo."""
        change = self._loss_changes
        counts = draw_counts(len(change), self.noise["draws"], 0, self.group)
        draws = counts @ change / counts.sum(axis=1)
        return interval(float(change.mean()), draws, self.noise["level"], "loss")

    @property
    def helps(self) -> bool:
        """True if the answers are enough, the student is wrong often enough, the mean loss falls,
        and AP on other labels does not fall significantly."""
        falls = self._loss_changes.mean() < 0
        return bool(self.enough and self.repairable and falls and not self.contradicted)

    @property
    def enough(self) -> bool:
        """True if there are at least ``LEAST_ANSWERED`` answers, without skipped photos; near-equal
        photos count once."""
        every = np.ones(len(self.present), dtype=bool)
        return distinct(self.group, every) >= LEAST_ANSWERED

    @property
    def contradicted(self) -> bool:
        """True if a refit with the answers lowers AP on other labels of tune significantly."""
        return self.on_labels is not None and self.on_labels.high < 0

    @property
    def repairable(self) -> bool:
        """True if the student is wrong on a tenth of the photos, and on two or more."""
        least = max(LEAST_WRONG, ceil(SHARE_WRONG * len(self.present)))
        return bool(self.wrong_before.sum() >= least)

    @property
    def _loss_changes(self) -> Array:
        return losses(self.present, self.after) - losses(self.present, self.before)

    def _share(self, wrong: Mask) -> Interval:
        """Return the share of True values of the mask ``wrong``, with interval (Wilson 1927)."""
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
    """Evaluate the student of one class at ``parent`` on answers, and refit it if that helps.

    ``force`` refits it in any case. The answers are ``Label`` edits of the new iteration. Raises
    ``TuningError`` without an answer, for unknown names, photos of the holdout, and students that
    cannot learn labels; ``CancelledError``.
    """
    teaching = evaluated(tuner, parent, answers, progress, cancelled)
    if not (force or teaching.helps):
        return teaching
    if progress:
        progress(_EVALUATION, "Teaching the answers")
    node = tuner.fine_tune(parent, answers.edits, cancelled=cancelled, author=author)
    return replace(teaching, node=node)


def taught_by(labels: Sequence[Label]) -> list[Repair]:
    """Return the edits that correct the teacher by ``labels`` and fit the student to it."""
    return [*labels, *(Learn(name, ANSWERS, 1.0) for name in {x.class_name for x in labels})]


def evaluated(
    tuner: Tuner,
    parent: Node,
    answers: Answers,
    progress: Progress | None = None,
    cancelled: Cancelled | None = None,
) -> Teaching:
    """Evaluate the student of one class at ``parent`` on ``answers``, without a new iteration.

    Raises as ``teach``."""
    known_name("class", answers.class_name, tuner.store.classes)
    labels = answers.labels
    if not labels:
        raise TuningError(
            f"No image has an answer for {answers.class_name!r}.",
            "Answer 1 if the class is present, 0 if it is absent, for at least one image.",
        )
    tuner.repairs.check(labels)
    with one_thread():
        return _evaluated(tuner, parent, answers, progress, cancelled)


def decided(tuner: Tuner, node: Node, class_name: str, images: Sequence[str]) -> list[bool]:
    """Return, per image, whether the class's student at ``node`` decides that it is present.

    The decisions are those that the page shows: cross-fitted on images that the student has spent.
    """
    every, student = AllImages(tuner.store), tuner.repairs.class_fit(node, class_name)
    rows = every.rows(images)
    logits = _shown(tuner, node, student, every, rows)
    return [bool(one) for one in above(logits, _cutoff(tuner, node, student, every, rows))]


def teacher_decided(tuner: Tuner, class_name: str, images: Sequence[str]) -> list[bool]:
    """Return, per image, whether the teacher decides that a class is present."""
    every = AllImages(tuner.store)
    present = tuner.decided(every.teacher_log_odds(every.rows(images)))
    return [bool(one) for one in present[:, tuner.store.classes.index(class_name)]]


def _shown(
    tuner: Tuner, node: Node, student: ClassFit, images: AllImages, rows: NDArray[np.intp]
) -> Array:
    """Return the logits ``(n,)`` of ``student`` on images; those that are shown for ``node`` on
    images of tune which the class's student at ``node`` has spent."""
    logits = student.logits_of(student.base, images.scores(rows))
    if student.name in tuner.spent(node, TUNE):
        tune = tuner.store.rows(TUNE)
        here = np.isin(rows, tune)
        shown = tuner.at(node, TUNE)[student.name].logits
        logits[here] = shown[np.searchsorted(tune, rows[here])]
    return logits


def _cutoff(
    tuner: Tuner, node: Node, student: ClassFit, images: AllImages, rows: NDArray[np.intp]
) -> Cutoff:
    if tuner.store.task != SINGLE_LABEL:
        return tuner.thresholds[student.k]
    fitted, inside = (node.weights, node.intercepts, student.link), rows < len(tuner.store.images)
    logits = np.empty((len(rows), len(tuner.store.classes)))
    logits[inside] = tuner.logits(node, rows[inside])
    if not inside.all():
        logits[~inside] = decision_function(images.scores(rows[~inside]), *fitted)
    return tuner.cutoffs(logits).of(student.k)


def _evaluated(
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
    # without the store's labels of these photos and of their copies
    others = np.setdiff1d(store.rows(TUNE), store.with_near(rows[rows < len(store.images)]))
    now = tuner.repairs.class_fit(parent, answers.class_name)
    student = _unaware(now, set(answers.given), others)
    after = np.empty(len(rows))
    group = of_rows(images.near_group, rows)
    folds = stratified_folds(present[:, None], FOLDS, 0, group)
    evidence = tuner.repairs.evidence(student, others)
    for fold in np.unique(folds):
        if cancelled and cancelled():
            raise CancelledError("Cancelled.")
        if progress:
            progress(
                _EVALUATION * fold / FOLDS, f"Evaluating the student, fold {fold + 1} of {FOLDS}"
            )
        out = folds == fold
        learned = [label for label, kept in zip(labels, ~out, strict=True) if kept]
        terms = tuner.repairs.of_class(evidence, taught_by(learned), parent.bounds)
        taught = student.under(terms)
        after[out] = taught.logits_of(taught.base, scores[out])
    before, noise = _shown(tuner, parent, student, images, rows), tuner.spec.views.noise()
    if now.terms.get(Taught) != student.terms.get(
        Taught
    ):  # answered anew: as if for the first time
        before = student.logits_of(student.base, scores)
    cutoff = _cutoff(tuner, parent, student, images, rows)
    on_labels = _change_on_labels(tuner, parent, evidence, answers)
    teacher = images.teacher_log_odds(rows)[:, now.k].astype(np.float64)
    given = answers, present, before, after, cutoff, noise, on_labels
    shown = store.shown or ("row" if store.things == ROWS else "")
    return Teaching(*given, group=group, teacher=teacher, shown=shown)


def _change_on_labels(
    tuner: Tuner, parent: Node, evidence: Evidence, answers: Answers
) -> Interval | None:
    """Return the change in AP by a refit with all answers, on other photos of tune with labels;
    None if these are too few, or the student learns from tune."""
    student, label = evidence.student, evidence.tune_label
    if not enough(evidence) or student.terms.fit_to_tune(student.store):
        return None
    taught = student.under(tuner.repairs.of_class(evidence, answers.edits, parent.bounds))
    before, after = (
        Outcome(label, one.logits(one.base, evidence.tune), group=evidence.tune_group)
        for one in (student, taught)
    )
    return change_intervals(before, after, (AP.key,), **tuner.spec.views.noise())[AP.key]


def _unaware(student: ClassFit, images: set[str], others: NDArray[np.intp]) -> ClassFit:
    """Return the student refitted without the labels of ``images``, if it has learned any; of the
    photos of tune it learns those at the rows ``others`` only."""
    terms, taught = student.terms, student.terms.get(Taught)
    if taught is not None and not images.isdisjoint(taught.labels):
        kept = {image: value for image, value in taught.labels.items() if image not in images}
        terms = terms.having(replace(taught, labels=kept))
        learned = terms.get(Learned)
        terms = terms if learned is None else terms.having(learned.without(ANSWERS))
    terms = terms.within(others)
    return student if terms == student.terms else student.under(terms)
