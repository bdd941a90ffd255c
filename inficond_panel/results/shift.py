"""Shift of classes between fit and tune, and the concepts that explain it, as frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from inficond_panel.common.cache import once
from inficond_panel.common.interval import NO_INTERVAL, columns_of
from inficond_panel.common.threads import one_thread
from inficond_panel.distill import Interval, metric_intervals
from inficond_panel.distill.suspects import VERDICT_LEVEL
from inficond_panel.results.cross_fitted import evaluation_outcome
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.refit_report import refit_of
from inficond_panel.tuning.fitting.recipe import Progress
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.other_students import node_title
from inficond_panel.tuning.shift import (
    ClassShift,
    class_shift,
    class_shifts,
    with_baselines,
)
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import AP
from inficond_panel.vocabulary.splits import TUNE
from inficond_panel.wording.suspects import (
    OF,
    shift_sentence,
    suspect_reason,
    suspect_sentence,
    tune_ap_sentence,
)

#: Shifts kept, by all sessions: a class has one for each iteration that tuned it.
_KEPT = 4096


def student_shift(
    tuner: Tuner, node: Node, class_name: str, *, baselines: bool = False
) -> ClassShift:
    """Shift of the class's student at ``node``, on all labels of fit and tune; the same for all
    iterations since it was tuned; of a joint student each iteration has its own.

    Takes tenths of a second, once. Looks at no photo of the holdout.
    """
    return _class_shift(tuner, made_at(tuner, node, class_name), class_name, baselines)


def made_at(tuner: Tuner, node: Node, class_name: str) -> str:
    """Id of the iteration that made the class's student at ``node``."""
    own = node if tuner.joint else refit_of(tuner, node, class_name)
    return tuner.root_id if own is None else own.id


def tune_aps(tuner: Tuner, node: Node, shift: ClassShift) -> dict[str, Interval]:
    """AP on ``tune`` of a class, on photos that neither fitted nor chose: its student, then others.

    ``student`` is that of ``node``; ``original`` that of #0, where a refit has changed it since;
    ``own_word`` and ``tune_model`` are the baselines of ``shift``. Empty where the photos are too
    few for a verdict.
    """
    if shift.verdict is None:
        return {}
    name, noise = shift.class_name, tuner.spec.views.noise()
    changed = made_at(tuner, node, name) != tuner.root_id
    nodes = {"student": node} | ({"original": tuner.root()} if changed else {})
    students = {
        key: metric_intervals(evaluation_outcome(tuner, at, TUNE, name), (AP.key,), **noise)[AP.key]
        for key, at in nodes.items()
    }
    baselines = {"own_word": shift.own_word, "tune_model": shift.tune_model}
    return students | {key: value for key, value in baselines.items() if value is not None}


@once(_KEPT)
def _class_shift(tuner: Tuner, node_id: str, class_name: str, baselines: bool) -> ClassShift:
    with one_thread():
        photos = tuner.cures.photos(tuner.cures.class_fit(tuner.node(node_id), class_name))
        if baselines:
            plain = _class_shift(tuner, node_id, class_name, False)
            return with_baselines(photos, plain, tuner.spec.views.noise())
        return class_shift(photos)


#: Photos with the class, and without it.
_SIDES = ("with", "without")
_CLASS_HEADINGS = {
    "class": Heading("class"),
    "shift": Heading("shift"),
    "ap_lost": Heading("AP lost", sign=True, level="verdict_level"),
    "separation_lost": Heading("separation lost", 2, sign=True, level="verdict_level"),
    "student_ap": Heading("AP on tune"),
    "own_word_ap": Heading("concept named like it"),
    "tune_model_ap": Heading("model of labels"),
}
_SUSPECT_HEADINGS = {
    "class": Heading("class"),
    "concept": Heading("suspect"),
    "fit_with": Heading("with it: fit", 2),
    "tune_with": Heading("with it: tune", 2),
    "fit_without": Heading("without: fit", 2),
    "tune_without": Heading("without: tune", 2),
    "reliance": Heading("reliance", 2, sign=True),
    "weight": Heading("influence", 2, sign=True),
    "z": Heading("z", 1),
    "group": Heading("alike"),
}


def shifts(
    tuner: Tuner,
    node: Node,
    classes: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, pd.DataFrame]:
    """Two frames, ``classes`` and ``suspects``: which of ``classes`` (all) are shifted from fit to
    tune, and the concepts that their students at ``node`` rely on, the most suspect first.

    A class has its verdict with what is lost of AP (0 to 1) and of separation (logits), at
    ``verdict_level``, and the AP on tune of the student, of the original one where it differs, and
    of two baselines, at ``level``. A suspect has the shares of photos ``with`` the class and
    without it that show the concept; ``reason`` says it in words. Errors as in ``class_shifts``.
    """
    found = class_shifts(tuner, node, classes=classes, seed=seed, progress=progress)
    level, title = float(tuner.spec.views.confidence), node_title(tuner, node)
    facts = {"node": node.id, "seed": seed, "verdict_level": VERDICT_LEVEL}
    rows = [_class_row(tuner, node, each) for each in found.values()]
    verdicts = make_frame(
        rows,
        "class",
        _CLASS_HEADINGS,
        title=f"{title}: classes shifted from fit to tune",
        notes=list(_notes(found, rows)),
        facts=facts,
        level=level,
    )
    suspects = make_frame(
        _suspect_rows(found),
        ["class", "concept"],
        _SUSPECT_HEADINGS,
        title=f"{title}: suspects, by the shares of photos that show them",
        facts=facts,
    )
    return {
        "classes": verdicts.astype({"teacher_knows": "boolean"}),
        "suspects": suspects,
    }


def _notes(found: Mapping[str, ClassShift], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for each, row in zip(found.values(), rows, strict=True):
        yield f"{each.class_name}: {row['sentence']}"
        if row["comparison"]:
            yield f"  {row['comparison']}"
        if each.suspects:
            yield f"  {suspect_reason(each, each.suspects[0])}"
    if any(each.by_teacher for each in found.values()):
        yield "fit has no labels of some classes: the teacher's decisions stand for them."


def _class_row(tuner: Tuner, node: Node, found: ClassShift) -> dict[str, Any]:
    verdict, teacher, aps = found.verdict, found.teacher, tune_aps(tuner, node, found)
    measured = {
        "teacher_ap": teacher and teacher.ap,
        "separation_lost": verdict and verdict.separation_lost,
        "ap_lost": verdict and verdict.ap_lost,
        **{f"{key}_ap": aps.get(key) for key in OF},
    }
    return {
        "class": found.class_name,
        "shift": found.kind,
        **columns_of({key: value or NO_INTERVAL for key, value in measured.items()}),
        "fit_separation": None if verdict is None else verdict.separation,
        "fit_ap": None if verdict is None else verdict.ap,
        "verdict_level": VERDICT_LEVEL,
        "chance": None if teacher is None else teacher.chance,
        "teacher_knows": None if teacher is None else teacher.knows,
        "labels_of_fit": "teacher" if found.by_teacher else "labels",
        "suspects": [suspect.concept for suspect in found.suspects],
        "sentence": shift_sentence(found),
        "comparison": tune_ap_sentence(aps),
    }


def _suspect_rows(found: Mapping[str, ClassShift]) -> Iterator[dict[str, Any]]:
    for name, each in found.items():
        for suspect in each.suspects:
            row, there = asdict(suspect), suspect.presence
            del row["presence"]
            yield {
                "class": name,
                **row,
                "group": list(suspect.group),
                **{f"fit_{key}": value for key, value in zip(_SIDES, there.fit, strict=True)},
                **{f"tune_{key}": value for key, value in zip(_SIDES, there.tune, strict=True)},
                "threshold": there.threshold,
                "reason": suspect_reason(each, suspect),
                "sentence": suspect_sentence(each, suspect),
            }
