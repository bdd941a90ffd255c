"""Content of the finding on one student: sentences, lists and buttons."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import count, number, share
from inficond_panel.results.own_word import WordAp
from inficond_panel.results.shared_bias import StudentShared
from inficond_panel.results.worse_groups import WorseGroup
from inficond_panel.store import Store
from inficond_panel.tuning.belonging import Belonging
from inficond_panel.tuning.label_noise import DoubtedLabels
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.tuning.suggest import Suggestion
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.wording.own_word import word_sentence
from inficond_panel.wording.repairs import gain_words, repair_notes, repair_sentence
from inficond_panel.wording.shared_bias import page_question, reliance_sentence, thumb_of
from inficond_panel.wording.shift_kinds import finding_sentence, moved_in_all, reliance_explained
from inficond_panel.wording.suspects import (
    LITTLE,
    plain_reason,
    plain_sentence,
    relies_wrongly,
    repaired_sentence,
    same_question,
)

#: Words for listed labels, where no other difference could look the same, and elsewhere.
LIKELY_WRONG, MAY_BE_WRONG = "labels that are likely wrong", "labels that may be wrong"
#: Largest number of labels listed, and of questions.
MOST_LABELS, MOST_QUESTIONS = 50, 2


def make_finding(
    shift: ClassShift | None,
    found: Differences | None,
    teacher: str = "",
    *,
    repaired: bool = False,
    removal: Interval | None = None,
    same: Callable[[str], bool] = lambda _: False,
) -> dict[str, Any]:
    """Return the finding on a student: a ``sentence``, its numbers for ``hover``, the ``suspect``
    that it names, and the concept to ``remove`` (each may be empty).

    ``teacher``: sentences that the teacher does not know the class. If edits have
    ``repaired`` the class, no suspect is named. ``removal`` is the change in AP by a removal that
    waits or was the last edit; None without. If it is within noise, or the suspect lost little,
    or shares that differ modestly, or if something else may explain it (also scores that were made
    in another way), a removal is not what comes
    first: ``little`` is True. If the suspect is perhaps the ``same`` as the class, the sentence
    asks that. {} until it is computed.
    """
    nothing = {"hover": "", "suspect": "", "remove": "", "little": False, "same": False}
    if teacher:
        return {**nothing, "sentence": teacher}
    if shift is None:
        return {}
    if repaired:
        return {**nothing, "sentence": repaired_sentence(shift.class_name)}
    relies = relies_wrongly(shift) and not reliance_explained(found)
    little = removal is not None and not math.isnan(removal.low) and removal.within_noise
    sentence = f"{plain_sentence(shift)} {LITTLE}" if little else finding_sentence(found, shift)
    unsure = found is not None and (bool(found.perhaps) or moved_in_all(found, shift))
    asks = relies and same(shift.first.concept)
    if asks:
        sentence += f" {same_question(shift.class_name, shift.first.concept)}"
    return {
        "sentence": sentence,
        "same": asks,
        "hover": plain_reason(shift, shift.first) if relies else "",
        "suspect": shift.first.concept if relies else "",
        "remove": shift.first.concept if relies and shift.removable else "",
        "little": little or (relies and (shift.slight or shift.modest or unsure)),
    }


def make_questions(found: StudentShared | None) -> list[dict[str, Any]]:
    """Return what a student may rely on in all photos, the strongest first, then what goes with its
    class in the training photos only: a person decides.

    A question has the ``kind`` and ``name`` of the thing, a ``sentence``, and the thumb that helps
    if the thing should not count: its ``direction`` and ``concepts`` (none: no concept shows it);
    ``in_fit``: it goes with the class in the training photos only.
    """
    if found is None:
        return []
    name = found.found.class_name
    return [
        {
            "kind": each.kind,
            "name": each.name,
            "sentence": f"{reliance_sentence(name, each, found.found.twins(each))} "
            f"{page_question(name, each, found.found.things, found.concepts(each))}",
            "direction": thumb_of(each).key,
            "concepts": list(found.concepts(each)),
            "in_fit": each.in_fit is not None,
        }
        for each in found.found.asked[:MOST_QUESTIONS]
    ]


def make_worse_group(groups: Sequence[WorseGroup], split: str) -> dict[str, Any]:
    """Return the first group of tuning images in which the teacher is worse, or the student: a
    ``sentence``, what helps (``hover``), ``words`` for it, and ``column`` and ``group``, whose
    images can be opened where ``split``, the one on screen, is the tuning images. {} without such a
    group."""
    if not groups:
        return {}
    first = groups[0]
    return {
        "sentence": first.sentence(limits=False),
        "hover": first.help,
        "words": first.words,
        "column": first.column,
        "group": first.group,
        "opens": split == TUNE,
    }


def make_belonging(belonging: Belonging, name: str) -> list[dict[str, str]]:
    """Return ``kind`` and ``name`` of what belongs to a class, with the words who said it."""
    return [
        {"kind": thing.kind, "name": thing.name, "by": f"{by.author}, {by.created[:10]}"}
        for thing, by in belonging.only(name).said.items()
    ]


def make_labels(
    store: Store,
    found: Differences | None,
    contradicted: DoubtedLabels | None,
    taught: Mapping[str, int],
) -> list[dict[str, Any]]:
    """Return row, image id and label of training images whose label is likely wrong, if wrong
    labels are the finding, or a possible one; else of those whose label is ``contradicted``. Images
    with a label in ``taught``, which a person gave, are left out."""
    in_doubt = found is not None and found.labels_in_doubt
    labels = found.labels if found is not None and in_doubt else contradicted
    if found is None or labels is None:
        return []
    return [
        {"row": row, "image": store.images[row], "label": int(labels.label[at])}
        for at, row in ((at, int(labels.rows[at])) for at in labels.likely_wrong[:MOST_LABELS])
        if store.images[row] not in taught
    ]


def make_tune_labels(found: Differences | None, split: str) -> dict[str, Any]:
    """Return ``rows`` of the tuning images whose label may be wrong, the likeliest first, where
    ``split``, the one on screen, is the tuning images, and words for the ``button`` that opens
    them; no rows without such labels."""
    labels = found.tune_labels if found is not None and split == TUNE else None
    if labels is None:
        return {"rows": [], "button": ""}
    rows = labels.rows[labels.likely_wrong[:MOST_LABELS]].tolist()
    return {"rows": rows, "button": f"Look at {count(len(rows), 'tuning image')}"}


def make_labels_words(number: int, *, likely: bool) -> str:
    """Return the words after the number of listed labels, which are likely wrong or may be."""
    if number == 1:
        return "label that is likely wrong" if likely else "label that may be wrong"
    return LIKELY_WRONG if likely else MAY_BE_WRONG


def make_word(found: WordAp | None, *, coming: bool = False) -> dict[str, str]:
    """Return a ``sentence`` on a class's own word alone, and the word to ``raise``, empty unless
    the word ranks better than the student; both are empty while the sentence is ``coming``, and {}
    stands for no word."""
    if found is None:
        return {"sentence": "", "raise": ""} if coming else {}
    told = word_sentence(found.word, found.ap, found.student_ap, by_teacher=found.by_teacher)
    helps = found.can_raise and found.ap > found.student_ap
    return {"sentence": told, "raise": found.word if helps else ""}


def make_suggestion(suggestion: Suggestion, name: str, *, limits: bool = True) -> dict[str, Any]:
    """Return the suggested repair of a class: a ``sentence``, ``notes``, and ``levers``, a table of
    all kinds of repair that were tried, whose first row is the student as it is."""
    repair = suggestion.repairs.get(name)
    levers = repair.levers if repair else ()
    return {
        "sentence": repair_sentence(suggestion, name, limits=limits),
        "notes": repair_notes(suggestion, name, limits=limits),
        "levers": [
            {
                "name": lever.name,
                AP.key: number(lever.ap),
                "gain": gain_words(lever.gain.gain(suggestion.level), limits=limits) if at else "",
                "agreement": share(lever.fidelity, 1),
                "concepts": count(lever.concepts),
                "needs": lever.needs,
                "can": bool(lever.edits),
                "taken": bool(repair and lever == repair.taken),
            }
            for at, lever in enumerate(levers)
        ]
        + [
            {
                "name": other.name,
                AP.key: number(other.ap),
                "gain": gain_words(other.gain.gain(suggestion.level), limits=limits),
                "agreement": "",
                "concepts": count(other.concepts),
                "needs": "no edit",
                "can": False,
                "taken": bool(repair and other == repair.better),
            }
            for other in (repair.baselines if repair else ())
        ],
    }
