"""Segments that stand for a concept, images that show it, and images picked for a closer look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.store import Store
from inficond_panel.tuning import Student
from inficond_panel.vocabulary.splits import HOLDOUT

#: Patches kept for each concept.
PATCHES = 12
#: Segments that stand for a concept: nearest to its text, or those whose best concept it is.
PATCHES_OF = ("nearest", "assigned")
_CHUNK = 64


@once(4)
def nearest_segments(store: Store) -> tuple[np.ndarray, np.ndarray]:
    """For each concept the segments nearest to its text vector, best first (InFiConD, sec. 5).

    Returns ``(segments, cosines)``, both ``(C, k)`` with ``k`` up to ``PATCHES``. Segments of
    holdout images are left out: looking at the holdout is a deliberate act.
    """
    shown = np.flatnonzero(store.split[store.segment_image] != HOLDOUT)
    embedding = store.segment_embedding[shown].astype(np.float32)
    text = store.concept_text_embedding
    k = min(PATCHES, len(shown))
    best = np.empty((len(text), k), dtype=np.int64)
    cosines = np.empty((len(text), k), dtype=np.float32)
    for start in range(0, len(text), _CHUNK):
        similarity = text[start : start + _CHUNK] @ embedding.T
        order = _top(similarity, k)
        best[start : start + _CHUNK] = order
        cosines[start : start + _CHUNK] = np.take_along_axis(similarity, order, axis=1)
    return shown[best], cosines


@once(4)
def assigned_order(store: Store) -> tuple[np.ndarray, np.ndarray]:
    """Sort all segments by best concept, nearest first; return them with each concept's start.

    Shapes ``(S,)`` and ``(C + 1,)``. A concept is the aggregate of its best-matching segments
    (InFiConD, sec. 4.2). Segments of holdout images are included.
    """
    order = np.lexsort((-store.segment_cosine, store.segment_concept))
    begins = np.searchsorted(store.segment_concept[order], np.arange(len(store.concepts) + 1))
    return order, begins


def assigned_segments(store: Store, concept: int) -> np.ndarray:
    """Segments whose best concept this one is, nearest first; none where the store has none."""
    order, begins = assigned_order(store)
    return np.asarray(order[begins[concept] : begins[concept + 1]])


def assigned_counts(store: Store) -> np.ndarray:
    """Number of segments ``(C,)`` whose best concept each one is."""
    return np.diff(assigned_order(store)[1])


def patches_of(store: Store, concept: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Up to ``PATCHES`` segments that stand for a concept, best first, and their cosines.

    ``kind`` is one of ``PATCHES_OF``. None is of a holdout image.
    """
    if kind == "nearest":
        segments, cosines = nearest_segments(store)
        return segments[concept], cosines[concept]
    assigned = _assigned_patches(store)[concept]
    return assigned, store.segment_cosine[assigned]


@once(4)
def _assigned_patches(store: Store) -> list[np.ndarray]:
    """For each concept the nearest of the segments assigned to it, without those of holdout."""
    order, begins = assigned_order(store)
    shown = (store.split != HOLDOUT)[store.segment_image[order]]
    return [
        order[begin:end][shown[begin:end]][:PATCHES] for begin, end in pairwise(begins.tolist())
    ]


@once(4)
def shown_segments(store: Store) -> np.ndarray:
    """Segments that are a patch of some concept, of either kind, in ascending order."""
    segments = [
        patches_of(store, c, kind)[0] for c in range(len(store.concepts)) for kind in PATCHES_OF
    ]
    return np.unique(np.concatenate(segments))


def _top(values: np.ndarray, k: int) -> np.ndarray:
    """Positions of the ``k`` largest values of each row, largest first."""
    largest = np.argpartition(values, values.shape[1] - k, axis=1)[:, values.shape[1] - k :]
    order = np.argsort(-np.take_along_axis(values, largest, axis=1), axis=1, kind="stable")
    return np.take_along_axis(largest, order, axis=1)


def best_segment(store: Store, image: int, concept: int) -> int:
    """The image's segment nearest to the concept's text, or −1 for an image without segments."""
    segments = store.segments_of(image)
    if not len(segments):
        return -1
    embedding = store.segment_embedding[segments].astype(np.float32)
    return int(segments[np.argmax(embedding @ store.concept_text_embedding[concept])])


def assigned_images(store: Store, concept: int) -> np.ndarray:
    """Positions of the images with a segment whose best concept is this one (InFiConD, sec. 4.2).

    None where the store has no segments.
    """
    if not store.holds("segments"):
        return np.empty(0, np.int64)
    return np.unique(store.segment_image[assigned_segments(store, concept)])


@once(4)
def tells_presence(store: Store) -> np.ndarray:
    """True for each concept ``(C,)`` with scores of 0 or more, where 0 means that it is absent."""
    zero_is_absent: np.ndarray = store.concept_score.min(axis=0) >= 0
    return zero_is_absent


def showing(store: Store, concept: int, score: np.ndarray) -> np.ndarray:
    """Positions in ``score`` of the images in which the concept is present, strongest first.

    All images for a concept with scores below 0, since no score then means that it is absent.
    """
    order = np.argsort(-score, kind="stable")
    return order[score[order] > 0] if tells_presence(store)[concept] else order


#: Sides of a class by label: its positives and its negatives.
SIDES = {"positives": 1, "negatives": 0}


@dataclass(frozen=True)
class ImageSet:
    """Images picked out while ``split`` was in view, for the student of one class.

    ``rows`` are their positions in the store, in the order in which they are shown; ``title`` says
    what they have in common. A ``concept`` is outlined in them; one of them may be ``enlarged``.
    """

    class_name: str
    title: str
    split: str
    rows: tuple[int, ...]
    concept: str = ""
    enlarged: int | None = None


def image_set(
    student: Student,
    title: str,
    rows: Sequence[int] | np.ndarray,
    concept: str = "",
    enlarged: int | None = None,
) -> ImageSet:
    """Images for a student, under a title."""
    chosen = tuple(int(row) for row in rows)
    return ImageSet(student.class_name, title, student.split, chosen, concept, enlarged)


def patch_images(store: Store, concept: str, kind: str = PATCHES_OF[0]) -> np.ndarray:
    """Rows of the images that the patches of a concept are cut from, the most similar first.

    ``kind`` is one of ``PATCHES_OF``.
    """
    segments, _ = patches_of(store, store.concepts.index(concept), kind)
    images, first = np.unique(store.segment_image[segments], return_index=True)
    return np.asarray(images[np.argsort(first)])


def decided_images(
    student: Student,
    side: str,
    *,
    teacher_right: bool | None = None,
    student_right: bool | None = None,
) -> np.ndarray:
    """Rows of the positives or negatives of a split that were decided so; None: either way.

    What the student decides worst comes first: the lowest logit of the positives, the highest of
    the negatives.
    """
    label = SIDES[side]
    chosen = student.labels == label
    sides = (student_right, student.decided), (teacher_right, student.teacher_decided)
    for right, present in sides:
        if right is not None:
            chosen &= (present == bool(label)) == right
    return worst_first(student, chosen)


def worst_first(student: Student, mask: np.ndarray) -> np.ndarray:
    """Rows of the images of a split that a mask names, what the student decides worst first.

    Images without a label come last.
    """
    places = np.flatnonzero(mask)
    label, excess = student.labels[places], (student.logits - student.cutoff)[places]
    margin = np.where(label < 0, np.inf, np.where(label == 1, excess, -excess))
    return student.rows[places[np.argsort(margin, kind="stable")]]
