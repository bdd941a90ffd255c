"""Value checks of a store: a rule for each array that could mislead without one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping

import numpy as np

from inficond_panel.store.schema import COORDINATES
from inficond_panel.vocabulary.splits import SPLITS

#: Sizes of dimensions by name.
Sizes = Mapping[Hashable, int]
#: What is wrong with an array, and the first place of it, () where that says nothing.
Fault = tuple[str, tuple[int, ...]]
Rule = Callable[[np.ndarray, Sizes], Fault | None]

#: Pixels of the longer side of a thumbnail; a label map is read whole.
MOST_SIDE = 8192
#: Segments that a label map, whose 0 stands for none, can tell apart in one image.
MOST_SEGMENTS = 255


def value_fault(
    name: str, values: np.ndarray, sizes: Sizes, *, signed: bool = False
) -> Fault | None:
    """Fault of the values of the array ``name``; None if they are sound.

    ``signed``: scores may be below 0.
    """
    rule = _finite if signed and name == "concept_score" else _RULES.get(name)
    return rule(values, sizes) if rule else None


def pieces_fault(name: str, offset: np.ndarray, lengths: np.ndarray | None, size: int) -> str:
    """Fault of the offsets of pieces that lie end to end in ``size`` values; "" if none.

    ``lengths`` are the lengths that the pieces must have; None: any.
    """
    steps = np.diff(offset)
    if offset[0] != 0 or offset[-1] != size or (steps < 0).any():
        return f"{name}_offset does not rise from 0 to the {size} values of {name}"
    if lengths is not None and (steps != lengths).any():
        image = int(np.flatnonzero(steps != lengths)[0])
        return f"{name}_offset does not fit thumbnail_shape, first at the image at {image}"
    return ""


def _names(values: np.ndarray, _: Sizes) -> Fault | None:
    names = [str(name) for name in values]
    if not all(name.strip() for name in names):
        return "has an empty name", ()
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        return f"names {twice!r} twice", ()
    return None


def _splits(values: np.ndarray, _: Sizes) -> Fault | None:
    known = np.logical_or.reduce([values == split for split in SPLITS])
    return _at(~known, f"are not {', '.join(SPLITS)}")


def _between(low: int, high: Callable[[Sizes], int]) -> Rule:
    def rule(values: np.ndarray, sizes: Sizes) -> Fault | None:
        most = high(sizes)
        return _at((values < low) | (values > most), f"are not {low} to {most}")

    return rule


def _segment_images(values: np.ndarray, sizes: Sizes) -> Fault | None:
    if fault := _IMAGES(values, sizes):
        return fault
    if (np.diff(values) < 0).any():
        return "does not ascend: segments lie in the order of their images", ()
    if len(values) and np.bincount(values).max() > MOST_SEGMENTS:
        return f"gives an image more than {MOST_SEGMENTS} segments", ()
    return None


def _finite(values: np.ndarray, _: Sizes) -> Fault | None:
    return _at(~np.isfinite(values), "are NaN or infinite")


def _scores(values: np.ndarray, _: Sizes) -> Fault | None:
    if not values.size or (values.min() >= 0 and values.max() < np.inf):  # false for nan
        return None
    return _at(~((values >= 0) & (values < np.inf)), "are below 0, NaN or infinite")


def _at(bad: np.ndarray, what: str) -> Fault | None:
    if not bad.any():
        return None
    first = np.unravel_index(int(bad.argmax()), bad.shape)
    return f"has {np.count_nonzero(bad)} values that {what}", tuple(int(at) for at in first)


_IMAGES = _between(0, lambda sizes: sizes["image"] - 1)
_RULES: dict[str, Rule] = {
    **dict.fromkeys(COORDINATES, _names),
    "split": _splits,
    "label": _between(-1, lambda _: 1),
    "segment_image": _segment_images,
    "segment_concept": _between(0, lambda sizes: sizes["concept"] - 1),
    "thumbnail_shape": _between(1, lambda _: MOST_SIDE),
    "concept_score": _scores,
    **dict.fromkeys(
        (
            "teacher_logit",
            "other_logit",
            "teacher_feature",
            "segment_cosine",
            "segment_embedding",
            "segment_box",
            "concept_text_embedding",
            "concept_projection",
            "score_centre",
            "segment_normaliser",
        ),
        _finite,
    ),
}
