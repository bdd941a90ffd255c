"""Resolution of repairs to terms: photo weights, penalties and label weights.

The repairs of an iteration are resolved in the order of ``vocabulary.intents``: labels, balance,
then learn, doubt and lambda together. Free values are chosen by AP on the photos of ``tune`` whose
labels are not taught, cross-fitted if the student learns from ``tune``. The original lambda
without doubt stays unless another choice gains more than one standard error.

Among dozens of candidates the best may be best by chance. So the first candidate, the unchanged
student, is replaced only for a gain of more than one standard error. This is the threshold of the
one-standard-error rule (Breiman et al. 1984, "Classification and regression trees", sec. 3.4.3),
applied to the paired change, since all candidates are evaluated on the same photos.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inficond_panel.concepts.own_words import class_words
from inficond_panel.distill import Outcome, average_precision
from inficond_panel.distill.drift import balance
from inficond_panel.distill.metrics.bootstrap import draw_counts
from inficond_panel.distill.metrics.groups import Groups, counted_once, distinct
from inficond_panel.distill.sources import Array
from inficond_panel.errors import DataError, Remedy, TuningError
from inficond_panel.store.more_photos import AllImages, more_photos
from inficond_panel.tuning.edits import Balance, Doubt, Label, Lambda, Learn, Repair
from inficond_panel.tuning.fitting.class_fit import (
    Box,
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
from inficond_panel.tuning.repairs.class_photos import LEAST_LABELLED, LEAST_TUNE, ClassPhotos
from inficond_panel.vocabulary.intents import ANSWERS, LABELS, MORE, TEACHER
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SOFTMAX

DRAWS = 200


@dataclass(frozen=True)
class Choice:
    """Indices of the candidate that is ``taken``, and of the ``best``, which has the highest AP.

    ``gain`` is the AP of the best less the AP of the first, ``error`` its standard error.
    """

    taken: int
    best: int
    gain: float
    error: float


def choose(label: NDArray, logits: Array, group: Groups, seed: int = 0) -> Choice:
    """Choose one of m students by AP, from logits (m, n) and labels (n,) in {1, 0}: the first,
    unless another gains more than one standard error. ``group`` (n,): see ``metrics.groups``."""
    every = np.ones((1, len(label)))
    best = int(np.argmax(np.nan_to_num(ap_values(label, logits, every))))
    counts = np.concatenate([every, draw_counts(len(label), DRAWS, seed, group)])
    values = ap_values(label, logits[[0, best]], counts)
    error = errors(values[:, 1:])
    taken = best * int(chosen(values[:, :1], error)[0])
    return Choice(taken, best, float(values[1, 0] - values[0, 0]), float(error[1]))


def ap_values(label: NDArray, logits: Array, counts: NDArray) -> Array:
    """Return each student's AP (m, draws), from logits (m, n) and bootstrap counts (draws, n)."""
    return np.array([Outcome(label, each).values(AP.key, counts) for each in logits])


def errors(values: Array) -> Array:
    """Return standard errors (m,) of the gain over the first student, from AP (m, draws)."""
    return np.asarray(np.nanstd(values - values[0], axis=1, ddof=1))


def chosen(values: Array, error: Array) -> NDArray[np.intp]:
    """Return indices (draws,) of the chosen students, by AP (m, draws) and errors (m,)."""
    known = np.nan_to_num(values)
    best = np.argmax(known, axis=0)
    gain = known[best, np.arange(known.shape[1])] - known[0]
    return np.asarray(np.where(gain > error[best], best, 0), dtype=np.intp)


#: Repairs that are resolved together.
Wish = Learn | Doubt | Lambda
#: Candidate values of ``doubt``: the L1 penalty is multiplied by 1 + value × the concept's
#: reliance × lost correlation.
DOUBTS = (0.0, 0.3, 1.0, 3.0, 10.0)
#: Ratio of successive lambdas on the path, which starts at the spec's; largest number of lambdas.
PATH_STEP = 10**0.5
MOST_STEPS = 7
#: Candidate weights of a labelled photo, in training images.
LABEL_WEIGHTS = (0.0, 1.0, 3.0, 10.0, 30.0)
#: Candidate shares of learned photos in the total weight, besides weight 1 per photo.
SHARES = (0.3, 0.7)
UNJUDGED_WEIGHT = 3.0  #: weight of a labelled photo if no other labels can compare weights
#: Least effective number of positives, and of negatives, of fit after reweighting.
LEAST_EFFECTIVE = 10.0


def resolve_repairs(photos: ClassPhotos, repairs: Iterable[Repair], box: Box, least: int) -> Terms:
    """Return the terms of one class after canonical ``repairs``, from its student's terms.

    ``photos`` holds the student and the photos of ``tune`` to choose by; at least ``least`` of each
    label are needed. ``box`` are the active bounds afterwards. Raises ``TuningError`` if labels of
    ``tune`` or ``fit`` are too few, or if a balance would leave too few effective photos of
    ``fit``.
    """
    given = list(repairs)
    terms = photos.student.terms
    labels = {repair.image: repair.value for repair in given if isinstance(repair, Label)}
    corrects = any(isinstance(repair, Learn) and repair.source == ANSWERS for repair in given)
    if labels:
        before = {} if terms.taught is None else terms.taught.labels
        every = {**before, **labels}
        taught = Taught(1.0, every, _parts_of(photos, every))
        terms = replace(terms, taught=taught)
        if not corrects:  # else labels have the weight of the other learned photos
            terms = _weighted(photos, taught, terms, box, least)
    for repair in given:
        if isinstance(repair, Balance):
            terms = _balanced(photos, repair, terms, least)
    wishes: list[Wish] = [
        repair for kind in (Learn, Doubt, Lambda) for repair in given if isinstance(repair, kind)
    ]
    return _chosen(photos, wishes, terms, box, least) if wishes else terms


def _parts_of(photos: ClassPhotos, labels: Mapping[str, int]) -> tuple[str, ...]:
    """Return the content hashes of the parts with labelled added photos, sorted."""
    store = photos.student.store
    if all(image in store.images for image in labels):
        return ()
    more = more_photos(store, photos.parts)
    held = zip(more.parts, more.stores, strict=True)
    return tuple(sorted(part for part, one in held if not labels.keys().isdisjoint(one.images)))


def lambda_path(student: ClassFit) -> list[float]:
    """Return rising values of lambda, from the spec's to the last with a nonzero weight.

    At most ``MOST_STEPS``. For a joint student, up to the first value that reaches the sum of the
    other classes' lambdas: above this value the weights of the class are 0, the other classes
    carry the difference, and the solution is constant.
    """
    data, k = student.data, student.column
    largest = data.largest_lambda(k)
    start = data.penalties.lambda_of(k) or largest / PATH_STEP**MOST_STEPS
    if student.link == SOFTMAX:
        others = sum(
            data.penalties.lambda_of(j) for j in range(len(student.store.classes)) if j != k
        )
        largest = min(largest, PATH_STEP * others)
    path = [start * PATH_STEP**step for step in range(MOST_STEPS)]
    return [value for value in path if value < largest] or [start]


def _weighted(photos: ClassPhotos, taught: Taught, terms: Terms, box: Box, least: int) -> Terms:
    """Return ``terms`` with the labels ``taught`` at the weight of highest AP on other photos."""
    judged = judging(photos, terms)
    if not enough(judged, least):
        seen = len(photos.tune) - len(judged.tune)  # taught, so not for evaluation
        taught = replace(taught, weight=UNJUDGED_WEIGHT)
        return replace(terms, taught=taught, used=max(terms.used, seen))
    weighed = (replace(taught, weight=weight) for weight in LABEL_WEIGHTS)
    tried = [replace(terms, taught=each) for each in weighed]
    values = []
    for each in tried:
        if any(learned.of_tune for learned in terms.learned):  # then cross-fitted
            logits = logits_of_tune(judged, [each], box)[0]
        else:
            made = photos.student.under(each, box)
            logits = made.logits(made.base, judged.tune)
        values.append(average_precision(judged.tune_label, logits))
    return _counted(tried[int(np.argmax(values))], judged)


def _balanced(photos: ClassPhotos, repair: Balance, terms: Terms, least: int) -> Terms:
    """Return ``terms`` with reweighting by the concepts of ``repair`` and by those of before."""
    what = f"balance on {photos.student.name!r}"
    _need(photos, what, least)
    before = () if terms.balanced is None else terms.balanced.concepts
    concepts = tuple(sorted({*before, *repair.concepts}))
    fit, tune = photos.columns(concepts)
    try:
        given = fit, photos.fit_label, tune, photos.tune_label
        groups = photos.fit_group, photos.tune_group
        weighting = balance(*given, least=least, groups=groups)
    except DataError as error:
        raise TuningError(f"{what}: {error.message}", error.remedy) from None
    if min(weighting.effective) < LEAST_EFFECTIVE:
        raise TuningError(
            f"{what}: the effective sample of fit would be {weighting.effective[0]:.0f} positives "
            f"and {weighting.effective[1]:.0f} negatives; {LEAST_EFFECTIVE:g} of each are needed.",
            "Balance fewer concepts, or choose another lambda.",
        )
    weights = photos.spread_over_fit(weighting.weights).astype(np.float32)
    made = Balanced(concepts, weights, weighting.effective)
    return _counted(replace(terms, balanced=made), photos)


def _chosen(
    photos: ClassPhotos, wishes: Sequence[Wish], terms: Terms, box: Box, least: int
) -> Terms:
    """Return the combination of learn, doubt and lambda that ``choose`` takes by AP on ``tune``.

    If photos of ``tune`` are learned, AP is cross-fitted.
    """
    judged, by_ap = judging(photos, terms), [repair for repair in wishes if repair.value is None]
    need = [repair for repair in wishes if needs_labels(repair)]
    if need:
        what = " and ".join(repair.kind.key for repair in need)
        _need(judged, f"{what} on {photos.student.name!r}", least)
    able = enough(judged, least)
    tried = compared_terms(photos, wishes, terms, able=able)
    if len(tried) > 1:
        made = choose(judged.tune_label, logits_of_tune(judged, tried, box), judged.tune_group)
        # The user requested learning: take the best, not the first, which learns least.
        learns = any(isinstance(repair, Learn) for repair in by_ap)
        tried = [tried[made.best if learns else made.taken]]
    return _counted(tried[0], judged) if need or (by_ap and able) else tried[0]


def compared_terms(
    photos: ClassPhotos, repairs: Iterable[Wish], terms: Terms | None = None, *, able: bool = True
) -> list[Terms]:
    """Return the candidate terms that ``resolve_repairs`` compares by AP for ``repairs``, after
    ``terms`` (the student's); one if AP cannot choose (not ``able``) or has nothing to."""
    tried = [photos.student.terms if terms is None else terms]
    for repair in repairs:
        tried = [each for before in tried for each in _with(photos, repair, before, able=able)]
    return tried


def needs_labels(repair: Repair) -> bool:
    """Return True for a repair that needs labels of ``tune``."""
    if isinstance(repair, Learn):
        return repair.source == LABELS
    return isinstance(repair, Balance | Doubt) or repair.value is None


def _with(photos: ClassPhotos, repair: Wish, terms: Terms, *, able: bool) -> list[Terms]:
    """Return candidate terms after ``repair``; several if its value is free and AP can choose."""
    if isinstance(repair, Learn):
        return with_learned(photos, repair, terms, able=able)
    if isinstance(repair, Lambda):
        lambdas = lambdas_tried(photos.student, terms) if repair.value is None else [repair.value]
        return [replace(terms, penalty=value) for value in lambdas]
    values = DOUBTS if repair.value is None else (repair.value,)
    return [replace(terms, doubted=each) for each in _doubts(photos, values)]


def with_learned(
    photos: ClassPhotos, repair: Learn, terms: Terms, *, able: bool = True
) -> list[Terms]:
    """Return candidate terms that learn by ``repair``, one per weight of the learned photos.

    The weight is 1 if ``repair`` has none and AP cannot choose (not ``able``)."""
    learned, size = _more(photos) if repair.source == MORE else _of_tune(photos, repair.source)
    if repair.source == ANSWERS:
        learned = replace(learned, correction=_correction(photos, terms.taught))
    weights = [1.0] if repair.value is None else [repair.value]
    if repair.value is None and able:
        ratio = photos.fit_size / max(size, 1)
        # The weights at which all learned photos have one of SHARES of the loss.
        shares = (float(f"{ratio * share / (1 - share):.2g}") for share in SHARES)
        weights = sorted({1.0, *shares})
    # On tune a class learns either the teacher or the corrected teacher.
    gone = {TEACHER, ANSWERS} if repair.source in (TEACHER, ANSWERS) else {repair.source}
    others = tuple(each for each in terms.learned if each.source not in gone)
    return [
        replace(terms, learned=(*others, replace(learned, weight=weight))) for weight in weights
    ]


def _of_tune(photos: ClassPhotos, source: str) -> tuple[Learned, int]:
    """Return the photos of tune to learn from, and their number."""
    every = photos.student.store.rows(TUNE)
    held = None if np.array_equal(photos.seen, every) else tuple(photos.seen.tolist())
    return Learned(source, 1.0, held), len(photos.seen)


def _correction(photos: ClassPhotos, taught: Taught | None) -> Correction:
    """Fit the correction of the teacher to labels taught on tune and on added photos, by the
    teacher's log-odds and the scores of the concepts named like the class."""
    student, store = photos.student, photos.student.store
    taught = Taught(1.0, {}) if taught is None else taught
    images, labels = AllImages(store, taught.parts), taught.labels
    added = [row for row in images.added if images.names[row] in labels]
    rows = np.concatenate([store.rows(TUNE), np.array(added, dtype=np.intp)])
    answered = np.array([i for i, row in enumerate(rows) if images.names[row] in labels], dtype=int)
    if not answered.size:
        raise TuningError(
            f"learn on {student.name!r} is from {ANSWERS}, but no photo of tune and no added photo "
            "has a taught label.",
            "Label photos of tune, or added photos, first or in the same iteration.",
        )
    present = np.array([labels[images.names[row]] == 1 for row in rows[answered]])
    words = class_words(store, student.name)
    columns = images.scores(rows)[:, words].T.astype(np.float64)
    scores = {store.concepts[c]: column for c, column in zip(words, columns, strict=True)}
    teacher = images.teacher_log_odds(rows)[:, student.k].astype(np.float64)
    return corrected(teacher, scores, answered, present)


def _more(photos: ClassPhotos) -> tuple[Learned, int]:
    """Return the added photos to learn from, and their number."""
    store, parts = photos.student.store, tuple(sorted(photos.parts))
    if not parts:
        raise TuningError(
            f"learn on {photos.student.name!r} is from {MORE}, but no photos were added to "
            f"{store.path}.",
            "Add photos: " + Remedy("inficond extend SPEC FOLDER", "students.extend(FOLDER)"),
        )
    return Learned(MORE, 1.0, parts=parts), len(more_photos(store, parts))


def logits_of_tune(judged: ClassPhotos, tried: Sequence[Terms], box: Box | None = None) -> Array:
    """Return logits (m, n) on tune, cross-fitted if any candidate learns from tune."""
    if not any(each.of_tune for terms in tried for each in terms.learned):
        return logits_of_each(fit_each(judged.student, tried, box=box), judged.tune_scores)
    return held_out_logits(judged.student, tried, judged.tune, judged.tune_folds, box)


def lambdas_tried(student: ClassFit, terms: Terms) -> list[float]:
    """Return the lambdas that ``auto`` compares under other ``terms``; the first stays
    unless another gains more than one standard error."""
    if not terms.learned:
        return lambda_path(student.under(replace(terms, penalty=None)))
    values = compared_penalties(student.store)[::2]  # a value below the spec's may be best
    if terms.learned != student.terms.learned:
        return values
    here = student.data.penalties.lambda_of(student.column)
    return [here, *(value for value in values if value != here)]


def _doubts(photos: ClassPhotos, values: Sequence[float]) -> list[Doubted | None]:
    """Return the adaptive penalty for each of ``values``; ``[None]`` if no concept is suspect."""
    name, store = photos.student.name, photos.student.store
    shown = [int((photos.fit_label == side).sum()) for side in (1, 0)]
    if min(shown) < LEAST_LABELLED:
        raise TuningError(
            f"doubt on {name!r} needs {LEAST_LABELLED} positives and {LEAST_LABELLED} negatives on "
            f"fit; there are {shown[0]} and {shown[1]}.",
            "Label more training images, or use thumbs.",
        )
    doubt = photos.suspicion().doubt
    doubt[class_words(store, name)] = 0.0
    suspect = np.flatnonzero(doubt)
    if not suspect.size:
        return [None]
    names, made = [store.concepts[c] for c in suspect], list[Doubted | None]()
    for value in values:
        factors = (1 + value * doubt[suspect]).astype(np.float32).tolist()
        made.append(Doubted(value, dict(zip(names, factors, strict=True)) if value > 0 else {}))
    return made


def judging(photos: ClassPhotos, terms: Terms) -> ClassPhotos:
    """Return the photos of tune to choose terms by: without photos with taught labels."""
    labels = {} if terms.taught is None else terms.taught.labels
    images = photos.student.store.images
    kept = [row for row in photos.tune if images[row] not in labels]
    return photos if len(kept) == len(photos.tune) else photos.on(np.array(kept, dtype=np.intp))


def _counted(terms: Terms, photos: ClassPhotos) -> Terms:
    return replace(terms, used=max(terms.used, len(photos.tune)))


def enough(photos: ClassPhotos, least: int = LEAST_TUNE) -> bool:
    """Return True if tune has at least ``least`` positives and as many negatives, of which
    near-equal photos count once."""
    return bool(
        min(distinct(photos.tune_group, photos.tune_label == side) for side in (0, 1)) >= least
    )


def _need(photos: ClassPhotos, what: str, least: int) -> None:
    if not enough(photos, least):
        raise TuningError(
            f"{what} needs labels of tuning images: at least {LEAST_TUNE} positives and "
            f"{LEAST_TUNE} negatives of the class{counted_once(photos.tune_group)}.",
            "Label more tuning images, or use thumbs.",
        )
