"""Images that change sides between two iterations: which way, and whether for the better."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inficond_panel.common.ordering import strongest
from inficond_panel.tuning.student import Student


@dataclass(frozen=True)
class Flip:
    """One image on which a student decides otherwise than before.

    ``row`` is its position in the store; ``present`` what the student decides now; ``label`` 1, 0
    or −1 (ignored); ``teacher`` what the teacher decides. ``before`` and ``after`` are logits.
    """

    image: str
    row: int
    present: bool
    label: int
    teacher: bool
    before: float
    after: float

    @property
    def right(self) -> bool | None:
        """True if it is right now, by the label; None where the label is ignored."""
        return None if self.label < 0 else self.present == (self.label == 1)

    @property
    def agrees(self) -> bool:
        """True if it decides as the teacher now."""
        return self.present == self.teacher


@dataclass(frozen=True)
class Churn:
    """Images of one split on which a class's student changed sides, the largest change first."""

    split: str
    images: int
    flips: tuple[Flip, ...]

    def count(self, **wanted: object) -> int:
        """Number of flips with these values: ``count(present=True, right=False)``."""
        return len(self.ids(**wanted))

    def ids(self, **wanted: object) -> list[str]:
        """Ids of the images whose flips have these values; all without any."""
        return [
            flip.image
            for flip in self.flips
            if all(getattr(flip, name) == value for name, value in wanted.items())
        ]


def churn(before: Student, after: Student) -> Churn:
    """The images on which two students of one class decide differently, both on one split."""
    images, rows, present = after.store.images, after.rows, after.decided
    old, new = before.logits, after.logits
    moved = (new - old) - np.subtract(after.cutoff, before.cutoff)  # against the rivals too
    changed = np.flatnonzero(before.decided != present)
    order = changed[strongest(moved[changed])]
    flips = tuple(
        Flip(
            image=images[rows[i]],
            row=int(rows[i]),
            present=bool(present[i]),
            label=int(after.labels[i]),
            teacher=bool(after.teacher_decided[i]),
            before=float(old[i]),
            after=float(new[i]),
        )
        for i in order
    )
    return Churn(after.split, len(rows), flips)
