"""Segments of a concept, images that show a concept, and sets of picked images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.common.numbers import count
from inficond_panel.store import Store
from inficond_panel.store.shown import shown_counts
from inficond_panel.tuning import Student
from inficond_panel.vocabulary.splits import HOLDOUT

#: Patches kept for each concept.
PATCHES = 12
#: Kinds of patches: segments nearest to the concept's text, or segments assigned to the concept.
PATCHES_OF = ("nearest", "assigned")
_CHUNK = 64


@once(4)
def nearest_segments(store: Store) -> tuple[np.ndarray, np.ndarray]:
    """Return the segments nearest to each concept's text vector, best first (InFiConD, sec. 5).

    Returns ``(segments, cosines)``, each ``(C, k)`` with ``k`` up to ``PATCHES``. Segments of
    holdout images are left out: these images are shown only on request.
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
    """Return all segments grouped by assigned concept, nearest first, and where each group starts.

    Shapes are ``(S,)`` and ``(C + 1,)``. A segment is assigned to the concept that matches it best
    (InFiConD, sec. 4.2). Segments of holdout images are included.
    """
    order = np.lexsort((-store.segment_cosine, store.segment_concept))
    begins = np.searchsorted(store.segment_concept[order], np.arange(len(store.concepts) + 1))
    return order, begins


def assigned_segments(store: Store, concept: int) -> np.ndarray:
    """Return the indices of a concept's assigned segments, nearest first; empty without any."""
    order, begins = assigned_order(store)
    return np.asarray(order[begins[concept] : begins[concept + 1]])


def assigned_counts(store: Store) -> np.ndarray:
    """Return the number of segments assigned to each concept, ``(C,)``."""
    return np.diff(assigned_order(store)[1])


def patches_of(store: Store, concept: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return up to ``PATCHES`` segments of a concept, best first, and their cosines with its text.

    ``kind`` is one of ``PATCHES_OF``. Segments of holdout images are left out.
    """
    if kind == "nearest":
        segments, cosines = nearest_segments(store)
        return segments[concept], cosines[concept]
    assigned = _assigned_patches(store)[concept]
    return assigned, store.segment_cosine[assigned]


@once(4)
def _assigned_patches(store: Store) -> list[np.ndarray]:
    """Return up to ``PATCHES`` nearest segments assigned to each concept, none of the holdout."""
    order, begins = assigned_order(store)
    shown = (store.split != HOLDOUT)[store.segment_image[order]]
    return [
        order[begin:end][shown[begin:end]][:PATCHES] for begin, end in pairwise(begins.tolist())
    ]


@once(4)
def shown_segments(store: Store) -> np.ndarray:
    """Return the ascending indices of all segments that are patches of a concept, of any kind."""
    segments = [
        patches_of(store, c, kind)[0] for c in range(len(store.concepts)) for kind in PATCHES_OF
    ]
    return np.unique(np.concatenate(segments))


def _top(values: np.ndarray, k: int) -> np.ndarray:
    """Return the column indices of the ``k`` largest values of each row, largest first."""
    largest = np.argpartition(values, values.shape[1] - k, axis=1)[:, values.shape[1] - k :]
    order = np.argsort(-np.take_along_axis(values, largest, axis=1), axis=1, kind="stable")
    return np.take_along_axis(largest, order, axis=1)


def best_segment(store: Store, image: int, concept: int) -> int:
    """Return the index of an image's segment nearest to a concept's text; −1 without segments."""
    segments = store.segments_of(image)
    if not len(segments):
        return -1
    embedding = store.segment_embedding[segments].astype(np.float32)
    return int(segments[np.argmax(embedding @ store.concept_text_embedding[concept])])


def assigned_images(store: Store, concept: int) -> np.ndarray:
    """Return the store rows of images with a segment assigned to ``concept`` (InFiConD, sec. 4.2);
    none if the store has no segments."""
    return np.unique(store.segment_image[assigned_segments(store, concept)])


@once(4)
def tells_presence(store: Store) -> np.ndarray:
    """Return per concept ``(C,)`` whether no score is below 0, so that 0 means absent."""
    return np.asarray(store.concept_score.min(axis=0) >= 0)


def showing(store: Store, concept: int, score: np.ndarray) -> np.ndarray:
    """Return the indices into ``score`` of the images that show the concept, strongest first.

    If the concept has scores below 0, no score means absent, and all images are returned.
    """
    order = np.argsort(-score, kind="stable")
    return order[score[order] > 0] if tells_presence(store)[concept] else order


#: Sides of a class by label: its positives and its negatives.
LABEL_OF_SIDE = {"positives": 1, "negatives": 0}


@dataclass(frozen=True)
class ImageSet:
    """Set of images that a person picked while ``split`` was shown.

    ``rows`` are their positions in the store, in display order; ``title`` states what they have in
    common. ``class_name`` is the class whose student or labels say which images these are; "" if
    they are the same for all classes, as a slice is. The ``concept``, if any, is outlined; the
    image at row ``enlarged`` is shown enlarged. ``link`` are the keys and words that name the set
    in a link to the page; empty if no link can (``results.picked_images``).
    """

    class_name: str
    title: str
    split: str
    rows: tuple[int, ...]
    concept: str = ""
    enlarged: int | None = None
    link: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> str:
        """How many images these are, and what they have in common."""
        return f"{count(len(self.rows), 'image')}: {self.title}"

    def fits(self, class_name: str) -> bool:
        """Return True if these images mean the same while another class is selected."""
        return self.class_name in ("", class_name)


def image_set(
    student: Student,
    title: str,
    rows: Sequence[int] | np.ndarray,
    concept: str = "",
    enlarged: int | None = None,
) -> ImageSet:
    """Return the images at ``rows`` of the store, which a student or its class's labels define."""
    chosen = tuple(int(row) for row in rows)
    return ImageSet(student.class_name, title, student.split, chosen, concept, enlarged)


def shared_image_set(student: Student, title: str, rows: Sequence[int] | np.ndarray) -> ImageSet:
    """Return the images at ``rows`` of the store, which are the same for all classes; they are in
    the order of a student's errors."""
    return replace(image_set(student, title, rows), class_name="")


def patch_images(store: Store, concept: str, kind: str) -> np.ndarray:
    """Return the store rows of the images with a concept's patches of a ``kind`` of ``PATCHES_OF``,
    the most similar first."""
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
    """Return the store rows of a class's positives or negatives (``side``), filtered by decisions.

    ``teacher_right`` and ``student_right`` keep images that each decides right (True) or wrong
    (False); None keeps both. The student's worst decisions come first: the lowest logits of
    positives, the highest of negatives.
    """
    label = LABEL_OF_SIDE[side]
    chosen = student.labels == label
    sides = (student_right, student.decided), (teacher_right, student.teacher_decided)
    for right, present in sides:
        if right is not None:
            chosen &= (present == bool(label)) == right
    return worst_first(student, chosen)


def worst_first(student: Student, mask: np.ndarray) -> np.ndarray:
    """Return the store rows of the split's images in ``mask``, the student's worst decisions first.

    Images without a label come last.
    """
    chosen = np.flatnonzero(mask)
    label, excess = student.labels[chosen], (student.logits - student.cutoff)[chosen]
    margin = np.where(label < 0, np.inf, np.where(label == 1, excess, -excess))
    return student.rows[chosen[np.argsort(margin, kind="stable")]]


def presence(store: Store, rows: np.ndarray) -> np.ndarray:
    """Return the share ``(C,)`` of the images at ``rows`` of the store that show each concept.

    An image shows a concept if one of its segments is assigned to the concept; without segments, if
    its score is above 0. The shares are nan without images, and where no score means absent.
    """
    if not len(rows):
        return np.full(len(store.concepts), np.nan)
    if not store.holds("segments"):
        shown = (store.concept_score[np.sort(rows)] > 0).mean(axis=0)
        return np.where(tells_presence(store), shown, np.nan)
    return shown_counts(store, rows) / len(rows)
