"""Made differences between fit and tune, one kind at a time, of known strength."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageOps

from inficond_panel.store import Store
from precompute.batches.picture_properties import picture_properties
from shift_parts.pairs import Split, biased, draw_split, find_pairs

HONEST, LOST, NOISE, MISSING, MISSING_IN_TUNE, SHARE, PHOTOS, FEW = (
    *("none", "lost correlation", "labels wrong", "labels missing", "labels of tune missing"),
    *("another share of the class", "other photos", "few photos"),
)


def _compressed(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=20)
    return Image.open(file).convert("RGB")


def _bordered(image: Image.Image) -> Image.Image:
    return ImageOps.expand(image, max(2, max(image.size) // 16), fill=(20, 20, 20))


#: Changes of a picture, and properties by which each may be named.
CHANGES: Mapping[str, tuple[Callable[[Image.Image], Image.Image], frozenset[str]]] = {
    "pictures darkened": (
        lambda image: ImageEnhance.Brightness(image).enhance(0.6),
        frozenset({"dark images"}),
    ),
    "pictures in gray": (
        lambda image: image.convert("L").convert("RGB"),
        frozenset({"gray images", "pale images"}),
    ),
    "pictures compressed": (_compressed, frozenset({"images that look compressed"})),
    "pictures with a border": (_bordered, frozenset({"images with a border"})),
}
#: Strength of each kind: photos against the bias that are left, labels turned over, labels of
#: positives missing, negatives left, photos without (or with) a thing that are left, photos of fit,
#: positives whose picture is changed.
STRENGTHS = {
    HONEST: {"": 0.0},
    LOST: {"weak": 0.3, "medium": 0.1, "strong": 0.02},
    NOISE: {"weak": 0.05, "medium": 0.1, "strong": 0.2},
    MISSING: {"weak": 0.2, "medium": 0.4, "strong": 0.6},
    MISSING_IN_TUNE: {"weak": 0.2, "medium": 0.4, "strong": 0.6},
    SHARE: {"weak": 0.5, "medium": 0.25, "strong": 0.1},
    PHOTOS: {"weak": 0.3, "medium": 0.1, "strong": 0.03},
    FEW: {"weak": 300, "medium": 100, "strong": 50},
    **{kind: {"weak": 0.25, "medium": 0.5, "strong": 1.0} for kind in CHANGES},
}
#: Positives of fit and of tune that a class needs here.
LEAST = 10


@dataclass(frozen=True)
class Made:
    """Class ``k`` with this kind of difference: the rows of ``fit``, the ``label`` of each photo of
    the store as it is given, the logits of a teacher that knows the labels of all photos but those
    of ``tune`` as they are given, and the properties (images, P) of the pictures. Scores are those
    of the pictures as they were."""

    kind: str
    strength: str
    k: int
    seed: int
    note: str
    split: Split
    fit: NDArray[np.intp]
    label: NDArray
    logits: NDArray
    pictures: NDArray


class Pictures:
    """Photos of a store, by ``load``, and the properties that they have after a change."""

    def __init__(self, load: Callable[[str], Image.Image]) -> None:
        self._load = load
        self.changed = cache(self._changed)

    def _changed(self, image: str, kind: str) -> NDArray:
        return picture_properties(CHANGES[kind][0](self._load(image)))


def made_cases(
    store: Store,
    pictures: Pictures,
    seeds: Sequence[int],
    strengths: Sequence[str],
    pairs: int = 12,
    kinds: Sequence[str] = (),
) -> Iterator[Made]:
    """These kinds (all) in these strengths, over all classes and redraws."""
    for seed in seeds:
        split = draw_split(store, seed)
        for kind, strength in _wanted(kinds, strengths):
            value = STRENGTHS[kind][strength]
            if kind == LOST:
                yield from _biased(store, strength, value, seed, split, pairs)
                continue
            for k in _classes(store, split):
                if kind in CHANGES:
                    yield _of_pictures(store, pictures, kind, strength, value, k, seed, split)
                else:
                    yield _of_class(store, kind, strength, value, k, seed, split)


def _wanted(kinds: Sequence[str], strengths: Sequence[str]) -> Iterator[tuple[str, str]]:
    for kind in kinds or STRENGTHS:
        yield from ((kind, each) for each in STRENGTHS[kind] if each in ("", *strengths))


def _classes(store: Store, split: Split) -> list[int]:
    shown = [(np.asarray(store.label)[rows] == 1).sum(axis=0) for rows in (split.fit, split.tune)]
    return [int(k) for k in np.flatnonzero(np.min(shown, axis=0) >= LEAST)]


def _biased(
    store: Store, strength: str, leak: float, seed: int, split: Split, pairs: int
) -> Iterator[Made]:
    found = find_pairs(store, split)
    for i in np.random.default_rng([seed, 77]).permutation(len(found))[:pairs]:
        fit = biased(store, split.fit, found[i], leak, seed)
        note = store.classes[found[i].context]
        yield _made(store, LOST, strength, found[i].target, seed, note, split, fit)


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
    elif kind == MISSING_IN_TUNE:
        return _missing_in_tune(store, strength, value, k, seed, split)
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


def _missing_in_tune(
    store: Store, strength: str, value: float, k: int, seed: int, split: Split
) -> Made:
    made = _made(store, MISSING_IN_TUNE, strength, k, seed, "", split, split.fit)
    rng = np.random.default_rng([seed, k, 7])
    label = made.label.copy()
    label[split.tune[rng.random(len(split.tune)) < value]] = 0
    return replace(made, label=label)


def _of_pictures(
    store: Store,
    pictures: Pictures,
    kind: str,
    strength: str,
    share: float,
    k: int,
    seed: int,
    split: Split,
) -> Made:
    chance = np.random.default_rng([seed, k, 5]).random(len(store.images))
    made = _made(store, kind, strength, k, seed, "", split, split.fit)
    values = made.pictures.copy()
    for row in split.fit[(made.label[split.fit] == 1) & (chance[split.fit] < share)]:
        values[row] = pictures.changed(str(store.images[row]), kind)
    return replace(made, pictures=values)


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
    known = np.asarray(store.picture_property)
    return Made(kind, strength, k, seed, note, split, fit, given, logits, known)
