"""Images that change sides between two iterations: which way, and whether for the better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from inficond_panel.tuning.node import Node
    from inficond_panel.tuning.tuner import Tuner


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

    def to_json(self) -> dict[str, Any]:
        """Counts, and each image with what it changed to."""
        return {
            "split": self.split,
            "images": self.images,
            "changed": len(self.flips),
            "to_present": self.count(present=True),
            "to_absent": self.count(present=False),
            "label": {
                "good": self.count(right=True),
                "bad": self.count(right=False),
                "ignored": self.count(right=None),
            },
            "teacher": {"good": self.count(agrees=True), "bad": self.count(agrees=False)},
            "flips": [vars(flip) | {"right": flip.right} for flip in self.flips],
        }


def churn(tuner: Tuner, before: Node, after: Node, class_name: str, split: str) -> Churn:
    """The images of ``split`` on which the class's students of two nodes decide differently."""
    store, k = tuner.store, tuner.store.classes.index(class_name)
    rows, threshold = store.rows(split), tuner.threshold(class_name)
    old, new = tuner.logits(before)[rows, k], tuner.logits(after)[rows, k]
    changed = np.flatnonzero((old > threshold) != (new > threshold))
    order = changed[np.argsort(-np.abs(new - old)[changed], kind="stable")]
    flips = tuple(
        Flip(
            image=store.images[rows[i]],
            row=int(rows[i]),
            present=bool(new[i] > threshold),
            label=int(store.label[rows[i], k]),
            teacher=bool(store.teacher_logit[rows[i], k] > threshold),
            before=float(old[i]),
            after=float(new[i]),
        )
        for i in order
    )
    return Churn(split, len(rows), flips)


def churns(
    tuner: Tuner, before: Node, after: Node, class_name: str, splits: Iterable[str]
) -> tuple[Churn, ...]:
    """The same for several splits."""
    return tuple(churn(tuner, before, after, class_name, split) for split in splits)
