"""The record of one run of ``inficond compare``."""

from __future__ import annotations

from dataclasses import dataclass

from inficond_panel.distill import Interval
from inficond_panel.quantify.outputs.output_report import OutputMeasure
from inficond_panel.quantify.outputs.outputs import Outputs
from inficond_panel.quantify.outputs.separation import Groups
from inficond_panel.results.distillations import SettingResult
from inficond_panel.tuning import Tuner


@dataclass(frozen=True)
class Compared:
    """All that one run finds: outputs on ``fit`` and the teacher's on ``tune``, and students.

    ``groups`` are the silhouette's, None where there is none; ``teacher`` are its own metrics on
    the split of the students.
    """

    tuner: Tuner
    outputs: Outputs
    measures: dict[str, OutputMeasure]
    on_tune: dict[str, OutputMeasure]
    groups: Groups | None
    split: str
    students: list[SettingResult]
    teacher: dict[str, Interval]

    @property
    def level(self) -> float:
        """Level of all intervals."""
        return float(self.tuner.spec.views.confidence)
