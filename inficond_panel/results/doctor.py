"""One report on a store and its students: faults, and the first remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from inficond_panel.common.cache import once
from inficond_panel.common.installation import join
from inficond_panel.common.interval import NO_INTERVAL, Interval, columns_of
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import number, share
from inficond_panel.concepts.random_words import random_words
from inficond_panel.distill.correlations import Correlations
from inficond_panel.distill.drift import Drift, drift
from inficond_panel.distill.refits import Progress
from inficond_panel.distill.suspects import ALPHA, LARGE_LOSS, VERDICT_LEVEL
from inficond_panel.errors import Remedy, for_scripts
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.metrics import like_constant
from inficond_panel.results.null_students import no_better_finding, null_frame
from inficond_panel.results.shared_bias import (
    BELONGS_HEADING,
    StudentShared,
    called_rows,
    in_fit_rows,
    shared_frame,
    student_shared,
    unnamed_topics,
)
from inficond_panel.results.shift import student_differences, student_shift, tune_aps
from inficond_panel.results.teacher_groups import teacher_group_findings
from inficond_panel.results.worst_group import group_figures, worst_groups
from inficond_panel.store import Store
from inficond_panel.store.teacher_outputs import hold_store
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.null_students import is_at_hand
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.repairs.evidence import LEAST_LABELLED
from inficond_panel.tuning.shift import ClassShift, Suspect
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.tuning.thumbs import chosen_classes
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.shift_kinds import FEW, NOISE, PHOTOS, SHIFT_KINDS, ShiftKind
from inficond_panel.vocabulary.splits import FIT, TUNE
from inficond_panel.vocabulary.tasks import TWINS
from inficond_panel.wording.groups import (
    TEACHER_GROUP_REMEDY,
    TEACHER_GROUP_WORDS,
    WORST_GROUP_WORDS,
    aim_remedy,
    words_of_group,
    worst_group_sentence,
)
from inficond_panel.wording.metrics import constant_sentence, split_drift_sentence, unknown_sentence
from inficond_panel.wording.null_students import NO_BETTER
from inficond_panel.wording.own_word import unnamed_remedy, unnamed_sentence
from inficond_panel.wording.remedies import STORE_FACTS, Remedies, remedies_for
from inficond_panel.wording.shared_bias import IN_FIT, SHARED
from inficond_panel.wording.shift_kinds import (
    MISSING_LABELS,
    NOTHING_WRONG,
    kind_sentence,
    unsure_sentence,
)
from inficond_panel.wording.suspects import (
    DECIDED,
    OF,
    SHOWN_SUSPECTS,
    more_words,
    shift_sentence,
    suspect_reason,
    trained_sentence,
    tune_ap_sentence,
    unsure_classes,
)

#: Most labels to list that are more likely wrong than right, and to show if no class is requested.
MOST_LABELS, SHOWN_LABELS = 50, 10
_LIKELY_WRONG = f"Training labels that are likely wrong, at most {MOST_LABELS}"
_TO_LOOK_AT = f"Training labels to look at, at most {MOST_LABELS}"
_LOOKS_THE_SAME = (
    "These may be right: a difference between training and tuning images, or chance, looks the "
    "same as wrong labels."
)
#: Correlation of scores from which two concepts are twins.
ALIKE = 0.995
_TEACHER = "Look at the teacher first: its weights, its preprocessing, its classes."
_CONTRADICTION = (
    "If they are copies, one of the labels is wrong: correct it. Frames of a film may differ."
)
#: Whose AP and separation the verdict compares: values of the column ``verdict_of``.
_STUDENT, _LABELS = "student", "model of the training labels"
_OF_LABELS = (
    "AP on training images and its change are those of a model of the training labels, which the "
    "verdict compares in place of the student: {}."
)
_VERDICT = (
    f"The change to tuning is at {confidence_word(VERDICT_LEVEL)}, the level of the verdict: it is "
    f"falsely a shift with a chance of {share(ALPHA / 2)} by AP and of {share(ALPHA / 2)} by "
    "separation."
)
#: Largest number of classes with too few photos that have a finding each.
_ALONE = 3
_NEEDED = f"At least {LEAST_LABELLED} training and tuning images of each class are needed"


@dataclass(frozen=True)
class _Seen:
    """Measurements of one class: shift and differences from fit to tune, APs from ``tune_aps``, and
    what its student may rely on in all photos."""

    shift: ClassShift
    found: Differences
    aps: Mapping[str, Interval]
    shared: StudentShared


def doctor(
    tuner: Tuner,
    node: Node,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    in_python: bool = False,
) -> dict[str, pd.DataFrame]:
    """Return frames on the problems of ``classes`` (None: all) and of their students at ``node``.

    ``findings`` has problems and remedies, the most urgent first, and last what cannot be told
    for lack of images; remedies name commands, or Python calls (``in_python``). ``classes`` has
    differences from fit to tune, the change of AP (0 to 1) and of separation (mean logit of
    positives minus that of negatives) of what the verdict compares (``verdict_of``: the student, or
    a model of the labels of fit), and AP on tune of the student, of the original student if it
    differs, and of two baselines. ``suspects`` has concepts that a student relies on, the most
    suspect first, with the shares of photos with and without the class that show each. ``shared``
    has what a student may rely on in all photos, which no split shows: other classes, columns of
    metadata, properties of the pictures, and concepts, the strongest first, with the shares of
    photos in which the class is found, and wrongly called, with each and without. ``labels`` has
    labels of fit that are likely wrong, the likeliest first; ``labels_to_look_at`` has those that
    may be right: a difference between fit and tune, or chance, looks the same. If the spec names
    groups of images (``tuning.groups``), ``worst_groups`` has their worst
    (``results.worst_group``), and a class of which one group is clearly worse than another is a
    finding. If ``classes`` is None, only first rows are displayed. What people said belongs to a
    class is marked in the tables, and no finding.

    Takes tenths of a second per class, once per refit of the class: what is measured is kept. The
    holdout is not used; the same seed gives the same answer. Raises ``TuningError`` for an
    unknown class.
    """
    reader = for_scripts if in_python else str
    names, seen = chosen_classes(classes, tuner.store.classes), dict[str, _Seen]()
    for index, name in enumerate(names):
        if progress is not None:
            progress(index / len(names), f"looking at {name}")
        shift = student_shift(tuner, node, name, baselines=True, seed=seed)
        seen[name] = _Seen(
            shift,
            student_differences(tuner, node, name, seed=seed),
            tune_aps(tuner, node, shift),
            student_shared(tuner, node, name, seed=seed),
        )
    facts, whole = {"node": node.id, "seed": seed}, classes is not None
    by = tuner.spec.tuning.groups
    return {
        "findings": _findings(tuner, node, seen, facts, reader),
        "classes": _classes(tuner, node, seen, facts, whole),
        "suspects": _suspects(seen, facts, whole, reader(remedies_for(tuner.store).of_suspects)),
        "shared": shared_frame(
            {name: each.shared for name, each in seen.items()}, facts, whole=whole
        ),
        **_labels(tuner.store, seen, facts, reader, whole=whole),
        **({"worst_groups": worst_groups(tuner, node, TUNE, [by], classes=names)} if by else {}),
    }


def _findings(
    tuner: Tuner,
    node: Node,
    seen: Mapping[str, _Seen],
    facts: Mapping[str, Any],
    reader: Callable[[str], str],
) -> pd.DataFrame:
    worst_first = dict(sorted(seen.items(), key=lambda item: -item[1].shift.ap_lost))
    remedies = remedies_for(tuner.store)
    found = [
        *_of_teacher(tuner, worst_first, remedies),
        *_of_teacher_groups(tuner, worst_first, facts),
        *_of_students(node, tuner.store, seen, remedies),
        *_of_classes(worst_first, remedies),
        *_of_columns(seen, remedies),
        *_of_all_photos(seen, remedies),
        *_of_groups(tuner, node, list(seen)),
        *_of_names(tuner, tuple(seen), remedies),
        *_of_photos(tuner.store, facts, remedies),
        *_of_store(tuner.store, remedies),
    ]
    unsure = list(_not_told(worst_first, remedies))
    rows = [{**row, "remedy": reader(row["remedy"])} for row in (*found, *unsure)]
    notes = [] if rows else ["No problem was found in these images."]
    if topics := unnamed_topics(tuner.store, {name: each.shared for name, each in seen.items()}):
        notes.append(unnamed_sentence(topics) + " " + reader(unnamed_remedy(topics)))
    headings = plain_headings("about", kind="what", finding="finding", remedy="what helps")
    title = f"{node_title(tuner, node)}: {'findings' if found or not unsure else NOTHING_WRONG}"
    return make_frame(rows, "about", headings, title=title, notes=notes, facts=facts)


def _row(about: str, kind: str, finding: str, remedy: str) -> dict[str, str]:
    return {"about": about, "kind": kind, "finding": finding, "remedy": remedy}


@once(4)
def _of_store(store: Store, remedies: Remedies) -> Sequence[dict[str, str]]:
    return tuple(_faults_of(store, remedies))


def _faults_of(store: Store, remedies: Remedies) -> Iterator[dict[str, str]]:
    scores, names = store.scores_of(FIT), store.concepts
    if constant := [names[c] for c in np.flatnonzero(np.ptp(scores, axis=0) == 0)]:
        finding = f"The score is the same on all training images: {listed(constant, 8)}."
        yield _row("concepts", "constant", finding, remedies.of_constant)
    if pairs := [f"{names[a]} = {names[b]}" for a, b in Correlations(scores).pairs(ALIKE)]:
        yield _row("concepts", "nearly equal", f"{listed(pairs, 8)}.", remedies.of_nearly_equal)
    for warning in store.attrs.get("warnings", []):
        if str(warning).startswith(TWINS):
            continue  # reported above, by their scores
        yield _row("store", "warning", str(warning), STORE_FACTS)


def _of_photos(
    store: Store, facts: Mapping[str, Any], remedies: Remedies
) -> Iterator[dict[str, str]]:
    near = store.near_images
    if near.groups:
        finding = f"{near}. A group counts as one image in tests and intervals."
        yield _row("images", "near-equal", finding, remedies.of_near_equal)
    if store.contradictions:
        yield _row("labels", "copies with other labels", store.contradictions, _CONTRADICTION)
    drifted = _drift(store, facts["seed"])
    if drifted.alarm:
        told = split_drift_sentence(drifted)
        yield _row("images", "tuning unlike training", told, remedies.of_kind(PHOTOS))


@once(4)
def _drift(store: Store, seed: int) -> Drift:
    """Return a test of whether concept scores differ between ``fit`` and ``tune``."""
    fit, tune = map(store.scores_of, (FIT, TUNE))
    return drift(fit, tune, list(store.concepts), seed)


def _of_teacher(
    tuner: Tuner, seen: Mapping[str, _Seen], remedies: Remedies
) -> Iterator[dict[str, str]]:
    if order := hold_store(tuner.store, tuner.spec.order):
        yield _row("teacher", "order of the classes", order.message, "inficond docs teachers")
    for name, each in seen.items():
        skill = each.shift.teacher
        if skill is not None and skill.does_not_know:
            yield _row(name, "unknown to the teacher", unknown_sentence(name, skill), _TEACHER)
    memories = {name: each.shift.memory for name, each in seen.items()}
    if trained := {name: each for name, each in memories.items() if each and each.trained}:
        told = trained_sentence(trained)
        yield _row("teacher", "trained on these images", told, remedies.of_memory)


def _of_teacher_groups(
    tuner: Tuner, seen: Mapping[str, _Seen], facts: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    for name, finding in teacher_group_findings(tuner, facts["seed"]).items():
        if name in seen:  # all classes are tested, so that a choice of classes finds no more
            yield _row(name, TEACHER_GROUP_WORDS, finding, TEACHER_GROUP_REMEDY)


def _of_students(
    node: Node, store: Store, seen: Mapping[str, _Seen], remedies: Remedies
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


def _of_classes(seen: Mapping[str, _Seen], remedies: Remedies) -> Iterator[dict[str, str]]:
    if without := [name for name, each in seen.items() if each.shift.decided]:
        finding = f"No tuning image has a label of {listed(without)}. {DECIDED}"
        yield _row("classes", f"{len(without)} without labels", finding, remedies.of_few)
    yield from _of_kinds([kind for kind in SHIFT_KINDS if kind != FEW], seen, remedies)


def _of_kinds(
    kinds: Sequence[ShiftKind], seen: Mapping[str, _Seen], remedies: Remedies
) -> Iterator[dict[str, str]]:
    for kind in kinds:
        for name, each in seen.items():
            if kind in each.found.kinds:
                finding = kind_sentence(kind, each.found, each.shift)
                remedy = remedies.of_kind(kind, each.found, each.shift)
                yield _row(name, kind.words, finding, remedy)


def _not_told(seen: Mapping[str, _Seen], remedies: Remedies) -> Iterator[dict[str, str]]:
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


def _of_all_photos(seen: Mapping[str, _Seen], remedies: Remedies) -> Iterator[dict[str, str]]:
    for name, _, finding in called_rows({name: each.shared for name, each in seen.items()}):
        yield _row(name, SHARED, finding, remedies.of_shared)


def _of_columns(seen: Mapping[str, _Seen], remedies: Remedies) -> Iterator[dict[str, str]]:
    for name, finding in in_fit_rows({name: each.shared for name, each in seen.items()}):
        yield _row(name, IN_FIT, finding, remedies.of_shared)


def _of_groups(tuner: Tuner, node: Node, classes: Sequence[str]) -> Iterator[dict[str, str]]:
    by, limits = tuner.spec.tuning.groups, tuner.spec.views.intervals
    if by is None:
        return
    for name in classes:
        if sides := group_figures(tuner, node, TUNE, name, [by]).apart:
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


_CLASS_HEADINGS = {
    "class": Heading("class"),
    "kinds": Heading("what differs"),
    "fit_positives": Heading("positives: training"),
    "tune_positives": Heading("tuning"),
    "fit_ap": Heading("AP, training"),
    "ap_change": Heading("change to tuning", sign=True, level="verdict_level"),
    "student_ap": Heading("AP, tuning", limits=False),
    "own_word_ap": Heading("named like it", limits=False),
    "tune_model_ap": Heading("model of labels", limits=False),
    "teacher_ap": Heading("teacher", limits=False),
    "added": Heading("wrongly present", 2, missing=""),
    "missed": Heading("wrongly absent", 2, missing=""),
    "share": Heading("frequency, z", 1, sign=True),
    "photos": Heading("other images, z", 1, sign=True),
    "pictures": Heading("pictures"),
}


def _classes(
    tuner: Tuner, node: Node, seen: Mapping[str, _Seen], facts: Mapping[str, Any], whole: bool
) -> pd.DataFrame:
    level, students = float(tuner.spec.views.confidence), tuner.at(node, TUNE)
    rows = [_class_row(name, each) for name, each in seen.items()]
    form = "{class}: {sentence} {comparison}"
    notes = [form.format_map(row).rstrip() for row in rows if whole]
    if of_labels := [row["class"] for row in rows if row["verdict_of"] == _LABELS]:
        notes.append(_OF_LABELS.format(listed(of_labels, 5)))
    notes += [_VERDICT] * any(each.shift.decisive for each in seen.values())
    if any(each.shift.by_teacher for each in seen.values()):
        notes += ["Some classes have no training labels: the teacher's decisions replace them."]
    if constant := [name for name in seen if like_constant(students[name], level)]:
        notes.append(constant_sentence(constant))
    title = "Classes: positives, what differs between training and tuning images, and AP"
    facts = {**facts, "verdict_level": VERDICT_LEVEL}
    frame = make_frame(
        rows, "class", _CLASS_HEADINGS, title=title, notes=notes, facts=facts, level=level
    )
    return frame.assign(teacher_knows=frame["teacher_knows"].astype("boolean"))


def _class_row(name: str, each: _Seen) -> dict[str, Any]:
    found, verdict, teacher = each.found, each.shift.decisive, each.shift.teacher
    other, noise = found.other, found.noise
    perhaps = [f"{kind.words}?" for kind in found.perhaps]
    measured = {
        "teacher_ap": teacher and teacher.ap,
        "ap_change": verdict and -verdict.ap_lost,
        "separation_change": verdict and -verdict.separation_lost,
        **{f"{key}_ap": each.aps.get(key) for key in OF},
    }
    return {
        "class": name,
        "kinds": ", ".join([*(kind.words for kind in found.kinds), *perhaps]),
        "shift": each.shift.kind,
        "fit_positives": found.positives[0],
        "tune_positives": found.positives[1],
        **columns_of({key: value or NO_INTERVAL for key, value in measured.items()}),
        "fit_ap": np.nan if verdict is None else verdict.ap,
        "fit_separation": np.nan if verdict is None else verdict.separation,
        "verdict_of": _STUDENT if each.shift.memory is None else _LABELS,
        "verdict_level": VERDICT_LEVEL,
        "teacher_fit_ap": np.nan if each.shift.memory is None else each.shift.memory.ap[0],
        "chance": np.nan if teacher is None else teacher.chance,
        "teacher_knows": None if teacher is None else teacher.knows,
        "labels_of_fit": "teacher" if each.shift.by_teacher else "labels",
        **columns_of(_wrong_shares(found)),
        "noise": np.nan if noise is None else noise.evidence,
        "share": found.share,
        "photos": np.nan if other is None else other.negatives,
        "photos_with": np.nan if other is None else other.positives,
        "pictures": [each.words for each in found.pictures],
        "suspects": [suspect.concept for suspect in each.shift.suspects],
        "sentence": shift_sentence(each.shift),
        "comparison": tune_ap_sentence(each.aps),
    }


def _wrong_shares(found: Differences) -> dict[str, Interval]:
    """Return the estimated shares of wrong labels with their limits; undefined where nothing speaks
    for wrong labels, since the shares are arbitrary then."""
    noise, keys = found.noise, ("added", "missed")
    if NOISE not in found.kinds or noise is None:
        return dict.fromkeys(keys, NO_INTERVAL)
    limits = found.labels.limits if found.labels else ((np.nan, np.nan),) * len(keys)
    shares = zip(keys, (noise.added, noise.missed), limits, strict=True)
    return {key: Interval(share, *ends) for key, share, ends in shares}


_SUSPECT_HEADINGS = {
    "class": Heading("class"),
    "concept": Heading("suspect"),
    "fit_with": Heading("with it: training", 2),
    "tune_with": Heading("with it: tuning", 2),
    "fit_without": Heading("without: training", 2),
    "tune_without": Heading("without: tuning", 2),
    "reliance": Heading("reliance", 2, sign=True),
    "teacher_reliance": Heading("teacher's", 2, sign=True),
    "weight": Heading("influence", 2, sign=True),
    "z": Heading("z", 1),
    "group": Heading("alike"),
    "belongs": BELONGS_HEADING,
}


def _suspects(
    seen: Mapping[str, _Seen], facts: Mapping[str, Any], whole: bool, guess: str
) -> pd.DataFrame:
    shifts = [each.shift for each in seen.values()]
    rows = [_suspect_row(each, one) for each in shifts for one in (*each.suspects, *each.belonging)]
    things = shifts[0].things if shifts else "photos"
    more = {each.class_name: each.suspects[SHOWN_SUSPECTS:] for each in shifts if not whole}
    shown = [
        rank < SHOWN_SUSPECTS or rank >= len(each.suspects)
        for each in shifts
        for rank in range(len(each.suspects) + len(each.belonging))
    ]
    return make_frame(
        rows,
        ["class", "concept"],
        _SUSPECT_HEADINGS,
        title=f"Suspects, by the shares of {things} that show them",
        notes=[f"{name}: {more_words(found)}" for name, found in more.items() if found]
        + [guess] * any(each.suspects for each in shifts),
        facts=facts,
        shown=[at for at, there in enumerate(shown) if there or whole],
    )


def _suspect_row(shift: ClassShift, suspect: Suspect) -> dict[str, Any]:
    row, presence = asdict(suspect), suspect.presence
    del row["presence"]
    return {
        "class": shift.class_name,
        **row,
        "group": list(suspect.group),
        "carried_by": list(suspect.carried_by),
        "fit_with": presence.fit[0],
        "fit_without": presence.fit[1],
        "tune_with": presence.tune[0],
        "tune_without": presence.tune[1],
        "threshold": presence.threshold,
        "belongs": suspect in shift.belonging,
        "sentence": suspect_reason(shift, suspect),
    }


def _labels(
    store: Store,
    seen: Mapping[str, _Seen],
    facts: Mapping[str, Any],
    reader: Callable[[str], str],
    *,
    whole: bool,
) -> dict[str, pd.DataFrame]:
    """Return frames of labels that are likely wrong, and of those that may be right as well."""
    wrong = {name: each for name, each in seen.items() if each.found.labels_wrong}
    doubted = {
        name: each
        for name, each in seen.items()
        if each.found.labels_in_doubt and name not in wrong
    }
    frame = partial(_label_frame, store, facts=facts, reader=reader, whole=whole)
    frames = {
        "labels": frame(wrong, _LIKELY_WRONG),
        "labels_to_look_at": frame(doubted, _TO_LOOK_AT),
    }
    if len(frames["labels_to_look_at"]):
        frames["labels_to_look_at"].attrs["notes"].append(_LOOKS_THE_SAME)
    for frame in frames.values():
        if len(frame):
            frame.attrs["notes"].append(MISSING_LABELS)
    return frames


def _label_frame(
    store: Store,
    seen: Mapping[str, _Seen],
    title: str,
    facts: Mapping[str, Any],
    reader: Callable[[str], str],
    *,
    whole: bool,
) -> pd.DataFrame:
    rows = sorted(_wrong(store, seen), key=lambda row: -row["wrong"])[:MOST_LABELS]
    headings = {
        "image": Heading("image"),
        "class": Heading("class"),
        "label": Heading("label", words=("absent", "present")),
        "wrong": Heading("wrong by", 2),
        "present": Heading("present by other images", 2),
        "teacher": Heading("by the teacher", 2),
    }
    shown = range(len(rows) if whole else min(len(rows), SHOWN_LABELS))
    return make_frame(
        rows,
        ["image", "class"],
        headings,
        title=title,
        notes=[reader(_more_labels(rows[len(shown) :]))] * (len(shown) < len(rows)),
        facts=facts,
        shown=shown,
    )


def _more_labels(hidden: Sequence[Mapping[str, Any]]) -> str:
    """Return how many labels are not shown, and what shows them."""
    names = list(dict.fromkeys(row["class"] for row in hidden))
    one = join(names) if len(names) == 1 else "CLASS"
    named = repr(names[0]) if len(names) == 1 else "class_name"
    calls = Remedy(f"`inficond doctor SPEC --class {one}`", f"`students.doctor({named})`")
    return f"And {len(hidden)} more, of {listed(names, 3)}: " + calls + "."


def _wrong(store: Store, seen: Mapping[str, _Seen]) -> Iterator[dict[str, Any]]:
    for name, each in seen.items():
        labels = each.found.labels
        if labels is None or each.shift.by_teacher:
            continue
        chance = expit(store.teacher_log_odds[labels.rows, store.classes.index(name)])
        for at in labels.likely_wrong:
            yield {
                "image": store.images[labels.rows[at]],
                "class": name,
                "label": int(labels.label[at]),
                "wrong": float(labels.wrong[at]),
                "present": float(labels.present[at]),
                "teacher": float(chance[at]),
            }
