"""Words and numbers that ``inficond compare`` writes, to the terminal and to its page."""

from __future__ import annotations

from inficond_panel.analysis.distillations import Setting
from inficond_panel.commands.metrics.metrics_tables import range_text
from inficond_panel.commands.output import number
from inficond_panel.distill import SEEN_LABEL, Interval
from inficond_panel.quantify.outputs.output_report import Outputs
from inficond_panel.quantify.outputs.separation import Groups

#: Columns of the table of students.
NAMES = {
    "ap": "mAP",
    "accuracy": "accuracy",
    "fidelity": "fidelity",
    "brier": "Brier",
    "ece": "ECE",
}


def kind_text(kind: str) -> str:
    """``teacher``, or ``oracle (has seen the label)``."""
    return f"oracle ({SEEN_LABEL})" if kind == "oracle" else kind


def setting_text(setting: Setting) -> str:
    """``oracle (has seen the label), alpha 1, T 2, lambda 0.001``."""
    learned = "labels alone" if setting.alpha == 0 else kind_text(setting.targets)
    alpha = "" if setting.alpha is None else f", alpha {setting.alpha:g}"
    return f"{learned}{alpha}, T {setting.temperature:g}, lambda {penalty_text(setting)}"


def penalty_text(setting: Setting) -> str:
    """Weight of the L1 penalty, where it is one number."""
    return "by class" if isinstance(setting.lambda_, dict) else f"{setting.lambda_:g}"


def level_text(found: Interval) -> str:
    """``0.812 [0.790, 0.833]``."""
    if found.words == "undefined":
        return "undefined"
    return f"{number(found.estimate)} {range_text(found)}"


def change_text(found: Interval) -> str:
    """``+0.012 [-0.003, +0.027]``, with a star where the interval excludes 0."""
    if found.words == "undefined":
        return "undefined"
    star = " " if found.within_noise else "*"
    return f"{found.estimate:+.3f} [{found.low:+.3f}, {found.high:+.3f}]{star}"


def notes_on(outputs: Outputs, groups: Groups | None) -> list[str]:
    """How the silhouette's groups were made, and what the ECE would be without fault."""
    lines = []
    if groups:
        size = f"{groups.images} images, {len(groups.names)} groups"
        lines.append(f"Silhouette: {groups.rule} ({size}).")
    for kind in outputs.logits:
        wide, mass = outputs.pooled(kind), outputs.pooled(kind, equal_mass=True)
        lines.append(
            f"If the {kind} were calibrated, its pooled ECE would be {number(wide.floor, 4)} "
            f"(equal width) or {number(mass.floor, 4)} (equal mass)."
        )
    return lines
