"""Made differences between fit and tune, one kind at a time, of known strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inficond_panel.store import Store
from shift_parts.pairs import Split, biased, draw_split, find_pairs

HONEST, LOST, NOISE, MISSING, SHARE, PHOTOS, FEW = (
    *("none", "lost correlation", "labels wrong", "labels missing"),
    *("another share of the class", "other photos", "few photos"),
)
#: Strength of each kind: photos against the bias that are left, labels turned over, labels of
#: positives missing, negatives left, photos without (or with) a thing that are left, photos of fit.
STRENGTHS = {
    HONEST: {"": 0.0},
    LOST: {"weak": 0.3, "medium": 0.1, "strong": 0.02},
    NOISE: {"weak": 0.05, "medium": 0.1, "strong": 0.2},
    MISSING: {"weak": 0.2, "medium": 0.4, "strong": 0.6},
    SHARE: {"weak": 0.5, "medium": 0.25, "strong": 0.1},
    PHOTOS: {"weak": 0.3, "medium": 0.1, "strong": 0.03},
    FEW: {"weak": 300, "medium": 100, "strong": 50},
}
#: Positives of tune that a class needs here.
LEAST = 10


@dataclass(frozen=True)
class Made:
    """Class ``k`` with this kind of difference: the rows of ``fit``, their labels as they are
    given, and the logits of a teacher that knows the labels as they are given."""

    kind: str
    strength: str
    k: int
    seed: int
    note: str
    split: Split
    fit: NDArray[np.intp]
    label: NDArray
    logits: NDArray


def made_cases(
    store: Store, seeds: Sequence[int], strengths: Sequence[str], pairs: int = 12
) -> Iterator[Made]:
    """All kinds in these strengths, over all classes and redraws."""
    for seed in seeds:
        split = draw_split(store, seed)
        shown = (np.asarray(store.label)[split.tune] == 1).sum(axis=0)
        classes = np.flatnonzero(shown >= LEAST).tolist()
        for kind, values in STRENGTHS.items():
            for strength, value in values.items():
                if kind != HONEST and strength not in strengths:
                    continue
                if kind == LOST:
                    found = find_pairs(store, split)
                    for i in np.random.default_rng([seed, 77]).permutation(len(found))[:pairs]:
                        fit = biased(store, split.fit, found[i], value, seed)
                        note = store.classes[found[i].context]
                        yield _made(store, kind, strength, found[i].target, seed, note, split, fit)
                    continue
                for k in classes:
                    yield _of_class(store, kind, strength, value, k, seed, split)


def _of_class(
    store: Store, kind: str, strength: str, value: float, k: int, seed: int, split: Split
) -> Made:
    fit, rng, note = split.fit, np.random.default_rng([seed, k, 5]), ""
    present, chance = np.asarray(store.label)[fit, k] == 1, rng.random(len(fit))
    label = present.astype(int)
    if kind == NOISE:
        label = np.where(chance < value, 1 - label, label)
    elif kind == MISSING:
        label = np.where(chance < value, 0, label)
    kept = np.ones(len(fit), dtype=bool)
    if kind == SHARE:
        kept = present | (chance < value)
    elif kind == PHOTOS:
        # Photos with, or without, a common thing that is no class here, by its score.
        column = int(rng.integers(len(store.concepts)))
        note = store.concepts[column]
        score = np.asarray(store.concept_score[fit, column])
        kept = (score > np.median(score)) | (chance < value)
    elif kind == FEW:
        kept = np.isin(np.arange(len(fit)), rng.permutation(len(fit))[: int(value)])
    return _made(store, kind, strength, k, seed, note, split, fit[kept], label[kept])


def _made(
    store: Store,
    kind: str,
    strength: str,
    k: int,
    seed: int,
    note: str,
    split: Split,
    fit: NDArray[np.intp],
    label: NDArray | None = None,
) -> Made:
    """With a teacher that is strong by the labels as given, so wrong where they are."""
    given = (np.asarray(store.label)[:, k] == 1).astype(int)
    if label is not None:
        given[fit] = label
    rng = np.random.default_rng([seed, k, 6])
    logits = 2.5 * (2 * given - 1) + rng.normal(0, 1.2, len(given))
    return Made(kind, strength, k, seed, note, split, fit, given[fit], logits)
