"""Decomposition of one image's prediction by concept, and the smallest edits that flip it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from inficond_panel.common.numbers import count, number, signed
from inficond_panel.common.ordering import strongest
from inficond_panel.distill.metrics.outcome import above
from inficond_panel.tuning import Student
from inficond_panel.vocabulary.tasks import SINGLE_LABEL, SOFTMAX

#: Number of contributions that are printed.
SHOWN_PARTS = 10
_SMALL = 0.05  #: a smaller change of an influence is shown with more digits


@dataclass(frozen=True)
class Contribution:
    """Contribution of one concept to a logit: its score in the image times its influence."""

    concept: str
    score: float
    influence: float
    logit: float


@dataclass(frozen=True, repr=False)
class LeastEdit:
    """The least change of one influence, the others unchanged, that flips the image's decision.

    It prints as a sentence.

    ``present`` is the new decision, which holds just beyond ``influence`` if present, and at
    ``influence`` if absent. Beyond is above if more influence ``raises`` the logit, else below.
    ``others`` counts the other images of the split that the same edit flips, in either direction.
    """

    concept: str
    before: float
    influence: float
    present: bool
    others: int
    raises: bool = True

    @property
    def change(self) -> float:
        """Change of the influence: ``influence`` minus ``before``."""
        return self.influence - self.before

    def __str__(self) -> str:
        words = ("above", "to at most") if self.raises else ("below", "to at least")
        digits = 4 if abs(self.change) < _SMALL else 2
        others = count(self.others, "other image") if self.others else "no other image"
        return (
            f"an influence of {self.concept} {words[not self.present]} "
            f"{signed(self.influence, digits)} (now "
            f"{signed(self.before, digits)}) makes it {'present' if self.present else 'absent'}; "
            f"{others} would change too."
        )

    __repr__ = __str__


@dataclass(frozen=True, repr=False)
class Apart:
    """Decomposition of a student's logit on one image into contributions of concepts.

    It prints as the decision, the ``SHOWN_PARTS`` largest contributions, and the smallest edits.

    ``parts`` (largest first), ``intercept``, ``other_classes`` and ``unseen`` add up to ``logit``.
    ``other_classes`` is the part of a joint student's other classes; 0 for students per class.
    ``unseen`` is the cross-fitted logit, which decides, less the student's own, on an image that
    the student has spent; else 0.
    ``present`` is the decision: the logit is above ``cutoff``, see ``Student.cutoff``. ``named`` is
    the likeliest class if images have one class each, else empty. ``teacher`` is the teacher's
    logit, ``label`` is 1, 0 or −1 (ignored).

    ``edit`` is the smallest edit that flips the decision, over all concepts; ``used`` is the
    smallest over concepts with an influence; None if the image shows no such concept.
    """

    row: int
    class_name: str
    parts: tuple[Contribution, ...]
    intercept: float
    logit: float
    cutoff: float
    present: bool
    teacher: float
    label: int
    edit: LeastEdit | None
    used: LeastEdit | None
    other_classes: float = 0.0
    unseen: float = 0.0
    named: str = ""

    def __str__(self) -> str:
        present = {1: "present", 0: "absent"}
        label = present.get(self.label, "not known")
        decision = (
            f"{self.class_name} is decided {present[self.present]}: logit {signed(self.logit)}, "
            f"present above {signed(self.cutoff)}; the teacher's logit is {signed(self.teacher)}, "
            f"the label {label}."
        )
        return "\n".join([decision, *self._lines(), *self.flips])

    @property
    def flips(self) -> list[str]:
        """Sentences on the smallest change that flips the decision, and on that among concepts with
        an influence if it is another one."""
        if self.edit is None:
            return ["No concept shows in this image: no influence can change the decision."]
        flips = [f"Smallest change: {self.edit}"]
        if self.used is not None and self.used.concept != self.edit.concept:
            flips.append(f"Among those with influence: {self.used}")
        return flips

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        """Yield lines with the parts of the logit, which add up to it."""
        shown, rest = self.parts[:SHOWN_PARTS], self.parts[SHOWN_PARTS:]
        for part in shown:
            yield (
                f"{signed(part.logit):>8}  {part.concept}: score {number(part.score)}, influence "
                f"{signed(part.influence)}"
            )
        sums = {
            count(len(rest), "other concept"): sum(part.logit for part in rest),
            "intercept": self.intercept,
            "the other classes": self.other_classes,
            "difference of the student that has not seen this image": self.unseen,
        }
        for words, value in sums.items():
            if value:
                yield f"{signed(value):>8}  {words}"


def take_apart(student: Student, row: int) -> Apart:
    """Return the decomposition of a student's prediction for the image at ``row`` of the store."""
    store, k, weights = student.store, student.column, student.weights
    scores = np.asarray(store.concept_score[row], dtype=np.float64)
    logits = student.evaluation.logits(student.node, np.array([row]))
    logit = float(logits[0, k])
    cutoff = float(np.ravel(student.evaluation.cutoffs_of(logits).of(k))[0])
    decided = student.evaluation.decided(logits)[0]
    shown, parts = scores != 0, parts_of(store.concepts, scores, weights)
    joint = student.evaluation.link == SOFTMAX
    own, split = float(scores @ weights) + student.intercept, str(store.split[row])
    spent = student.evaluation.has_spent(student.node, split, k)
    edits = [
        _edit(student, row, concepts, scores, logit - cutoff)
        for concepts in (np.flatnonzero(shown), np.flatnonzero(shown & (weights != 0)))
    ]
    return Apart(
        row=row,
        class_name=student.class_name,
        parts=parts,
        intercept=student.intercept,
        other_classes=logit - own if joint else 0.0,
        unseen=logit - own if spent and not joint else 0.0,
        logit=logit,
        cutoff=cutoff,
        present=bool(decided[k]),
        teacher=float(store.teacher_log_odds[row, k]),
        label=int(store.label[row, k]),
        edit=edits[0],
        used=edits[1],
        named=store.classes[int(decided.argmax())] if store.task == SINGLE_LABEL else "",
    )


def parts_of(
    concepts: Sequence[str], scores: np.ndarray, weights: np.ndarray
) -> tuple[Contribution, ...]:
    """Return each concept's contribution to one logit, the largest first, without zeros.

    ``scores`` and ``weights`` run over the ``concepts``.
    """
    added = scores * weights
    return tuple(
        Contribution(concepts[c], float(scores[c]), float(weights[c]), float(added[c]))
        for c in strongest(added)
        if added[c]
    )


def _edit(
    student: Student, row: int, concepts: np.ndarray, scores: np.ndarray, excess: float
) -> LeastEdit | None:
    """Return the smallest edit of one of ``concepts`` that flips the image's decision, or None."""
    if not len(concepts):
        return None
    c = int(concepts[np.argmax(np.abs(scores[concepts]))])
    before, present = float(student.weights[c]), not above(excess, 0.0)
    change = -excess / (scores[c] * student.leverage)
    concept = student.store.concepts[c]
    return LeastEdit(
        concept=concept,
        before=before,
        influence=before + change,
        present=present,
        others=_others(student, row, concept, change, present),
        raises=bool(scores[c] > 0),
    )


def _others(student: Student, row: int, concept: str, change: float, present: bool) -> int:
    """Count the images of the split other than ``row`` that the same edit flips."""
    other = student.rows != row
    old = (student.logits - student.cutoff)[other]
    score = np.asarray(student.slope(concept)[other], dtype=np.float64)
    new = old + change * score
    # Just beyond the edit, an image at logit 0 flips too if its score has the sign of this image's.
    c = student.store.concepts.index(concept)
    alike = score * float(student.store.concept_score[row, c]) > 0
    decided = above(new, 0.0) | (present & alike & (new == 0))
    return int(np.count_nonzero(decided != above(old, 0.0)))
