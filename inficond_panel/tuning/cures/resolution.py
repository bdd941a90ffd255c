"""From cures to terms: weights, penalties and label weights, as the labels of ``tune`` choose them.

Those of one iteration are carried out in the order of ``vocabulary.cures``: labels, balance, then
doubt and lambda together, by the AP on the photos of ``tune`` that are not taught themselves. The
original student's lambda without a doubt stays where another gains no more than noise (``choice``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from inficond_panel.concepts.texts import words_for
from inficond_panel.distill import Fit, average_precision, decision_function, fit
from inficond_panel.distill.scores.scores import Array
from inficond_panel.distill.shift.balance import balance
from inficond_panel.errors import DataError, TuningError
from inficond_panel.tuning.cures.choice import choose
from inficond_panel.tuning.fitting.class_fit import ClassFit
from inficond_panel.tuning.fitting.terms import Balanced, Doubted, Taught, Terms
from inficond_panel.tuning.intents.cures import Balance, Cure, Doubt, Label, Lambda
from inficond_panel.tuning.shift.class_photos import LEAST_FIT, ClassPhotos
from inficond_panel.vocabulary.tasks import SOFTMAX

#: Values of ``doubt`` that are tried: the L1 penalty is times 1 + this × the concept's reliance ×
#: lost bond.
DOUBTS = (0.0, 0.3, 1.0, 3.0, 10.0)
#: Factor from one lambda of the path to the next, from the spec's up; values at most.
PATH_STEP = 10**0.5
MOST_STEPS = 7
#: Weights of a taught photo that are tried, in photos of fit; and the one where none can be judged.
LABEL_WEIGHTS = (0.0, 1.0, 3.0, 10.0, 30.0)
UNJUDGED_WEIGHT = 3.0
#: Photos of tune of each kind that a choice by AP needs; and where one of five folds is left out.
LEAST_TUNE, LEAST_OUTSIDE_FOLD = 5, 4
#: Effective photos of fit, of each kind, below which weights of photos are refused.
LEAST_EFFECTIVE = 10.0
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Resolved:
    """Terms of one class; ``tried`` are the students among which AP chose its penalties, if any."""

    terms: Terms
    tried: Fit | None = None


def resolve_cures(
    photos: ClassPhotos,
    cures: Iterable[Cure],
    lower: Array,
    upper: Array,
    least: int = LEAST_TUNE,
) -> Resolved:
    """Terms of one class after ``cures`` in canonical form, from those of the student before.

    ``photos`` hold that student, and the photos of ``tune`` that may choose, ``least`` of each kind
    or more; ``lower`` and ``upper`` ``(C, 1)`` are the bounds in force after. Raises
    ``TuningError`` where the labels of ``tune`` or ``fit`` are too few, or a balance would leave
    too few photos of ``fit``.
    """
    given = list(cures)
    terms = photos.student.terms
    labels = {cure.image: cure.value for cure in given if isinstance(cure, Label)}
    if labels:
        terms = _taught(photos, labels, terms, lower, upper, least)
    for cure in given:
        if isinstance(cure, Balance):
            terms = _balanced(photos, cure, terms, least)
    doubt = next((cure for cure in given if isinstance(cure, Doubt)), None)
    penalty = next((cure for cure in given if isinstance(cure, Lambda)), None)
    if doubt is not None or penalty is not None:
        return _penalised(photos, doubt, penalty, terms, lower, upper, least)
    return Resolved(terms)


def lambda_path(student: ClassFit) -> list[float]:
    """Values of lambda from the spec's up, to the last that leaves a weight, at most MOST_STEPS.

    Of a joint student to the first that reaches those of the other classes together: beyond it the
    class's weights are 0, the others carry the difference, and nothing changes any more.
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
    labels: dict[str, int],
    terms: Terms,
    lower: Array,
    upper: Array,
    least: int,
) -> Terms:
    """Terms with the labels, at the weight with the highest AP on photos that are not taught."""
    before = {} if terms.taught is None else terms.taught.labels
    every = {**before, **labels}
    judged = _not_taught(photos, every)
    if not enough(judged, least):
        seen = len(photos.tune) - len(judged.tune)  # that teach, and so cannot judge
        taught = Taught(UNJUDGED_WEIGHT, every)
        return replace(terms, taught=taught, used=max(terms.used, seen))
    tried = [replace(terms, taught=Taught(weight, every)) for weight in LABEL_WEIGHTS]
    values = [_ap(photos.student.under(each, lower, upper), judged) for each in tried]
    return _counted(tried[int(np.argmax(values))], judged)


def _balanced(photos: ClassPhotos, cure: Balance, terms: Terms, least: int) -> Terms:
    """Terms with these concepts balanced, beside the ones balanced before."""
    what = f"balance on {photos.student.name!r}"
    _need(photos, what, least)
    before = () if terms.balanced is None else terms.balanced.concepts
    concepts = tuple(sorted({*before, *cure.concepts}))
    columns = [photos.concepts.index(name) for name in concepts]
    try:
        found = balance(
            photos.fit_scores[:, columns],
            photos.fit_label,
            photos.tune_scores[:, columns],
            photos.tune_label,
            least=least,
        )
    except DataError as error:
        raise TuningError(f"{what}: {error.message}", error.remedy) from None
    if min(found.effective) < LEAST_EFFECTIVE:
        raise TuningError(
            f"{what} would leave {found.effective[0]:.0f} effective "
            f"positive photos of fit and {found.effective[1]:.0f} negative; "
            f"{LEAST_EFFECTIVE:g} of each are needed.",
            "Balance fewer concepts, or choose another lambda.",
        )
    weights = photos.spread_over_fit(found.weights).astype(np.float32)
    made = Balanced(concepts, weights, found.effective)
    return _counted(replace(terms, balanced=made), photos)


def _penalised(
    photos: ClassPhotos,
    doubt: Doubt | None,
    penalty: Lambda | None,
    terms: Terms,
    lower: Array,
    upper: Array,
    least: int,
) -> Resolved:
    """Terms with the doubt and the lambda asked for, or chosen together."""
    judged = judging(photos, terms)
    chosen = [cure for cure in (doubt, penalty) if cure is not None and cure.value is None]
    if doubt is not None or chosen:
        what = " and ".join(cure.kind.key for cure in (doubt, penalty) if cure is not None)
        _need(judged, f"{what} on {photos.student.name!r}", least)
    doubts: list[Doubted | None] = [terms.doubted]
    if doubt is not None:
        values = DOUBTS if doubt.value is None else (doubt.value,)
        doubts = _doubts(photos, values)
    tried = [replace(terms, doubted=each) for each in doubts]
    if penalty is not None:
        tried = [replace(t, penalty=v) for t in tried for v in _lambdas(photos, penalty, t)]
    found = None
    if len(tried) > 1:
        found = joint_fit(photos.student, tried, lower, upper)
        tried = [tried[choose(judged.tune_label, _logits(found, judged)).taken]]
    counts = doubt is not None or chosen
    return Resolved(_counted(tried[0], judged) if counts else tried[0], found)


def _lambdas(photos: ClassPhotos, penalty: Lambda, terms: Terms) -> list[float]:
    if penalty.value is not None:
        return [penalty.value]
    return lambda_path(photos.student.under(replace(terms, penalty=None)))


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


def joint_fit(student: ClassFit, tried: Sequence[Terms], lower: Array, upper: Array) -> Fit:
    """Students under each of these terms, fitted together: they differ in their penalties alone.

    ``lower`` and ``upper`` ``(C, 1)`` are their bounds.
    """
    made = [student.under(terms, lower, upper) for terms in tried]
    data, k = made[0].data, student.k
    columns = np.zeros(len(tried), dtype=np.intp)
    return fit(
        data.gathered,
        data.targets[:, [k]][:, columns],
        l1=np.stack([np.broadcast_to(m.data.l1_of(k), len(lower)) for m in made], axis=1),
        l2=float(data.l2[k]),
        lower=lower[:, columns],
        upper=upper[:, columns],
        sample_weight=data.weight(k),
        start=student.base.at(columns),
        tolerance=_TOLERANCE,
    )


def _logits(found: Fit, judged: ClassPhotos) -> Array:
    """Logits (m, n) of the photos of tune by each student."""
    return decision_function(judged.tune_scores, found.weights, found.intercepts).T


def _ap(student: ClassFit, judged: ClassPhotos) -> float:
    return average_precision(judged.tune_label, student.logits(student.base, judged.tune))


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
