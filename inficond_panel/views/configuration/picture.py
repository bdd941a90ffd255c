"""Still picture of the configuration: data set, students and their metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from inficond_panel.ui.notebook.drawing import Drawing
from inficond_panel.vocabulary.palette import INK_2

_WIDTH, _HEIGHT, _NAMES = 1000, 64, 340


def draw_picture(data: Mapping[str, Any], student: Mapping[str, Any]) -> Drawing:
    """The strip's plain data, as ``ConfigurationView`` makes it, in one line of cards."""
    drawing = Drawing(_WIDTH, _HEIGHT)
    dataset, chosen = data["dataset"], data["class"]
    name = chosen["name"] or f"all {chosen['count']} classes"
    drawing.text((12, 26), f"{dataset['name']}, {dataset['size']}", room=_NAMES, bold=True)
    words = f"Students {student['name']}, {name}, split {data['split']}"
    drawing.text((12, 48), words, INK_2, room=_NAMES)
    metrics = data["metrics"]
    step = (_WIDTH - _NAMES) / max(len(metrics), 1)
    for at, metric in enumerate(metrics):
        x = _NAMES + at * step
        drawing.text((x, 26), metric["name"], INK_2, room=step)
        drawing.text((x, 48), metric["now"], room=step / 2, bold=True)
        change = metric["change"]
        if change:
            drawing.text((x + 40, 48), change["text"], INK_2, 11, room=step - 44)
    return drawing
