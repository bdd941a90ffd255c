"""What the students of an iteration may rely on wrongly, by both kinds of evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from inficond_panel.results.shared_bias import called_rows, in_fit_rows, student_shared
from inficond_panel.results.shift import ALL_UP_TO, student_differences, student_shift
from inficond_panel.results.student_accuracy import students_accuracy_findings
from inficond_panel.results.student_groups import student_group_findings
from inficond_panel.results.teacher_accuracy import accuracy_findings
from inficond_panel.results.teacher_groups import teacher_group_findings
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.vocabulary.shift_kinds import (
    FEW,
    LOST,
    NOISE,
    OUTDONE,
    TUNE_NOISE,
    UNSHOWN,
    UNSUMMED,
)
from inficond_panel.wording.shift_kinds import (
    is_mislabelled,
    kind_sentence,
    mislabelled_sentence,
    unsure_sentence,
)
from inficond_panel.wording.suspects import plain_sentence, relies_wrongly, unsure_classes
from inficond_panel.wording.things import in_words_of

#: Kinds that say no difference between the splits, but what limits a student.
_LIMITS = (UNSHOWN, UNSUMMED, OUTDONE)


def reliances(tuner: Tuner, node: Node) -> dict[str, Any]:
    """Return what the students at ``node`` may rely on wrongly, with a sentence each.

    ``differs`` has concepts that go with a class on ``fit`` more than on ``tune``, ``shared`` what
    goes with a class in all photos; ``belonging`` has what people said belongs to a class, which is
    in neither. ``in_fit`` has columns that go with a class in the training images only,
    ``other_kinds`` what else differs between the training and the tuning images of a class, such as
    its pictures, or what may differ. ``teacher_groups`` are groups of images in which the teacher
    itself is worse, by class, or "" of all, ``student_groups`` those in which a student is worse
    and its teacher not, by class, or "" of all; ``unshown`` and ``unsummed`` are classes of which
    the teacher sees more than the concepts, or a sum of them, show, and ``weak_teacher`` those of
    which it is worse than its student. ``mislabelled`` are classes whose first finding is wrong
    labels of training or tuning images. ``unsure`` are the classes with too few labelled images for
    ``differs``, and for ``shared``. ``lacking`` states why nothing was computed. Takes up to a
    second per class, once.
    """
    store, said = tuner.store, tuner.belonging().said
    belonging = [asdict(thing) | asdict(by) for thing, by in said.items()]
    found: dict[str, Any] = {"lacking": _lacking(tuner), "belonging": belonging}
    if found["lacking"]:
        return found
    shifts = [student_shift(tuner, node, name) for name in store.classes]
    shared = {name: student_shared(tuner, node, name) for name in store.classes}
    found["differs"] = [
        {"class": each.class_name, "name": each.first.concept, "sentence": plain_sentence(each)}
        for each in sorted(shifts, key=lambda each: -each.ap_lost)
        if relies_wrongly(each)
    ]
    found["shared"] = [
        {"class": name, "name": each.name, "kind": each.kind, "sentence": sentence}
        for name, each, sentence in called_rows(shared)
    ]
    found["in_fit"] = [{"class": name, "sentence": told} for name, told in in_fit_rows(shared)]
    groups = [("", told) for told in accuracy_findings(tuner)]
    found["teacher_groups"] = [
        {"class": name, "sentence": in_words_of(store, told)}
        for name, told in (*groups, *teacher_group_findings(tuner).items())
    ]
    together = [("", told) for _, told in students_accuracy_findings(tuner, node)]
    alone = [(name, each.finding) for name, each in student_group_findings(tuner, node).items()]
    found["student_groups"] = [
        {"class": name, "sentence": in_words_of(store, told)} for name, told in (*together, *alone)
    ]
    differences = {name: student_differences(tuner, node, name) for name in store.classes}
    found["other_kinds"] = [
        {"class": each.class_name, "sentence": in_words_of(store, told)}
        for each in shifts
        for told in _other_kinds(differences[each.class_name], each)
    ]
    for kind in _LIMITS:
        found[kind.key] = [
            {"class": name, "sentence": kind_sentence(kind, each, shift)}
            for (name, each), shift in zip(differences.items(), shifts, strict=True)
            if kind in each.kinds
        ]
    found["mislabelled"] = [
        {
            "class": each.class_name,
            "sentence": in_words_of(store, mislabelled_sentence(of_class, each)),
        }
        for each in shifts
        if is_mislabelled(of_class := differences[each.class_name], each)
    ]
    found["unsure"] = {
        "differs": unsure_classes({each.class_name: each for each in shifts}),
        "shared": [name for name, each in shared.items() if each.found.lacking],
    }
    return found


def _other_kinds(found: Differences, shift: ClassShift) -> Iterator[str]:
    """Yield a sentence on each kind of shift of a class that the card has no other place for; on
    possible kinds, if none is certain."""
    for kind in found.kinds:
        of_labels = kind in (NOISE, TUNE_NOISE)
        first = kind == found.kinds[0] and is_mislabelled(found, shift)
        told = first if of_labels else relies_wrongly(shift)
        if kind not in (FEW, *_LIMITS) and not (told and (of_labels or kind == LOST)):
            yield kind_sentence(kind, found, shift)
    if found.perhaps and not found.kinds:
        yield f"{found.class_name}: {unsure_sentence(found)}"


def _lacking(tuner: Tuner) -> str:
    if not tuner.spec.tuning.suspects:
        return "The spec does not ask for suspects (`tuning.suspects`)."
    if len(tuner.store.classes) > ALL_UP_TO:
        return f"There are more than {ALL_UP_TO} classes: ask the doctor about some."
    return ""
