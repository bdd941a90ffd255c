"""Shift of one class from fit to tune at an iteration, its repair, and APs on tune; cached.

Also the frame of the repairs (levers) compared for each class: gains, and which is proposed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from inficond_panel.common.cache import Latest, once
from inficond_panel.common.interval import NO_INTERVAL, Interval
from inficond_panel.common.numbers import count
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.common.threads import one_thread
from inficond_panel.distill import metric_intervals
from inficond_panel.results.frame import Heading, make_frame, plain_headings
from inficond_panel.results.refit_report import refit_of
from inficond_panel.store.more_photos import part_hashes
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.belonging import Belonging
from inficond_panel.tuning.label_noise import DoubtedLabels, contradicted_labels
from inficond_panel.tuning.lost_thresholds import LostThreshold
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.score_limits import Together
from inficond_panel.tuning.settled import settled_shift
from inficond_panel.tuning.shift import ClassShift, class_shift, shift_photos, with_baselines
from inficond_panel.tuning.shift_kinds import Differences, differences
from inficond_panel.tuning.suggest import Suggestion, suggest
from inficond_panel.tuning.suggest.baselines import Baseline
from inficond_panel.tuning.suggest.levers import AS_IT_IS, ClassRepair, Lever
from inficond_panel.tuning.suggest.suggestion import AUTHOR, MEASURED
from inficond_panel.vocabulary.aims import MEAN_AP, WORST_GROUP, aim_words
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.metrics import AP, FIDELITY
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL
from inficond_panel.wording.lost_thresholds import lost_sentences
from inficond_panel.wording.metrics import teacher_sentences
from inficond_panel.wording.repairs import (
    OTHER_AP_SENTENCE,
    TUNE_DOUBTED,
    ask_sentence,
    better_sentence,
    no_limits_sentence,
    proposals_lose,
    small_cells_sentence,
    tune_model_sentence,
)

#: Largest number of classes for which the shifts of all are computed without a request.
ALL_UP_TO = 100
#: Shifts cached for all sessions: one per class and iteration that tuned the class.
_KEPT = 4096
_REPAIRS: Latest[tuple[Tuner, str, str, tuple[str, ...], Belonging], Suggestion] = Latest(256)


def student_shift(
    tuner: Tuner, node: Node, class_name: str, *, baselines: bool = False, seed: int = 0
) -> ClassShift:
    """Return how the class's student at ``node`` degrades from fit to tune, by all labels.

    With ``baselines`` the APs of two baselines are added. Iterations that did not tune the class
    share the shift, except those of a joint student. What people said belongs to the class is no
    suspect.

    Takes tenths of a second, once. Does not use the holdout.
    """
    found = _class_shift(tuner, made_at(tuner, node, class_name), class_name, baselines, seed)
    return settled_shift(found, tuner.belonging())


def student_differences(tuner: Tuner, node: Node, class_name: str, *, seed: int = 0) -> Differences:
    """Return the differences between a class's training and tuning images that explain its shift.

    Takes tenths of a second, once. Does not use the holdout.
    """
    belonging = tuner.belonging().only(class_name)
    return _differences(tuner, made_at(tuner, node, class_name), class_name, belonging, seed)


def student_contradicted(
    tuner: Tuner, node: Node, class_name: str, *, seed: int = 0
) -> DoubtedLabels | None:
    """Return the training labels of a class that are likely wrong one by one, where the differences
    doubt none (``contradicted_labels``); None where they do, or without labels enough.

    Takes tenths of a second, once. Does not use the holdout.
    """
    shift = student_shift(tuner, node, class_name, seed=seed)
    if shift.by_teacher or shift.decided or shift.lacking:
        return None
    found = student_differences(tuner, node, class_name, seed=seed)
    if found.labels_in_doubt:
        return None
    labels = _contradicted(tuner, made_at(tuner, node, class_name), class_name, seed)
    return replace(labels, harder=found.harder)


@once(_KEPT)
def _contradicted(tuner: Tuner, node_id: str, class_name: str, seed: int) -> DoubtedLabels:
    with one_thread():
        return contradicted_labels(student_photos(tuner, node_id, class_name, seed)).listed


@once(2)  # what is measured of one class after another shares its folds' students
def student_photos(tuner: Tuner, node_id: str, class_name: str, seed: int) -> Evidence:
    """Return the photos from which the shift of a class's student is computed
    (``shift.shift_photos``), that was fitted at the iteration with an id."""
    return shift_photos(tuner, tuner.node(node_id), class_name, seed)


def student_repair(
    tuner: Tuner,
    node: Node,
    class_name: str,
    cancelled: Callable[[], bool],
    progress: Callable[[float, str], None] | None = None,
) -> Suggestion:
    """Return the repair that the program suggests for the class's student at ``node``.

    Takes seconds; the result is cached until photos are added, or a person says what belongs to a
    class. Raises ``CancelledError`` if
    ``cancelled()``, and the errors of ``suggest``.
    """
    made = made_at(tuner, node, class_name)
    key = tuner, made, class_name, part_hashes(tuner.store), tuner.belonging().only(class_name)

    def make() -> Suggestion:
        return suggest(tuner, node, classes=[class_name], progress=progress, cancelled=cancelled)

    return replace(_REPAIRS.made(key, make), parent=node.id)


def made_at(tuner: Tuner, node: Node, class_name: str) -> str:
    """Return the id of the iteration that fitted the class's student at ``node``."""
    refit = node if tuner.joint else refit_of(tuner, node, class_name)
    return tuner.root_id if refit is None else refit.id


def decided_at(tuner: Tuner, node: Node, class_name: str) -> str:
    """Return the id of the iteration since which decisions on a class are the same as at ``node``:
    with one class per image they depend on the students of all classes."""
    return node.id if tuner.store.task == SINGLE_LABEL else made_at(tuner, node, class_name)


def tune_aps(tuner: Tuner, node: Node, shift: ClassShift) -> dict[str, Interval]:
    """Return a class's APs on ``tune``, on photos that neither fitted nor chose the student.

    ``student`` is the student at ``node``; ``original`` that of #0, if a refit has changed it;
    ``own_word`` (the concept named like the class) and ``tune_model`` (a model of the labels of
    tune) are baselines. Empty if photos are too few for a verdict, or ``tune`` has no labels.
    """
    if shift.verdict is None or shift.decided:
        return {}
    name, made = shift.class_name, made_at(tuner, node, shift.class_name)
    nodes = {"student": made} | ({"original": tuner.root_id} if made != tuner.root_id else {})
    students = {key: _tune_ap(tuner, at, name) for key, at in nodes.items()}
    baselines = {"own_word": shift.own_word, "tune_model": shift.tune_model}
    return students | {key: value for key, value in baselines.items() if value is not None}


@once(_KEPT)
def _tune_ap(tuner: Tuner, node_id: str, class_name: str) -> Interval:
    outcome = tuner.at(tuner.node(node_id), TUNE)[class_name].outcome
    return metric_intervals(outcome, (AP.key,), **tuner.spec.views.noise())[AP.key]


@once(_KEPT)
def _differences(
    tuner: Tuner, node_id: str, class_name: str, belonging: Belonging, seed: int
) -> Differences:
    with one_thread():
        origin, found = (
            settled_shift(_class_shift(tuner, each, class_name, False, seed), belonging)
            for each in (tuner.root_id, node_id)
        )
        photos = student_photos(tuner, node_id, class_name, seed)
        student = _tune_ap(tuner, node_id, class_name)
        together = _together(tuner, node_id, photos)
        return differences(photos, found, origin, student, tuner.spec.views.noise(), together)


def _together(tuner: Tuner, node_id: str, photos: Evidence) -> Together | None:
    """Return how the students of all classes together rank the images of tune: by the log-odds of
    a softmax of their logits. None with several classes per image, and for a joint student."""
    if tuner.store.task != SINGLE_LABEL or tuner.joint:
        return None
    node, k = tuner.node(node_id), photos.student.k
    return lambda: log_odds(tuner.logits(node, photos.tune))[:, k]


@once(_KEPT)
def _class_shift(
    tuner: Tuner, node_id: str, class_name: str, baselines: bool, seed: int
) -> ClassShift:
    with one_thread():
        photos = student_photos(tuner, node_id, class_name, seed)
        if baselines:
            plain = _class_shift(tuner, node_id, class_name, False, seed)
            return with_baselines(photos, plain, tuner.spec.views.noise())
        return replace(class_shift(photos), by_bounds=tuner.refit != TARGET)


def _headings(by: str) -> dict[str, Heading]:
    """Return the headings of levers; ``by`` divides images into groups, if the worst counts."""
    gain = {"gain": Heading("gain" if by else "gain in AP", sign=True, missing="")}
    change = {"ap_change": Heading("change of AP", sign=True, missing="")} if by else {}
    return {
        **plain_headings("class", "lever", recommended="proposed"),
        **({**plain_headings(worst="worst group"), **gain} if by else {}),
        **plain_headings(**{AP.key: AP.word}),
        **(change or gain),
        FIDELITY.key: Heading("like the teacher", missing=""),
        **plain_headings("concepts", "needs"),
    }


def levers(suggestion: Suggestion, lost: Sequence[LostThreshold] | None = None) -> pd.DataFrame:
    """Return a frame of the compared repairs, a row per class and repair (``lever``).

    The unchanged student is first, baselines that are no edits are last. ``ap`` and ``gain``
    (undefined for the first) are 0 to 1, on photos that did not choose the repair; ``fidelity`` is
    the share of the labelled images that student and teacher decide alike (of metrics, ``fidelity``
    counts all images). If levers were compared by the worst group,
    ``gain`` is that of its accuracy, ``worst``, and ``ap_change`` what the repair changes in AP.
    Facts are the proposed ``intents`` and their expected ``gain``; by class the expected
    (``stated``) gain, the baseline that is ``better``, the concept for a person to decide by
    (``contexts``), the AP of a model of the labels alone (``tune_models``), ``photos`` to label,
    why classes are ``skipped``, and classes ``unknown_to_teacher``. After a refit, notes name the
    thresholds that it ``lost``; before it (None), those that the proposed repairs would lose.
    """
    return make_frame(
        _rows(suggestion),
        ["class", "lever"],
        _headings(suggestion.by),
        title=f"{AUTHOR}, seed {suggestion.seed}, {count(suggestion.images, 'tuning image')}",
        notes=list(_notes(suggestion, lost)),
        facts=_facts(suggestion),
        level=suggestion.level,
    )


#: What a baseline needs besides the store.
_NO_EDIT = "no edit: ranks images"


def _rows(suggestion: Suggestion) -> Iterator[dict[str, Any]]:
    for name, repair in suggestion.repairs.items():
        for lever in repair.levers:
            proposed = lever == repair.taken
            facts = _measured(suggestion, lever, alone=lever.name == AS_IT_IS)
            rest = {FIDELITY.key: lever.fidelity, "concepts": lever.concepts, "needs": lever.needs}
            yield {"class": name, "lever": lever.name, "recommended": proposed, **facts, **rest}
        for other in repair.baselines:
            proposed, facts = other == repair.better, _measured(suggestion, other)
            rest = {FIDELITY.key: math.nan, "concepts": other.concepts, "needs": _NO_EDIT}
            yield {"class": name, "lever": other.name, "recommended": proposed, **facts, **rest}


def _measured(
    suggestion: Suggestion, one: Lever | Baseline, *, alone: bool = False
) -> dict[str, Any]:
    """Return what a lever or a baseline is compared by; without changes if it is ``alone``."""
    level = suggestion.level
    gain = NO_INTERVAL if alone else one.gain.gain(level)
    if not suggestion.by:
        return {AP.key: one.ap, **gain.columns("gain")}
    change = NO_INTERVAL if alone else one.ap_change.gain(level)
    worst = {"worst": one.worst, **gain.columns("gain")}
    return {**worst, AP.key: one.ap, **change.columns("ap_change")}


def _notes(suggestion: Suggestion, lost: Sequence[LostThreshold] | None) -> Iterator[str]:
    yield suggestion.summary
    yield from _expected(suggestion)
    yield from teacher_sentences(suggestion.unknown)
    for name in suggestion.repairs:
        yield from (f"{name}: {note}" for note in _class_notes(suggestion, name))
    yield from proposals_lose(suggestion) if lost is None else lost_sentences(lost)
    for name, why in suggestion.skipped.items():
        yield f"{name} is left out: {why}."
    for name in suggestion.contexts:
        yield ask_sentence(suggestion, name)


def _expected(suggestion: Suggestion) -> Iterator[str]:
    """Yield sentences on what the proposals are expected to gain, in the mean and by class."""
    if suggestion.repairs:
        classes = len(suggestion.repairs)
        over = f", mean over {count(classes, 'class')}" if classes > 1 else ""
        aim = aim_words(suggestion.by)
        yield f"Expected gain in {aim} {suggestion.gain}{over}, {MEASURED}."
    if suggestion.by and suggestion.taken:
        yield f"Expected change of the mean AP {suggestion.ap_change}."
    if suggestion.taken:
        yield OTHER_AP_SENTENCE
    if len(suggestion.repairs) > 1:
        for name in suggestion.taken:
            gain = suggestion.gain_of(name)
            yield f"{name}: expected gain in {aim_words(suggestion.by)} {gain}."


def _class_notes(suggestion: Suggestion, class_name: str) -> Iterator[str]:
    repair, by = suggestion.repairs[class_name], suggestion.by
    if repair.tune_doubted:
        yield TUNE_DOUBTED
    if repair.shift.tune_model is not None:
        yield tune_model_sentence(repair.shift.tune_model)
    if repair.small_cells:
        yield small_cells_sentence(repair.small_cells)
    if unlimited := _without_limits(repair, by, suggestion.level):
        yield no_limits_sentence(unlimited)
    if better := better_sentence(repair, by=by):
        yield better
    if repair.photos:
        yield f"most useful labels: {', '.join(repair.photos)}."


def _without_limits(repair: ClassRepair, by: str, level: float) -> list[str]:
    """Return the levers and baselines of which a gain, or the change of AP beside it, has no limits
    though images are enough: those of ``small_cells`` have a note of their own."""
    compared: list[Lever | Baseline] = [*repair.levers[1:], *repair.baselines]
    shown = {one.name: [one.gain, *([one.ap_change] if by else [])] for one in compared}
    return [
        name
        for name, gains in shown.items()
        if any(math.isnan(each.gain(level).low) for each in gains if not each.few)
    ]


def _facts(suggestion: Suggestion) -> dict[str, Any]:
    repairs = suggestion.repairs
    models = {name: one.shift.tune_model for name, one in repairs.items()}
    return {
        "author": AUTHOR,
        "seed": suggestion.seed,
        "parent": suggestion.parent,
        "images": suggestion.images,
        "aim": WORST_GROUP if suggestion.by else MEAN_AP,
        "by": suggestion.by,
        "gain": suggestion.gain.json(),
        "ap_change": suggestion.ap_change.json(),
        "intents": [item.to_json() for item in suggestion.intents],
        "stated": {name: suggestion.gain_of(name).json() for name in suggestion.taken},
        "tune_models": {name: ap.json() for name, ap in models.items() if ap is not None},
        "photos": {name: list(one.photos) for name, one in repairs.items() if one.photos},
        "skipped": suggestion.skipped,
        "better": {name: one.better.name for name, one in repairs.items() if one.better},
        "contexts": {name: each.concept for name, each in suggestion.contexts.items()},
        "unknown_to_teacher": {name: each.to_json() for name, each in suggestion.unknown.items()},
    }
