"""From cures to terms: weights, penalties and label weights, as the labels of ``tune`` choose them.

Cures of one iteration are carried out in the order of ``vocabulary.cures``: labels, balance, then
what is learned, doubt and lambda together, by the AP on the photos of ``tune`` that are not taught
themselves, and that are left out in turn where the student learns from them. The original lambda
without a doubt stays where another gains no more than noise.

Of dozens of students one is best by chance where none is better. So the first, which is the student
as it was, is left only for a gain of more than one standard error. That is the threshold of the
one-standard-error rule (Breiman et al. 1984, "Classification and regression trees", sec. 3.4.3),
taken on the paired change, since all are judged on the same photos.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.texts import words_for
from inficond_panel.distill import Outcome, average_precision
from inficond_panel.distill.drift import balance
from inficond_panel.distill.metrics.bootstrap import FOLDS, draw_counts, stratified_folds
from inficond_panel.distill.scores import Array
from inficond_panel.errors import DataError, TuningError
from inficond_panel.store.more_photos import AllImages, more_photos
from inficond_panel.tuning.cures.class_photos import LEAST_FIT, ClassPhotos
from inficond_panel.tuning.edits import Balance, Cure, Doubt, Label, Lambda, Learn
from inficond_panel.tuning.fitting.class_fit import (
    ClassFit,
    fit_each,
    held_out_logits,
    logits_of_each,
)
from inficond_panel.tuning.fitting.penalty_choice import compared_penalties
from inficond_panel.tuning.fitting.terms import (
    Balanced,
    Correction,
    Doubted,
    Learned,
    Taught,
    Terms,
    corrected,
)
from inficond_panel.vocabulary.intents import ANSWERS, LABELS, MORE, TEACHER
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SOFTMAX

DRAWS = 200


@dataclass(frozen=True)
class Choice:
    """Places of the student ``taken`` and of the ``best``, which has the highest AP.

    ``gain`` is the AP of the best less the AP of the first, ``error`` its standard error.
    """

    taken: int
    best: int
    gain: float
    error: float


def choose(label: NDArray, logits: Array, seed: int = 0) -> Choice:
    """Student to take, by logits (m, n) of photos with labels (n,) in {1, 0}."""
    every = np.ones((1, len(label)))
    best = int(np.argmax(np.nan_to_num(ap_values(label, logits, every))))
    counts = np.concatenate([every, draw_counts(len(label), DRAWS, seed)])
    values = ap_values(label, logits[[0, best]], counts)
    error = errors(values[:, 1:])
    taken = best * int(chosen(values[:, :1], error)[0])
    return Choice(taken, best, float(values[1, 0] - values[0, 0]), float(error[1]))


def ap_values(label: NDArray, logits: Array, counts: NDArray) -> Array:
    """AP (m, draws) of each student under each row of counts (draws, n)."""
    return np.array([Outcome(label, each).values(AP.key, counts) for each in logits])


def errors(values: Array) -> Array:
    """Standard errors (m,) of the gain over the first student, from draws of AP (m, draws)."""
    return np.asarray(np.nanstd(values - values[0], axis=1, ddof=1))


def chosen(values: Array, error: Array) -> NDArray[np.intp]:
    """Places (draws,) of the students to take, by AP (m, draws) and the errors (m,) of gains."""
    known = np.nan_to_num(values)
    best = np.argmax(known, axis=0)
    gain = known[best, np.arange(known.shape[1])] - known[0]
    return np.asarray(np.where(gain > error[best], best, 0), dtype=np.intp)


#: Cures that are carried out together.
Wish = Learn | Doubt | Lambda
#: Values of ``doubt`` that are tried: the L1 penalty is times 1 + this × the concept's reliance ×
#: lost bond.
DOUBTS = (0.0, 0.3, 1.0, 3.0, 10.0)
#: Factor from one lambda of the path to the next, from the spec's up; values at most.
PATH_STEP = 10**0.5
MOST_STEPS = 7
#: Weights of a taught photo that are tried, in photos of fit; and the one where none can be judged.
LABEL_WEIGHTS = (0.0, 1.0, 3.0, 10.0, 30.0)
#: Shares of the photos that are learned in the weight of all that are tried, beside weight 1.
SHARES = (0.3, 0.7)
UNJUDGED_WEIGHT = 3.0
#: Photos of tune of each kind that a choice by AP needs; and where one of five folds is left out.
LEAST_TUNE, LEAST_OUTSIDE_FOLD = 5, 4
#: Effective photos of fit, of each kind, below which weights of photos are refused.
LEAST_EFFECTIVE = 10.0


def resolve_cures(
    photos: ClassPhotos,
    cures: Iterable[Cure],
    lower: Array,
    upper: Array,
    least: int = LEAST_TUNE,
) -> Terms:
    """Terms of one class after ``cures`` (canonical), from those of its student before.

    ``photos`` hold the student and the photos of ``tune`` that may choose; at least ``least`` of
    each label are needed. ``lower`` and ``upper`` ``(C, 1)`` are the bounds in force afterwards.
    Raises ``TuningError`` if labels of ``tune`` or ``fit`` are too few, or if a balance would leave
    too few effective photos of ``fit``.
    """
    given = list(cures)
    terms = photos.student.terms
    labels = {cure.image: cure.value for cure in given if isinstance(cure, Label)}
    corrects = any(isinstance(cure, Learn) and cure.source == ANSWERS for cure in given)
    if labels:
        before = {} if terms.taught is None else terms.taught.labels
        every = {**before, **labels}
        taught = Taught(1.0, every, _parts_of(photos, every))
        # What corrects the teacher weighs as the other photos that it is learned on.
        at_one = replace(terms, taught=taught)
        terms = at_one if corrects else _taught(photos, taught, terms, lower, upper, least)
    for cure in given:
        if isinstance(cure, Balance):
            terms = _balanced(photos, cure, terms, least)
    wishes: list[Wish] = [
        cure for kind in (Learn, Doubt, Lambda) for cure in given if isinstance(cure, kind)
    ]
    return _chosen(photos, wishes, terms, lower, upper, least) if wishes else terms


def _parts_of(photos: ClassPhotos, labels: Mapping[str, int]) -> tuple[str, ...]:
    """Content hashes of the parts that hold labelled photos which were added, sorted."""
    store = photos.student.store
    if all(image in store.images for image in labels):
        return ()
    more = more_photos(store, photos.parts)
    held = zip(more.parts, more.stores, strict=True)
    return tuple(sorted(part for part, one in held if not labels.keys().isdisjoint(one.images)))


def lambda_path(student: ClassFit) -> list[float]:
    """Values of lambda from the spec's value up to the last that leaves a nonzero weight.

    At most ``MOST_STEPS``. For a joint student, up to the first that reaches the lambdas of the
    other classes together: above it the weights of the class are 0, the others carry the
    difference, and nothing changes any more.
    """
    data, k = student.data, student.k
    slopes = np.abs(data.gathered.gradient(data.flat_residuals(k)[:, None])[:, 0])
    largest = float((slopes / data.l1_per_lambda(k)).max(initial=0.0))
    start = data.lambda_of(k) or largest / PATH_STEP**MOST_STEPS
    if student.link == SOFTMAX:
        others = sum(data.lambda_of(j) for j in range(len(student.store.classes)) if j != k)
        largest = min(largest, PATH_STEP * others)
    path = [start * PATH_STEP**step for step in range(MOST_STEPS)]
    return [value for value in path if value < largest] or [start]


def _taught(
    photos: ClassPhotos,
    taught: Taught,
    terms: Terms,
    lower: Array,
    upper: Array,
    least: int,
) -> Terms:
    """Terms with the labels, at the weight with the highest AP on photos that are not taught."""
    judged = _not_taught(photos, taught.labels)
    if not enough(judged, least):
        seen = len(photos.tune) - len(judged.tune)  # that teach, and so cannot judge
        taught = replace(taught, weight=UNJUDGED_WEIGHT)
        return replace(terms, taught=taught, used=max(terms.used, seen))
    weighed = (replace(taught, weight=weight) for weight in LABEL_WEIGHTS)
    tried = [replace(terms, taught=each) for each in weighed]
    values = [_ap(photos.student, each, judged, lower, upper) for each in tried]
    return _counted(tried[int(np.argmax(values))], judged)


def _balanced(photos: ClassPhotos, cure: Balance, terms: Terms, least: int) -> Terms:
    """Terms that balance these concepts too, besides those balanced before."""
    what = f"balance on {photos.student.name!r}"
    _need(photos, what, least)
    before = () if terms.balanced is None else terms.balanced.concepts
    concepts = tuple(sorted({*before, *cure.concepts}))
    fit, tune = photos.columns(concepts)
    try:
        weighting = balance(fit, photos.fit_label, tune, photos.tune_label, least=least)
    except DataError as error:
        raise TuningError(f"{what}: {error.message}", error.remedy) from None
    if min(weighting.effective) < LEAST_EFFECTIVE:
        raise TuningError(
            f"{what}: the photos of fit would count as {weighting.effective[0]:.0f} positives "
            f"and {weighting.effective[1]:.0f} negatives; {LEAST_EFFECTIVE:g} of each are needed.",
            "Balance fewer concepts, or choose another lambda.",
        )
    weights = photos.spread_over_fit(weighting.weights).astype(np.float32)
    made = Balanced(concepts, weights, weighting.effective)
    return _counted(replace(terms, balanced=made), photos)


def _chosen(
    photos: ClassPhotos,
    wishes: Sequence[Wish],
    terms: Terms,
    lower: Array,
    upper: Array,
    least: int,
) -> Terms:
    """Return the terms whose learned photos, doubt and lambda together have the highest AP.

    If photos of ``tune`` are learned, AP is measured on photos left out in turn.
    """
    judged, by_ap = judging(photos, terms), [cure for cure in wishes if cure.value is None]
    need = [cure for cure in wishes if needs_labels(cure)]
    if need:
        what = " and ".join(cure.kind.key for cure in need)
        _need(judged, f"{what} on {photos.student.name!r}", least)
    able = enough(judged, least)
    tried = _tried(photos, wishes, terms, able=able)
    if len(tried) > 1:
        made = choose(judged.tune_label, logits_of_tune(judged, tried, lower, upper))
        # To learn was asked for: the first, which learns least, is not left for a gain alone.
        learns = any(isinstance(cure, Learn) for cure in by_ap)
        tried = [tried[made.best if learns else made.taken]]
    return _counted(tried[0], judged) if need or (by_ap and able) else tried[0]


def compared_terms(photos: ClassPhotos, cures: Iterable[Wish]) -> list[Terms]:
    """Terms that ``resolve_cures`` compares by AP for these cures."""
    return _tried(photos, list(cures), photos.student.terms, able=True)


def _tried(photos: ClassPhotos, wishes: Sequence[Wish], terms: Terms, *, able: bool) -> list[Terms]:
    tried = [terms]
    for cure in wishes:
        tried = [each for before in tried for each in _with(photos, cure, before, able=able)]
    return tried


def needs_labels(cure: Cure) -> bool:
    """True for a cure that needs labels of ``tune``."""
    if isinstance(cure, Learn):
        return cure.source == LABELS
    return isinstance(cure, Balance | Doubt) or cure.value is None


def _with(photos: ClassPhotos, cure: Wish, terms: Terms, *, able: bool) -> list[Terms]:
    """Terms that the cure asks for; several if AP is to choose among them and is ``able`` to."""
    if isinstance(cure, Learn):
        return with_learned(photos, cure, terms, able=able)
    if isinstance(cure, Lambda):
        return [replace(terms, penalty=value) for value in _lambdas(photos, cure, terms)]
    values = DOUBTS if cure.value is None else (cure.value,)
    return [replace(terms, doubted=each) for each in _doubts(photos, values)]


def with_learned(
    photos: ClassPhotos, cure: Learn, terms: Terms, *, able: bool = True
) -> list[Terms]:
    """Terms that learn by ``cure``, one for each weight to try; 1 where nothing can choose."""
    learned, size = _more(photos) if cure.source == MORE else _of_tune(photos, cure.source)
    if cure.source == ANSWERS:
        learned = replace(learned, correction=_correction(photos, terms.taught))
    weights = [1.0] if cure.value is None else [cure.value]
    if cure.value is None and able:
        weights = _weights_to_learn(photos.fit_size / max(size, 1))
    # A class learns one teacher on tune: as it is, or corrected.
    gone = {TEACHER, ANSWERS} if cure.source in (TEACHER, ANSWERS) else {cure.source}
    others = tuple(each for each in terms.learned if each.source not in gone)
    return [
        replace(terms, learned=(*others, replace(learned, weight=weight))) for weight in weights
    ]


def _of_tune(photos: ClassPhotos, source: str) -> tuple[Learned, int]:
    """The photos of tune to learn from, and their number."""
    every = photos.student.store.rows(TUNE)
    held = None if np.array_equal(photos.seen, every) else tuple(photos.seen.tolist())
    return Learned(source, 1.0, held), len(photos.seen)


def _correction(photos: ClassPhotos, taught: Taught | None) -> Correction:
    """Fit the correction of the teacher on tune to the labels taught there and on added photos,
    with the score of the class's own concepts.
    """
    student, store = photos.student, photos.student.store
    taught = Taught(1.0, {}) if taught is None else taught
    images, labels = AllImages(store, taught.parts), taught.labels
    added = [row for row in images.added if images.names[row] in labels]
    rows = np.concatenate([store.rows(TUNE), np.array(added, dtype=np.intp)])
    answered = np.array([i for i, row in enumerate(rows) if images.names[row] in labels], dtype=int)
    if not answered.size:
        raise TuningError(
            f"learn on {student.name!r} is from {ANSWERS}, and no label of a photo of tune, or of "
            "an added one, is taught.",
            "Teach the labels of some of these photos first, or with it.",
        )
    present = np.array([labels[images.names[row]] == 1 for row in rows[answered]])
    words = words_for(student.name, store.concepts, store.synonyms)
    columns = images.scores(rows)[:, words].T.astype(np.float64)
    scores = {store.concepts[c]: column for c, column in zip(words, columns, strict=True)}
    teacher = images.teacher_log_odds(rows)[:, student.k].astype(np.float64)
    return corrected(teacher, scores, answered, present)


def _more(photos: ClassPhotos) -> tuple[Learned, int]:
    """The added photos to learn from, and their number."""
    store, parts = photos.student.store, tuple(sorted(photos.parts))
    if not parts:
        raise TuningError(
            f"learn on {photos.student.name!r} is from {MORE}, and no photos were added to "
            f"{store.path}.",
            "Add photos: inficond extend SPEC FOLDER",
        )
    return Learned(MORE, 1.0, parts=parts), len(more_photos(store, parts))


def _weights_to_learn(ratio: float) -> list[float]:
    """Weights to try for a learned photo.

    That of a photo of ``fit``, and those by which all learned photos have a given share of the
    loss. ``ratio`` is the number of photos of ``fit`` per learned photo.
    """
    shares = (float(f"{ratio * share / (1 - share):.2g}") for share in SHARES)
    return sorted({1.0, *shares})


def logits_of_tune(
    judged: ClassPhotos, tried: Sequence[Terms], lower: Array, upper: Array
) -> Array:
    """Logits (m, n) of the photos of tune, by students that did not learn from them."""
    if not any(each.of_tune for terms in tried for each in terms.learned):
        return logits_of_each(fit_each(judged.student, tried, lower, upper), judged.tune_scores)
    folds = stratified_folds(judged.tune_label[:, None], FOLDS, seed=0)
    return held_out_logits(judged.student, tried, lower, upper, judged.tune, folds)


def lambdas_tried(student: ClassFit, terms: Terms) -> list[float]:
    """Values of lambda that ``auto`` compares under other ``terms`` of a student; the first is the
    one to stay with."""
    if not terms.learned:
        return lambda_path(student.under(replace(terms, penalty=None)))
    values = compared_penalties(student.store)[::2]  # one below the spec's may be best
    if terms.learned != student.terms.learned:
        return values
    here = student.data.lambda_of(student.k)
    return [here, *(value for value in values if value != here)]


def _lambdas(photos: ClassPhotos, penalty: Lambda, terms: Terms) -> list[float]:
    if penalty.value is not None:
        return [penalty.value]
    return lambdas_tried(photos.student, terms)


def _doubts(photos: ClassPhotos, values: Sequence[float]) -> list[Doubted | None]:
    """Factors of the penalty for each value; none where no concept is suspect."""
    name, store = photos.student.name, photos.student.store
    shown = [int((photos.fit_label == side).sum()) for side in (1, 0)]
    if min(shown) < LEAST_FIT:
        raise TuningError(
            f"doubt on {name!r} needs {LEAST_FIT} photos of fit that show the class and as many "
            f"that do not; there are {shown[0]} and {shown[1]}.",
            "Label more photos of fit, or tune by thumbs.",
        )
    doubt = photos.suspicion().doubt
    doubt[words_for(name, store.concepts, store.synonyms)] = 0.0
    suspect = np.flatnonzero(doubt)
    if not suspect.size:
        return [None]
    return [
        Doubted(
            value,
            {
                store.concepts[c]: float(np.float32(1 + value * doubt[c]))
                for c in suspect
                if value > 0
            },
        )
        for value in values
    ]


def _ap(student: ClassFit, terms: Terms, judged: ClassPhotos, lower: Array, upper: Array) -> float:
    """AP under ``terms`` on the photos of tune, which are left out in turn where they are
    learned."""
    if any(each.of_tune for each in terms.learned):
        logits = logits_of_tune(judged, [terms], lower, upper)[0]
    else:
        made = student.under(terms, lower, upper)
        logits = made.logits(made.base, judged.tune)
    return average_precision(judged.tune_label, logits)


def judging(photos: ClassPhotos, terms: Terms) -> ClassPhotos:
    """The photos of tune by whose AP a penalty is chosen: those whose labels are not taught."""
    return _not_taught(photos, {} if terms.taught is None else terms.taught.labels)


def _not_taught(photos: ClassPhotos, labels: Mapping[str, int]) -> ClassPhotos:
    """The photos of tune whose labels are not taught."""
    images = photos.student.store.images
    kept = [row for row in photos.tune if images[row] not in labels]
    return photos if len(kept) == len(photos.tune) else photos.on(np.array(kept, dtype=np.intp))


def _counted(terms: Terms, photos: ClassPhotos) -> Terms:
    return replace(terms, used=max(terms.used, len(photos.tune)))


def enough(photos: ClassPhotos, least: int = LEAST_TUNE) -> bool:
    """True if there are labels of tune to choose by, ``least`` of each kind."""
    return bool(min((photos.tune_label == side).sum() for side in (0, 1)) >= least)


def _need(photos: ClassPhotos, what: str, least: int) -> None:
    if not enough(photos, least):
        raise TuningError(
            f"{what} needs labels of tune: {LEAST_TUNE} photos that show the class and as many "
            "that do not.",
            "Label more photos of tune, or tune by thumbs.",
        )
