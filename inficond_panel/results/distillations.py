"""Students distilled under several settings, side by side on one split.

Targets (teacher or oracle), the teacher's weight alpha beside the labels, temperature and L1
penalty: the grid of Lee et al. (BMVC 2023), for linear students and the loss
``CE(label) + alpha CE(teacher at T)``. Whatever is learned from, fidelity is that to the plain
teacher.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inficond_panel.distill import Interval, Outcome, change_intervals, metric_intervals
from inficond_panel.distill.metrics.bootstrap import draw_counts, interval
from inficond_panel.distill.metrics.class_mean import class_mean
from inficond_panel.spec.sections.students import Students
from inficond_panel.tuning.fitting.refit import Progress
from inficond_panel.tuning.node import Node
from inficond_panel.tuning.tuner import Tuner
from inficond_panel.vocabulary.metrics import ACCURACY, AP, BRIER, ECE, FIDELITY, keys
from inficond_panel.vocabulary.splits import TUNE

#: Metrics of the table. Whether one is defined for a class depends on its labels alone, so that
#: the means of all students are over the same classes.
COMPARED = keys(AP, ACCURACY, FIDELITY, BRIER, ECE)


@dataclass(frozen=True)
class Setting:
    """Settings of the spec's ``students``; ``alpha`` None: no labels, 0: labels alone.

    ``lambda_`` is one number, or those by class as in the spec. ``tempered``: the logits that the
    temperature divides, ``teacher`` or ``both``.
    """

    targets: str
    alpha: float | None
    temperature: float
    lambda_: Any
    tempered: str = "teacher"

    @classmethod
    def of(cls, students: Students) -> Setting:
        """The settings of a spec's section ``students``."""
        labels = getattr(students, "labels", None)
        alpha = None if labels is None else float(labels.alpha)
        temperature = float(students.temperature)
        return cls(students.targets, alpha, temperature, students.lambda_, students.tempered)


@dataclass(frozen=True)
class SettingResult:
    """The untouched students of one setting; metrics are means over the classes.

    ``mark`` is the warning beside students of the oracle. ``change`` is from the result at
    ``against``: with the oracle's targets the one with the teacher's and all else alike, otherwise
    the first; None of the first. ``classes`` and ``class_changes`` are the same by class.
    """

    setting: Setting
    mark: str
    node: Node
    metrics: dict[str, Interval]
    against: int | None
    change: dict[str, Interval] | None
    classes: dict[str, dict[str, Interval]]
    class_changes: dict[str, dict[str, Interval]] | None


def setting_grid(
    targets: Sequence[str],
    alphas: Sequence[float | None],
    temperatures: Sequence[float],
    penalties: Sequence[Any],
    tempered: Sequence[str] = ("teacher",),
) -> list[Setting]:
    """All combinations, the targets of one side by side.

    With alpha 0 only the labels are learned, whatever targets and temperature: once a penalty. At
    temperature 1 it does not matter what it divides: once too.
    """
    settings: list[Setting] = []
    for penalty, alpha, temperature, divided, learned in itertools.product(
        penalties, alphas, temperatures, tempered, targets
    ):
        if temperature == 1 and divided != tempered[0]:
            continue
        first = (temperature, divided, learned) == (temperatures[0], tempered[0], targets[0])
        setting = Setting(learned, alpha, temperature, penalty, divided)
        if (first or alpha != 0) and setting not in settings:
            settings.append(setting)
    return settings


def compare_settings(
    tuner: Tuner,
    settings: Sequence[Setting],
    split: str = TUNE,
    *,
    draws: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[SettingResult]:
    """Distill the students of each setting, or take them from the history, and measure them.

    Students that the history does not have are not put there. All are measured on the same draws of
    images, so that what two have in common cancels in their difference. Looks at the holdout are
    the caller's to count. Raises ``TuningError`` for settings that cannot be, and where the store
    has no oracle logits.
    """
    noise = tuner.spec.views.noise(draws, seed)
    counts = draw_counts(len(tuner.store.rows(split)), noise["draws"], seed)
    level = noise["level"]
    measured: list[_Measured] = []
    found: list[SettingResult] = []
    for number, setting in enumerate(settings):
        own = tuner.with_students(**vars(setting))
        node = own.original()
        now = _Measured(own.at(node, split).outcomes, counts)
        against = _reference(settings, number)
        old = None if against is None else measured[against]
        found.append(
            SettingResult(
                setting=setting,
                mark=own.mark,
                node=node,
                metrics=now.levels(level),
                against=against,
                change=now.change(old, level) if old else None,
                classes=now.class_levels(**noise),
                class_changes=now.class_changes(old, **noise) if old else None,
            )
        )
        measured.append(now)
        if progress:
            progress((number + 1) / len(settings), f"Students {number + 1} of {len(settings)}")
    return found


def teacher_metrics(
    tuner: Tuner, split: str, *, draws: int | None = None, seed: int = 0
) -> dict[str, Interval]:
    """The teacher's own, as ``SettingResult.metrics``; its fidelity is 1."""
    noise = tuner.spec.views.noise(draws, seed)
    counts = draw_counts(len(tuner.store.rows(split)), noise["draws"], seed)
    return _Measured(tuner.teacher_outcomes(split), counts).levels(noise["level"])


class _Measured:
    """Metrics of one set of students: means over classes, and these on each draw of images."""

    def __init__(self, outcomes: dict[str, Outcome], counts: np.ndarray) -> None:
        self.outcomes = outcomes
        each = list(outcomes.values())
        self.value = {name: float(class_mean(each, name)[0]) for name in COMPARED}
        self.drawn = {name: class_mean(each, name, counts) for name in COMPARED}

    def levels(self, level: float) -> dict[str, Interval]:
        return {n: interval(self.value[n], self.drawn[n], level, n) for n in COMPARED}

    def change(self, old: _Measured, level: float) -> dict[str, Interval]:
        return {
            n: interval(self.value[n] - old.value[n], self.drawn[n] - old.drawn[n], level, n)
            for n in COMPARED
        }

    def class_levels(self, **noise: Any) -> dict[str, dict[str, Interval]]:
        return {
            name: metric_intervals(outcome, COMPARED, **noise)
            for name, outcome in self.outcomes.items()
        }

    def class_changes(self, old: _Measured, **noise: Any) -> dict[str, dict[str, Interval]]:
        return {
            name: change_intervals(old.outcomes[name], outcome, COMPARED, **noise)
            for name, outcome in self.outcomes.items()
        }


def _reference(settings: Sequence[Setting], number: int) -> int | None:
    """The setting that one is held against: its own with the teacher's targets, else the first."""
    setting = settings[number]
    if setting.targets == "oracle":
        twin = {**vars(setting), "targets": "teacher"}
        for earlier, other in enumerate(settings[:number]):
            if vars(other) == twin:
                return earlier
    return 0 if number else None
