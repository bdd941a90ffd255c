"""What the doctor has measured of one class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inficond_panel.common.interval import Interval
from inficond_panel.results.shared_bias import StudentShared, student_shared
from inficond_panel.results.shift import (
    student_contradicted,
    student_differences,
    student_shift,
    tune_aps,
)
from inficond_panel.tuning import Node, Tuner
from inficond_panel.tuning.label_noise import DoubtedLabels
from inficond_panel.tuning.shift import ClassShift
from inficond_panel.tuning.shift_kinds import Differences


@dataclass(frozen=True)
class Examined:
    """Measurements of one class: shift and differences from fit to tune, APs from ``tune_aps``, and
    what its student may rely on in all photos; the labels of fit that are ``contradicted`` one by
    one, None where the differences doubt labels, or there are too few."""

    shift: ClassShift
    found: Differences
    aps: Mapping[str, Interval]
    shared: StudentShared
    contradicted: DoubtedLabels | None


def examine(tuner: Tuner, node: Node, class_name: str, seed: int) -> Examined:
    """Return the measurements of one class at ``node``, which are kept once they are computed."""
    shift = student_shift(tuner, node, class_name, baselines=True, seed=seed)
    return Examined(
        shift,
        student_differences(tuner, node, class_name, seed=seed),
        tune_aps(tuner, node, shift),
        student_shared(tuner, node, class_name, seed=seed),
        student_contradicted(tuner, node, class_name, seed=seed),
    )
