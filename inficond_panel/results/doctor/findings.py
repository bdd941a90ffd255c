"""Findings of the doctor: problems of a store, its teacher and its students, with a remedy each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from inficond_panel.common.cache import once
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number
from inficond_panel.concepts.random_words import random_words
from inficond_panel.distill.suspects import LARGE_LOSS
from inficond_panel.results.doctor.behind_word import BEHIND_REMEDY, BEHIND_WORD, behind_words
from inficond_panel.results.doctor.decided import decision_findings
from inficond_panel.results.doctor.drifted import UNLIKE, drift_finding, moved_findings
from inficond_panel.results.doctor.examined import Examined
from inficond_panel.results.doctor.labels_in_groups import labels_in_groups
from inficond_panel.results.doctor.one_column import one_column_note
from inficond_panel.results.doctor.ranked_together import (
    JOINTLY_REMEDY,
    RANKED_TOGETHER,
    ranked_together,
)
from inficond_panel.results.doctor.store_faults import StoreFault, lesser_faults, store_faults
from inficond_panel.results.frame import make_frame, plain_headings
from inficond_panel.results.metrics import like_constant
from inficond_panel.results.null_students import no_better_finding, null_frame
from inficond_panel.results.shared_bias import called_rows, in_fit_rows, unnamed_topics
from inficond_panel.results.student_accuracy import students_accuracy_findings
from inficond_panel.results.student_groups import student_group_findings
from inficond_panel.results.teacher_accuracy import accuracy_findings
from inficond_panel.results.teacher_calibration import far_from_shares_note
from inficond_panel.results.teacher_groups import teacher_group_findings
from inficond_panel.results.teacher_outputs import output_faults
from inficond_panel.results.teacher_splits import (
    BETTER_ON_TUNE,
    BETTER_REMEDY,
    better_on_tune,
    without_error_note,
)
from inficond_panel.results.worst_group import group_figures
from inficond_panel.store import Store
from inficond_panel.store.teacher_outputs import hold_store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.null_students import is_at_hand
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.vocabulary.shift_kinds import (
    FEW,
    PHOTOS,
    PICTURES,
    SHIFT_KINDS,
    TUNE_NOISE,
    ShiftKind,
)
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import MISSING_CODES, NEAR_DUPLICATES, TWINS
from inficond_panel.wording.groups import (
    STUDENT_GROUP_WORDS,
    STUDENTS_GROUP_WORDS,
    TEACHER_GROUP_REMEDY,
    TEACHER_GROUP_WORDS,
    WORST_GROUP_WORDS,
    aim_remedy,
    student_group_remedy,
    words_of_group,
    worst_group_sentence,
)
from inficond_panel.wording.metrics import constant_sentence, unknown_sentence
from inficond_panel.wording.null_students import NO_BETTER
from inficond_panel.wording.own_word import unnamed_remedy, unnamed_sentence
from inficond_panel.wording.remedies import STORE_FACTS, Remedies, remedies_for
from inficond_panel.wording.shared_bias import IN_FIT, SHARED
from inficond_panel.wording.shift_kinds import (
    CONTRADICTED,
    CONTRADICTED_REMEDY,
    NOTHING_WRONG,
    contradicted_sentence,
    kind_sentence,
    unsure_sentence,
)
from inficond_panel.wording.suspects import DECIDED, trained_sentence, unsure_classes

_TEACHER = "Look at the teacher first: weights, preprocessing, classes, the sign of its outputs."
#: Largest number of classes with too few photos that have a finding each.
_ALONE = 3
_SCORES_FIRST = "Were these scores made in the same way in both? If not, make them again; if so: "
_NEEDED = f"At least {LEAST_LABELLED} training and tuning images of each class are needed"


def findings_frame(
    tuner: Tuner,
    node: Node,
    seen: Mapping[str, Examined],
    facts: Mapping[str, Any],
    reader: Callable[[str], str],
) -> pd.DataFrame:
    """Return a row per problem, the most urgent first, and last what cannot be told.

    ``seen`` has the classes to report; ``reader`` says remedies as commands, or as Python calls."""
    worst_first = dict(sorted(seen.items(), key=lambda item: -item[1].shift.ap_lost))
    remedies = remedies_for(tuner.store)
    found = [
        *(_row(*each) for each in store_faults(tuner.store)),
        *_of_teacher(tuner, worst_first, remedies),
        *_of_teacher_splits(tuner, worst_first),
        *_of_teacher_groups(tuner, worst_first, facts),
        *_of_student_groups(tuner, node, seen, facts["seed"]),
        *_of_students(node, tuner.store, seen, remedies),
        *_of_classes(worst_first, remedies),
        *_of_words(tuner, node, worst_first),
        *_of_labels(worst_first),
        *(_row(*each) for each in _in_groups(tuner, node, seen, facts["seed"])),
        *_of_columns(seen, remedies),
        *_of_all_photos(seen, remedies),
        *(_row(*each) for each in decision_findings(tuner, node, list(seen))),
        *_of_ranking(tuner, node, seen),
        *(_row(*each) for each in moved_findings(tuner, node, list(worst_first), facts["seed"])),
        *_of_groups(tuner, node, list(seen)),
        *_of_names(tuner, tuple(seen), remedies),
        *_of_photos(tuner.store, facts["seed"], remedies),
        *(_row(*each) for each in lesser_faults(tuner.store)),
        *_warnings(tuner.store),
    ]
    unsure = list(_not_told(worst_first, remedies))
    rows = [{**row, "remedy": reader(row["remedy"])} for row in (*found, *unsure)]
    notes = [] if rows else ["No problem was found in these images."]
    notes += filter(None, _questions(tuner, node, seen))
    if topics := unnamed_topics(tuner.store, {name: each.shared for name, each in seen.items()}):
        notes.append(unnamed_sentence(topics) + " " + reader(unnamed_remedy(topics)))
    headings = plain_headings("about", kind="what", finding="finding", remedy="what helps")
    title = f"{node_title(tuner, node)}: {'findings' if found or not unsure else NOTHING_WRONG}"
    return make_frame(rows, "about", headings, title=title, notes=notes, facts=facts)


def _questions(tuner: Tuner, node: Node, seen: Mapping[str, Examined]) -> Iterator[str]:
    """Yield sentences on what no figure decides; "" where there is nothing to ask."""
    students, level = tuner.at(node, TUNE), float(tuner.spec.views.confidence)
    if constant := [name for name in seen if like_constant(students[name], level)]:
        yield constant_sentence(constant)
    yield one_column_note(tuner, node, tuple(seen))
    yield far_from_shares_note(tuner, list(seen))
    trained = {name for name, each in seen.items() if each.shift.memory or each.shift.by_heart}
    yield without_error_note(tuner, node, [name for name in seen if name not in trained])


def _row(about: str, kind: str, finding: str, remedy: str) -> dict[str, str]:
    return {"about": about, "kind": kind, "finding": finding, "remedy": remedy}


def _of_ranking(tuner: Tuner, node: Node, seen: Mapping[str, Examined]) -> Iterator[dict[str, str]]:
    found = ranked_together(tuner, node.id) if len(seen) == len(tuner.store.classes) else None
    if found is not None:
        yield _row("classes", RANKED_TOGETHER, found.sentence, JOINTLY_REMEDY)


def _of_words(tuner: Tuner, node: Node, seen: Mapping[str, Examined]) -> Iterator[dict[str, str]]:
    unexplained = [name for name, each in seen.items() if not {*each.found.kinds} - {FEW}]
    for behind in behind_words(tuner, node, unexplained):
        yield _row(behind.class_name, BEHIND_WORD, behind.sentence, BEHIND_REMEDY)


def _warnings(store: Store) -> Iterator[dict[str, str]]:
    for warning in store.attrs.get("warnings", []):
        if str(warning).startswith((TWINS, NEAR_DUPLICATES, MISSING_CODES)):
            continue  # reported as a finding of its own
        yield _row("store", "warning", str(warning), STORE_FACTS)


def _of_photos(store: Store, seed: int, remedies: Remedies) -> Iterator[dict[str, str]]:
    near = store.near_images
    if near.groups and not store.grouping:
        finding = f"{near}. A group counts as one image in tests and intervals."
        yield _row("images", "near-equal", finding, remedies.of_near_equal)
    if told := drift_finding(store, seed):
        yield _row("images", UNLIKE, told, _SCORES_FIRST + remedies.of_kind(PHOTOS))


def _of_teacher(
    tuner: Tuner, seen: Mapping[str, Examined], remedies: Remedies
) -> Iterator[dict[str, str]]:
    if order := hold_store(tuner.store, tuner.spec.order):
        yield _row("teacher", "order of the classes", order.message, "inficond docs teachers")
    for name, kind, told, remedy in output_faults(tuner.store):
        if name in seen:
            yield _row(name, kind, told, remedy)
    for name, each in seen.items():
        skill = each.shift.teacher
        if skill is not None and skill.does_not_know:
            yield _row(name, "unknown to the teacher", unknown_sentence(name, skill), _TEACHER)
    memories = {  # other pictures of a class are new to any teacher, and wrong labels look so
        name: each.shift.memory or each.shift.by_heart
        for name, each in seen.items()
        if not {PICTURES, TUNE_NOISE} & {*each.found.kinds, *each.found.perhaps}
    }
    if trained := {name: each for name, each in memories.items() if each and each.trained}:
        told = trained_sentence(trained, alone=len(trained) == 1 < len(seen))
        yield _row("teacher", "trained on these images", told, remedies.of_memory)


def _of_teacher_splits(tuner: Tuner, seen: Mapping[str, Examined]) -> Iterator[dict[str, str]]:
    for name in seen:
        if told := better_on_tune(tuner, name):
            yield _row(name, BETTER_ON_TUNE, told, BETTER_REMEDY)


def _of_teacher_groups(
    tuner: Tuner, seen: Mapping[str, Examined], facts: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    for finding in accuracy_findings(tuner):
        yield _row("teacher", TEACHER_GROUP_WORDS, finding, TEACHER_GROUP_REMEDY)
    for name, finding in teacher_group_findings(tuner, facts["seed"]).items():
        if name in seen:  # all classes are tested, so that a choice of classes finds no more
            yield _row(name, TEACHER_GROUP_WORDS, finding, TEACHER_GROUP_REMEDY)


def _of_student_groups(
    tuner: Tuner, node: Node, seen: Mapping[str, Examined], seed: int
) -> Iterator[dict[str, str]]:
    for column, told in students_accuracy_findings(tuner, node):
        yield _row("students", STUDENTS_GROUP_WORDS, told, student_group_remedy(column))
    for name, (finding, remedy) in student_group_findings(tuner, node, seed).items():
        if name in seen:
            yield _row(name, STUDENT_GROUP_WORDS, finding, remedy)


def _of_students(
    node: Node, store: Store, seen: Mapping[str, Examined], remedies: Remedies
) -> Iterator[dict[str, str]]:
    for k, name in enumerate(store.classes):
        if name in seen and not node.weights[:, k].any():
            outputs = store.teacher_log_odds[store.rows(FIT), k]
            ends = [number(end, 1) for end in (outputs.min(), outputs.max())]
            finding = (
                f"No concept has an influence on {name}: its student gives every image the same "
                f"logit. The teacher's are from {ends[0]} to {ends[1]} on training images."
            )
            yield _row(name, "a student without concepts", finding, remedies.of_no_influence)


def _of_classes(seen: Mapping[str, Examined], remedies: Remedies) -> Iterator[dict[str, str]]:
    if without := [name for name, each in seen.items() if each.shift.decided]:
        finding = f"No tuning image has a label of {listed(without)}. {DECIDED}"
        yield _row("classes", f"{len(without)} without labels", finding, remedies.of_few)
    kinds = [kind for kind in SHIFT_KINDS if kind not in (FEW, PHOTOS)]
    yield from _of_kinds(kinds, seen, remedies)
    alike = {
        name: each
        for name, each in seen.items()
        if (each.found.kinds, each.found.perhaps) == ((PHOTOS,), ())
    }
    together = len(alike) > _ALONE
    rest = {name: each for name, each in seen.items() if not (together and name in alike)}
    yield from _of_kinds([PHOTOS], rest, remedies)
    if together:
        finding = f"{kind_sentence(PHOTOS, *_first(alike))} The same of {listed([*alike][1:], 8)}."
        kind = f"{len(alike)} with {PHOTOS.words}"
        yield _row("classes", kind, finding, remedies.of_kind(PHOTOS, *_first(alike)))


def _first(some: Mapping[str, Examined]) -> tuple[Differences, ClassShift]:
    one = next(iter(some.values()))
    return one.found, one.shift


def _of_kinds(
    kinds: Sequence[ShiftKind], seen: Mapping[str, Examined], remedies: Remedies
) -> Iterator[dict[str, str]]:
    for kind in kinds:
        for name, each in seen.items():
            if kind in each.found.kinds:
                finding = kind_sentence(kind, each.found, each.shift)
                remedy = remedies.of_kind(kind, each.found, each.shift)
                yield _row(name, kind.words, finding, remedy)


def _of_labels(seen: Mapping[str, Examined]) -> Iterator[dict[str, str]]:
    for name, each in seen.items():
        if each.contradicted and each.contradicted.several:
            finding = contradicted_sentence(name, each.contradicted)
            yield _row(name, CONTRADICTED, finding, CONTRADICTED_REMEDY)


def _in_groups(
    tuner: Tuner, node: Node, seen: Mapping[str, Examined], seed: int
) -> Iterator[StoreFault]:
    for name in seen:
        yield from labels_in_groups(tuner, node, name, seed)


def _not_told(seen: Mapping[str, Examined], remedies: Remedies) -> Iterator[dict[str, str]]:
    """Yield rows on classes of which nothing can be said, or not which of several kinds."""
    unsure = unsure_classes({name: each.shift for name, each in seen.items()})
    alone = seen
    if len(unsure) > _ALONE:
        finding = _few_sentence({name: seen[name].shift for name in unsure})
        yield _row("classes", f"{len(unsure)} with {FEW.words}", finding, remedies.of_few)
        small = {*unsure, *(name for name, each in seen.items() if each.shift.lacking)}
        alone = {name: each for name, each in seen.items() if name not in small}
    yield from _of_kinds([FEW], alone, remedies)
    for name, each in seen.items():
        if each.found.perhaps and not each.found.kinds:
            yield _row(
                name, "cannot tell", unsure_sentence(each.found), remedies.of_unsure(each.found)
            )


def _few_sentence(unsure: Mapping[str, ClassShift]) -> str:
    """Return sentences on the classes with too few images to say whether they shifted."""
    small = [name for name, shift in unsure.items() if shift.lacking]
    wide = [name for name in unsure if name not in small]
    fewer = f"{_NEEDED}, and as many without it: {listed(small)} {_have(small)} fewer."
    more = (
        f"{listed(wide)} {_have(wide)} {LEAST_LABELLED} and more with and without the class, but a "
        f"loss of more than {100 * LARGE_LOSS:g} AP points is not excluded."
    )
    return " ".join([fewer] * bool(small) + [more] * bool(wide))


def _have(names: Sequence[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _of_all_photos(seen: Mapping[str, Examined], remedies: Remedies) -> Iterator[dict[str, str]]:
    for name, _, finding in called_rows({name: each.shared for name, each in seen.items()}):
        yield _row(name, SHARED, finding, remedies.of_shared)


def _of_columns(seen: Mapping[str, Examined], remedies: Remedies) -> Iterator[dict[str, str]]:
    for name, finding in in_fit_rows({name: each.shared for name, each in seen.items()}):
        yield _row(name, IN_FIT, finding, remedies.of_shared)


def _of_groups(tuner: Tuner, node: Node, classes: Sequence[str]) -> Iterator[dict[str, str]]:
    by, limits = tuner.spec.tuning.groups, tuner.spec.views.intervals
    if by is None:
        return
    for name in classes:
        figures = group_figures(tuner, node, TUNE, name, [by])
        if sides := figures.apart(len(tuner.store.classes)):
            words = partial(words_of_group, tuner.store, by)
            groups = [(words(cell.group), cell.at_equal_numbers) for cell in sides]
            present = sides[0].present
            finding = worst_group_sentence(name, *groups, present=present, limits=limits)
            yield _row(name, WORST_GROUP_WORDS, finding, aim_remedy(by))


@once(64)
def _of_names(
    tuner: Tuner, classes: tuple[str, ...], remedies: Remedies
) -> Sequence[dict[str, str]]:
    """Return a row if named words are no better than random ones; none if the store has no random
    words, or if that takes minutes."""
    if random_words(tuner.store) is None or not is_at_hand(tuner, classes):
        return ()
    found, sentence = no_better_finding(null_frame(tuner, classes=classes, by_lambda=False))
    if found:
        about = found[0] if len(found) == 1 else "concepts"
        return (_row(about, NO_BETTER, sentence, remedies.of_names),)
    return ()
