"""Who takes images of which class for which other, the teacher beside the students."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inficond_panel.analysis.top_measures import teacher_top_class, top_class
from inficond_panel.distill.metrics.top_class import TopClass
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner

STUDENT, TEACHER = "student", "teacher"


@dataclass(frozen=True, eq=False)
class Confused:
    """Classes that students and teacher name on the labelled images of a split, one an image.

    ``rows`` (n,) are positions of these images in the store; ``split`` and ``node`` tell of what.
    """

    node: str
    split: str
    rows: np.ndarray
    found: dict[str, TopClass]

    @cached_property
    def counts(self) -> dict[str, np.ndarray]:
        """Images by label and by the class that is named, (K, K), of students and of teacher."""
        return {who: each.confusion().astype(np.int64) for who, each in self.found.items()}

    @cached_property
    def images(self) -> np.ndarray:
        """Labelled images of each class (K,)."""
        return self.counts[STUDENT].sum(axis=1)

    def wrong_cells(self, most: int) -> list[tuple[int, int]]:
        """Pairs of a label and another class that is named, most images of the students first.

        Among equals those of the teacher count; pairs that neither names are left out.
        """
        student, teacher = (self.counts[who].copy() for who in (STUDENT, TEACHER))
        for counts in (student, teacher):
            np.fill_diagonal(counts, 0)
        cells = np.flatnonzero(student + teacher)
        order = np.lexsort((-teacher.ravel()[cells], -student.ravel()[cells]))[:most]
        label, named = np.unravel_index(cells[order], student.shape)
        return list(zip(label.tolist(), named.tolist(), strict=True))

    def taken(self, label: int, named: int, who: str) -> np.ndarray:
        """Rows of the images of a class that are taken for one, the surest first."""
        found = self.found[who]
        chosen = np.flatnonzero((found.label == label) & (found.named[found.known] == named))
        sure = found.all_logits[found.known][chosen, named]
        return self.rows[chosen[np.argsort(-sure, kind="stable")]]


def find_confused(tuner: Tuner, node: Node, split: str) -> Confused:
    """Confusions of a node on a split; errors as ``check_single_label``."""
    found = {STUDENT: top_class(tuner, node, split), TEACHER: teacher_top_class(tuner.store, split)}
    rows = tuner.store.rows(split)[found[STUDENT].known]
    return Confused(node.id, split, rows, found)
