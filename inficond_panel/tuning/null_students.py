"""Null students: what students of random words, in place of the concepts, make of the same teacher.

The null of a student has the same target, the same rule for λ, and the same solver; only the scores
differ. If the students of the concepts do not rank images better at equal numbers of concepts,
their names are no reason.

The scores of the null are those of random words next to the store (``concepts.random_words``).
Where there are none, they are random mixtures of the concepts' scores: standardised scores, added
up with normal weights. A mixture has no name, and all mixtures together hold what the scores hold.
This is a floor: random words are words, of which some may suit the images by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.common.arrays import empty
from inficond_panel.common.cache import once
from inficond_panel.common.threads import one_thread
from inficond_panel.concepts.random_words import random_words
from inficond_panel.distill import Fit, Outcome, decision_function, solve
from inficond_panel.distill.sizes import students_of_sizes
from inficond_panel.distill.solver.exact import students_together
from inficond_panel.distill.spread import spread
from inficond_panel.errors import Remedy, TuningError
from inficond_panel.store import Store
from inficond_panel.store.view import StoreView
from inficond_panel.tuning.fitting.images import scores_on
from inficond_panel.tuning.history.history import History
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.splits import FIT
from inficond_panel.vocabulary.tasks import SIGMOID

#: What the null reads in place of the concepts.
RANDOM_WORDS, MIXTURES = "random words", "random mixtures"
#: Numbers of concepts at which students are compared.
SIZES = (5, 10, 20)
#: Size of a student whose number of concepts its λ decides.
SIZE_BY_LAMBDA = "all"
#: Largest product of training images, concepts and classes for which students are compared without
#: being asked to: about a minute on one core.
AT_HAND = 10**8
#: Images whose scores are mixed at one time.
_BLOCK = 1 << 13


@dataclass(frozen=True, eq=False)
class Sized:
    """A student of one class with at most a number of concepts: how many it has, and its outcome
    (labels and logits) on a split."""

    concepts: int
    outcome: Outcome


#: Students of one class by size: 5, 10, 20, "all".
BySize = Mapping[int | str, Sized]


@dataclass(frozen=True, eq=False)
class NullStudents:
    """Students of the concepts, and of the null, by class and size, on one split.

    ``kind`` says what the null reads: ``RANDOM_WORDS`` or ``MIXTURES``; ``words`` are the random
    words, () for mixtures.
    """

    kind: str
    words: tuple[str, ...]
    named: Mapping[str, BySize]
    random: Mapping[str, BySize]


def null_students(
    tuner: Tuner, split: str, classes: tuple[str, ...], *, by_lambda: bool = True
) -> NullStudents:
    """Return the original students of ``classes`` and their null, by size, on ``split``; cached.

    All are fitted to the images of ``fit``. If the store has one softmax student, both sides are
    students per class. Numbers of concepts are those of ``SIZES`` that are fewer than both sides
    have. Students whose size λ decides come with them if ``by_lambda``, or if there are no others:
    to choose λ for the null takes most of the time. Takes seconds. Raises ``TuningError`` for
    students of the paper's recipe, and ``StoreFormatError`` if the random words are damaged.
    """
    check_comparable(tuner)
    kind, null = _null_tuner(tuner)
    smaller = tuple(size for size in _smaller(tuner) if size in _smaller(null))
    some: list[tuple[int | str, ...]] = [smaller] if smaller else []
    if by_lambda or not smaller:
        some.append((SIZE_BY_LAMBDA,))
    parts = [_students(tuner, split, classes, sizes) for sizes in some]
    named, random = (_joined(side) for side in zip(*parts, strict=True))
    words = tuple(null.store.concepts) if kind == RANDOM_WORDS else ()
    return NullStudents(kind, words, named, random)


def _smaller(tuner: Tuner) -> tuple[int, ...]:
    """Return the sizes that are fewer than all concepts."""
    return tuple(size for size in SIZES if size < len(tuner.store.concepts))


def _joined(parts: Sequence[Mapping[str, BySize]]) -> dict[str, BySize]:
    """Return the students of each class by the sizes of all parts."""
    return {
        name: {size: student for part in parts for size, student in part[name].items()}
        for name in parts[0]
    }


def check_comparable(tuner: Tuner) -> None:
    """Raise ``TuningError`` for students of the paper's recipe, which have no numbers of concepts:
    its steps leave few weights at 0."""
    if tuner.spec.students.solver != "exact":
        raise TuningError(
            "Students of the paper's recipe cannot be compared with random words at equal numbers "
            "of concepts.",
            Remedy("Write students.solver: exact.", "Open a spec with students.solver: exact."),
        )


def is_at_hand(tuner: Tuner, classes: Sequence[str]) -> bool:
    """Return True if ``null_students`` takes seconds for these classes, not minutes."""
    images, concepts = tuner.store.scores_of(FIT).shape
    exact = tuner.spec.students.solver == "exact"
    return exact and images * concepts * len(classes) <= AT_HAND


def null_store(store: Store, seed: int = 0) -> tuple[str, Store]:
    """Return the kind of null, and the store with its words and scores in place of the concepts;
    ``seed`` draws mixtures."""
    found = random_words(store)
    if found is not None:
        return RANDOM_WORDS, with_scores(store, *found)
    names = [f"mixture {number}" for number in range(1, len(store.concepts) + 1)]
    return MIXTURES, with_scores(store, names, mixed_scores(store, seed))


def with_scores(store: Store, names: Sequence[str], scores: NDArray) -> Store:
    """Return a store seen with other concepts: ``names``, and ``scores`` ``(image, concept)``,
    without segments, texts or maps."""
    variables = store.dataset.variables
    arrays = {"concept": np.array(list(names), dtype=np.dtypes.StringDType())}
    arrays["concept_score"] = np.ascontiguousarray(scores, dtype=np.float32)
    others = [
        str(name) for name, each in variables.items() if {"concept", "segment"} & {*each.dims}
    ]
    return StoreView(store, arrays, {"synonyms": {}, "typed": []}, set(others) - arrays.keys())


def mixed_scores(store: Store, seed: int = 0) -> NDArray:
    """Return random mixtures ``(image, concept)`` float32 of a store's concept scores.

    A mixture is the sum of all scores, standardised on ``fit``, with normal weights. Mixture c has
    the standard deviation that concept c has on ``fit``, so that λ means the same.
    """
    scores, fit = store.concept_score, store.scores_of(FIT)
    mean, sd = fit.mean(axis=0, dtype=np.float64), spread(fit)
    count = len(sd)
    unit = np.divide(1.0, sd, out=np.zeros(count), where=sd > 0)
    weights = np.random.default_rng(seed).normal(size=(count, count)) * unit[:, None]
    mixed = empty(scores.shape, np.float32)
    for first in range(0, len(scores), _BLOCK):
        some = slice(first, first + _BLOCK)
        mixed[some] = (scores[some] - mean) @ weights
    wide = spread(mixed[store.rows(FIT)])
    mixed *= np.divide(sd, wide, out=np.zeros(count), where=wide > 0).astype(np.float32)
    return mixed


@once(16)
def _students(
    tuner: Tuner, split: str, classes: tuple[str, ...], sizes: tuple[int | str, ...]
) -> tuple[dict[str, BySize], dict[str, BySize]]:
    """Return the students of the concepts, and of the null, of these sizes, by class."""
    with one_thread():
        _, null = _null_tuner(tuner)
        plain = tuner.with_students(link=SIGMOID) if tuner.joint else tuner
        named, random = (
            dict(students_by_size(each, split, classes, sizes)) for each in (plain, null)
        )
    return named, random


@once(4)
def _null_tuner(tuner: Tuner) -> tuple[str, Tuner]:
    """Return the kind of null, and the tuner of its students, with a history in memory."""
    kind, store = null_store(tuner.store)
    made = Tuner(store, tuner.spec, History(":memory:"), workers=tuner.workers)
    return kind, made.with_students(link=SIGMOID) if tuner.joint else made


def students_by_size(
    tuner: Tuner,
    split: str,
    classes: Sequence[str],
    sizes: Sequence[int | str] = (*SIZES, SIZE_BY_LAMBDA),
) -> Iterator[tuple[str, BySize]]:
    """Yield each class with its original students by size, with outcomes on ``split``; several
    classes are solved at one time. Of ``sizes`` those that are fewer than all concepts count."""
    data, scores = tuner.unpenalised, scores_on(tuner.store, split)
    numbers = [size for size in _smaller(tuner) if size in sizes]
    together = max(students_together(len(data.images)) // (len(SIZES) + 1), 1)
    for first in range(0, len(classes), together):
        some = classes[first : first + together]
        columns = np.array([tuner.store.classes.index(name) for name in some])
        fits: dict[int | str, Fit] = dict(_sized(tuner, columns, numbers))
        if SIZE_BY_LAMBDA in sizes:  # as the students themselves are solved: both have one AP
            problem = tuner.fit_data.problem(columns.tolist())
            fits[SIZE_BY_LAMBDA] = solve(problem, tolerance=tuner.spec.students.tolerance)
        logits = {
            size: decision_function(scores, fit.weights, fit.intercepts)
            for size, fit in fits.items()
        }
        for number, name in enumerate(some):
            yield (
                name,
                {
                    size: Sized(
                        int(np.count_nonzero(fit.weights[:, number])),
                        _outcome(tuner.store, split, int(columns[number]), logits[size][:, number]),
                    )
                    for size, fit in fits.items()
                },
            )


def _sized(
    tuner: Tuner, columns: NDArray[np.intp], sizes: Sequence[int]
) -> Iterator[tuple[int, Fit]]:
    """Return students of the classes at ``columns`` with at most each of the ``sizes``; all sizes
    are solved at one time."""
    unit = tuner.unpenalised
    largest = np.array([unit.largest_lambda(int(k)) for k in columns])
    fits = students_of_sizes(unit.problem(columns.tolist()), sizes, largest) if sizes else []
    return zip(sizes, fits, strict=True)


def _outcome(store: Store, split: str, k: int, logits: NDArray) -> Outcome:
    return Outcome(store.label[store.rows(split), k], logits, group=store.groups_on(split))
