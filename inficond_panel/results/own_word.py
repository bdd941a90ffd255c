"""AP of a class's own word beside its student's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inficond_panel.concepts.own_words import own_word
from inficond_panel.distill import average_precision
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.intents import TARGET


@dataclass(frozen=True)
class WordAp:
    """AP (0 to 1) of the own ``word`` of a class alone, and of its student, on the same images.

    ``by_teacher``: the images have no positive or no negative of the class, and the teacher's
    decisions replace the labels. ``can_raise``: a thumb on the word is possible.
    """

    word: str
    ap: float
    student_ap: float
    by_teacher: bool
    can_raise: bool


def word_ap(tuner: Tuner, node: Node, class_name: str, split: str) -> WordAp | None:
    """Return the AP of a class's own word beside its student's at ``node``, on the tuner's images
    of ``split``; None if the word is not known, or neither labels nor decisions have both sides."""
    word = own_word(tuner.store, class_name)
    if word is None:
        return None
    student = tuner.at(node, split)[class_name]
    label, outcome = np.asarray(student.labels), student.outcome
    by_teacher = not {0, 1} <= set(np.unique(label).tolist())
    if by_teacher:
        label = np.asarray(outcome.teacher).astype(np.int8)
    if not {0, 1} <= set(np.unique(label).tolist()):
        return None
    inside = label >= 0
    ap, own = (
        float(average_precision(label[inside], values[inside]))
        for values in (word.scores[student.rows], outcome.all_logits)
    )
    can_raise = word.concept is not None or tuner.refit == TARGET
    return WordAp(word.name, ap, own, by_teacher, can_raise)
