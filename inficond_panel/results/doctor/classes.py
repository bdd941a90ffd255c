"""Tables of the doctor: classes, and the concepts that their students may wrongly rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL, Interval, columns_of
from inficond_panel.common.near_words import listed
from inficond_panel.common.numbers import share
from inficond_panel.distill.suspects import ALPHA, VERDICT_LEVEL
from inficond_panel.results.doctor.examined import Examined
from inficond_panel.results.frame import Heading, make_frame
from inficond_panel.results.shared_bias import BELONGS_HEADING
from inficond_panel.tuning import Tuner
from inficond_panel.tuning.shift import ClassShift, Suspect
from inficond_panel.tuning.shift_kinds import Differences
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.shift_kinds import NOISE
from inficond_panel.wording.suspects import (
    OF,
    SHOWN_SUSPECTS,
    more_words,
    shift_sentence,
    suspect_reason,
    tune_ap_sentence,
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


def classes_frame(
    tuner: Tuner, seen: Mapping[str, Examined], facts: Mapping[str, Any], *, whole: bool
) -> pd.DataFrame:
    """Return a row per class: what differs from fit to tune, and AP on both beside baselines.

    ``whole``: with a sentence on each class."""
    level = float(tuner.spec.views.confidence)
    rows = [_class_row(name, each) for name, each in seen.items()]
    form = "{class}: {sentence} {comparison}"
    notes = [form.format_map(row).rstrip() for row in rows if whole]
    if of_labels := [row["class"] for row in rows if row["verdict_of"] == _LABELS]:
        notes.append(_OF_LABELS.format(listed(of_labels, 5)))
    notes += [_VERDICT] * any(each.shift.decisive for each in seen.values())
    if any(each.shift.by_teacher for each in seen.values()):
        notes += ["Some classes have no training labels: the teacher's decisions replace them."]
    title = "Classes: positives, what differs between training and tuning images, and AP"
    facts = {**facts, "verdict_level": VERDICT_LEVEL}
    frame = make_frame(
        rows, "class", _CLASS_HEADINGS, title=title, notes=notes, facts=facts, level=level
    )
    return frame.assign(teacher_knows=frame["teacher_knows"].astype("boolean"))


def _class_row(name: str, each: Examined) -> dict[str, Any]:
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


def suspects_frame(
    seen: Mapping[str, Examined], facts: Mapping[str, Any], guess: str, *, whole: bool
) -> pd.DataFrame:
    """Return a row per concept that a student may wrongly rely on, by class, most suspect first.

    ``guess`` is the sentence on what suspects are; ``whole``: all of them are displayed."""
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
