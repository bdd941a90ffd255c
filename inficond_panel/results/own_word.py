"""AP of a class's own word beside its student's, on the tuning images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inficond_panel.common.cache import once
from inficond_panel.concepts.own_words import own_word
from inficond_panel.distill import average_precision
from inficond_panel.results.shift import made_at
from inficond_panel.tuning import Node, Tuner
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.splits import TUNE


@dataclass(frozen=True)
class WordAp:
    """AP (0 to 1) on ``tune`` of the own ``word`` of a class alone, and of its student.

    ``by_teacher``: ``tune`` has no positive or no negative of the class, and the teacher's
    decisions replace the labels. ``can_raise``: a thumb on the word is possible.
    """

    word: str
    ap: float
    student_ap: float
    by_teacher: bool
    can_raise: bool


def word_ap(tuner: Tuner, node: Node, class_name: str) -> WordAp | None:
    """Return the AP of a class's own word beside its student's at ``node``; None if the word is not
    known, or neither labels nor decisions have both sides. Takes tenths of a second, once."""
    return _word_ap(tuner, made_at(tuner, node, class_name), class_name)


@once(4096)
def _word_ap(tuner: Tuner, node_id: str, class_name: str) -> WordAp | None:
    word = own_word(tuner.store, class_name)
    if word is None:
        return None
    student = tuner.at(tuner.node(node_id), TUNE)[class_name]
    label, outcome = np.asarray(student.labels), student.outcome
    by_teacher = not {0, 1} <= set(np.unique(label).tolist())
    if by_teacher:
        label = np.asarray(outcome.teacher).astype(np.int8)
    if not {0, 1} <= set(np.unique(label).tolist()):
        return None
    inside = label >= 0
    alone = word.scores[tuner.store.rows(TUNE)]
    ap, own = (
        float(average_precision(label[inside], values[inside]))
        for values in (alone, outcome.all_logits)
    )
    can_raise = word.concept is not None or tuner.refit == TARGET
    return WordAp(word.name, ap, own, by_teacher, can_raise)
