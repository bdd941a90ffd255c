"""Images that a reader picks out by what is decided on them, for a closer look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inficond_panel.results.patches import PATCHES_OF, patches_of
from inficond_panel.store import Store
from inficond_panel.tuning import Student

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
