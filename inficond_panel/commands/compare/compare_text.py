"""Words and numbers that ``inficond compare`` writes, to the terminal and to its page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from inficond_panel.common.interval import OUTSIDE_MARK, OUTSIDE_NOTE
from inficond_panel.common.numbers import written
from inficond_panel.distill import SEEN_LABEL, Interval
from inficond_panel.quantify.outputs.outputs import Outputs
from inficond_panel.quantify.outputs.separation import Groups
from inficond_panel.results.distillations import COMPARED, Setting
from inficond_panel.vocabulary.metrics import AP, METRICS

#: Columns of the table of students.
NAMES = {key: METRICS[key].word for key in COMPARED} | {AP.key: AP.mean}


def kind_text(kind: str) -> str:
    """``teacher``, or ``oracle (has seen the label)``."""
    return f"oracle ({SEEN_LABEL})" if kind == "oracle" else kind


def setting_text(setting: Setting) -> str:
    """``oracle (has seen the label), alpha 1, T 2, lambda 0.001``."""
    learned = "labels alone" if setting.alpha == 0 else kind_text(setting.targets)
    alpha = "" if setting.alpha is None else f", alpha {setting.alpha:g}"
    both = " on both" if setting.tempered == "both" else ""
    return f"{learned}{alpha}, T {setting.temperature:g}{both}, lambda {penalty_text(setting)}"


def penalty_text(setting: Setting) -> str:
    """Weight of the L1 penalty, where it is one number."""
    return "by class" if isinstance(setting.lambda_, dict) else f"{setting.lambda_:g}"


def outside_notes(rows: Iterable[Sequence[str]]) -> list[str]:
    """``OUTSIDE_NOTE`` if a cell of a table has its mark."""
    marked = any(cell.endswith(OUTSIDE_MARK) for row in rows for cell in row)
    return [OUTSIDE_NOTE] if marked else []


def starred_change(interval: Interval) -> str:
    """``+0.012 [−0.003, +0.027]``, with a star where the interval excludes 0."""
    if interval.words == "undefined":
        return "undefined"
    star = " " if interval.within_noise else "*"
    return f"{interval.written(sign=True)}{star}"


def others_notes(outputs: Outputs) -> list[str]:
    """Note on what is measured over classes that the data set lacks, where there are some."""
    whole = outputs.whole.get("teacher")
    own, every = len(outputs.classes), 0 if whole is None else whole.shape[1]
    if every <= own:
        return []
    return [
        f"Top-1, its ECE and the softmax's entropy are over all {every} classes of the teacher; "
        f"inficond metrics names the likeliest of the data set's {own}."
    ]


def notes_on(outputs: Outputs, groups: Groups | None) -> list[str]:
    """Notes on other classes, on the groups of the silhouette, and on the ECE if calibrated."""
    lines = others_notes(outputs)
    if groups:
        size = f"{groups.images} images, {len(groups.names)} groups"
        lines.append(f"Silhouette: {groups.rule} ({size}).")
    for kind in outputs.logits:
        wide, mass = outputs.pooled(kind), outputs.pooled(kind, equal_mass=True)
        lines.append(
            f"If the {kind} were calibrated, its pooled ECE would be {written(wide.floor, 4)} "
            f"(equal width) or {written(mass.floor, 4)} (equal mass)."
        )
    return lines
