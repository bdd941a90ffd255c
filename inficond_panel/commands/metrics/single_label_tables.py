"""Tables of ``inficond metrics`` for data with one class an image."""

from __future__ import annotations

from collections.abc import Sequence

from inficond_panel.analysis.top_measures import SingleLabelMeasures
from inficond_panel.commands.metrics.metrics_tables import change_text
from inficond_panel.commands.output import note, say, say_table
from inficond_panel.common.numbers import defined, written, written_range
from inficond_panel.distill import Interval
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.top_metrics import TOP_K, TOP_METRICS

_CELLS = 20  #: confusions that are listed


def say_together(found: SingleLabelMeasures, level: float) -> None:
    """Print the metrics of all students as one classifier, beside the teacher's, with intervals."""
    word, rows = confidence_word(level), []
    for key in found.students:
        name = TOP_METRICS[key].word.replace("top-k", f"top-{found.k}")
        changes = [
            change_text(change[key]) if change else "–"
            for change in (found.since_parent, found.since_start)
        ]
        rows.append([name, *_level(found.students[key]), *_level(found.teacher.get(key)), *changes])
    header = ["all classes", "students", word, "teacher", word]
    say_table([*header, "since the parent", "since the start"], rows)
    if defined(found.students[TOP_K.key].estimate) is None:
        note(f"Top-{found.k} accuracy is undefined: {TOP_METRICS[TOP_K.key].undefined}.")


def say_confusions(found: SingleLabelMeasures, classes: Sequence[str], level: float) -> None:
    """Print which class is taken for which, the most images first."""
    rows = [
        [
            classes[cell.label],
            classes[cell.named],
            str(cell.images),
            written(cell.share),
            written_range(cell.low, cell.high),
            str(int(found.teacher_matrix[cell.label, cell.named])),
        ]
        for cell in found.confusions[:_CELLS]
    ]
    header = ["class", "taken for", "images", "share", confidence_word(level)]
    say_table([*header, "teacher's images"], rows)
    if len(found.confusions) > _CELLS:
        say(f"and {len(found.confusions) - _CELLS} more; --json has all")


def _level(found: Interval | None) -> list[str]:
    if found is None:
        return ["–", "–"]
    return [written(found.estimate), written_range(found.low, found.high)]
