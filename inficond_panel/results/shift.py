"""Shift of one class from fit to tune at an iteration, its repair, and APs on tune; cached."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from inficond_panel.common.cache import Latest, once
from inficond_panel.common.interval import Interval
from inficond_panel.common.teacher_outputs import log_odds
from inficond_panel.common.threads import one_thread
from inficond_panel.distill import metric_intervals
from inficond_panel.results.refit_report import refit_of
from inficond_panel.results.teacher_outputs import output_faults
from inficond_panel.results.teacher_splits import better_on_tune
from inficond_panel.store.more_photos import part_hashes
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.belonging import Belonging
from inficond_panel.tuning.label_noise import DoubtedLabels, contradicted_labels
from inficond_panel.tuning.repairs.evidence import Evidence
from inficond_panel.tuning.score_limits import Together
from inficond_panel.tuning.settled import settled_shift
from inficond_panel.tuning.shift import ClassShift, class_shift, shift_photos, with_baselines
from inficond_panel.tuning.shift_kinds import Differences, differences
from inficond_panel.tuning.suggest import Suggestion, suggest
from inficond_panel.vocabulary.intents import TARGET
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.vocabulary.tasks import SINGLE_LABEL

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
    faulty = any(class_name == name for name, *_ in output_faults(tuner.store))
    harder = found.harder or faulty or bool(better_on_tune(tuner, class_name))
    return replace(labels, harder=harder)


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
