"""Shift of each class, and suspects, as data frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import pandas as pd

from inficond_panel.common.interval import NO_INTERVAL
from inficond_panel.distill.shift.verdict import VERDICT_LEVEL
from inficond_panel.results.shift import tune_aps
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.shift.class_shift import Suspect, class_shifts
from inficond_panel.wording.suspects import OF, shift_sentence, suspect_sentence

#: Columns of the shares of photos in which a suspect stands, and the score that it takes.
_PRESENCE = ("fit_with", "fit_without", "tune_with", "tune_without", "threshold")


def shift(tuner: Tuner, node: Node, classes: Sequence[str] | None, seed: int) -> pd.DataFrame:
    """One row per class: verdict, what is lost from fit to tune, AP on tune, suspects.

    AP on tune is of the student, of the original one where it differs, and of two baselines.
    """
    rows = {}
    for name, class_shift in class_shifts(tuner, node, classes=classes, seed=seed).items():
        row: dict[str, Any] = {"shift": class_shift.kind, "sentence": shift_sentence(class_shift)}
        verdict = class_shift.verdict
        teacher = class_shift.teacher
        aps = tune_aps(tuner, node, class_shift)
        measured = {
            "teacher_ap": None if teacher is None else teacher.ap,
            "separation_lost": None if verdict is None else verdict.separation_lost,
            "ap_lost": None if verdict is None else verdict.ap_lost,
            **{f"{key}_ap": aps.get(key) for key in OF},
        }
        for key, value in measured.items():
            row |= (value or NO_INTERVAL).columns(key)
        row |= {"level": tuner.spec.views.confidence, "verdict_level": VERDICT_LEVEL}
        if teacher is not None:
            row |= {"chance": teacher.chance, "teacher_knows": teacher.knows}
        row["suspects"] = [suspect.concept for suspect in class_shift.suspects]
        rows[name] = row
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("class")
    return frame.astype({"teacher_knows": "boolean"})


def suspects(tuner: Tuner, node: Node, classes: Sequence[str] | None, seed: int) -> pd.DataFrame:
    """One row per class and suspect, the most suspect of a class first."""
    rows = [
        {
            "class": name,
            **_suspect_row(suspect),
            "teacher_knows": found.teacher.knows if found.teacher else None,
            "sentence": suspect_sentence(found, suspect),
        }
        for name, found in class_shifts(tuner, node, classes=classes, seed=seed).items()
        for suspect in found.suspects
    ]
    own = [field.name for field in fields(Suspect) if field.name != "presence"]
    frame = pd.DataFrame(rows, columns=["class", *own, *_PRESENCE, "teacher_knows", "sentence"])
    return frame.astype({"teacher_knows": "boolean"})


def _suspect_row(suspect: Suspect) -> dict[str, Any]:
    row, there = asdict(suspect), suspect.presence
    del row["presence"]
    shares = (*there.fit, *there.tune, there.threshold)
    return {**row, **dict(zip(_PRESENCE, shares, strict=True))}
